// Package meter counts the bytes between an S3 client and the gateway: a plain relay on another loopback port.
package meter

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// Meter is a running relay.
type Meter struct {
	listener                    net.Listener
	target                      string
	sent, received, connections atomic.Int64
}

// Start relays a new loopback port to the target.
func Start(target string) (*Meter, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the meter: %w", err)
	}
	m := &Meter{listener: listener, target: target}
	go m.accept()
	return m, nil
}

// Address is where clients connect.
func (m *Meter) Address() string { return m.listener.Addr().String() }

// Sent is the number of bytes from clients to the target.
func (m *Meter) Sent() int64 { return m.sent.Load() }

// Received is the number of bytes from the target to clients.
func (m *Meter) Received() int64 { return m.received.Load() }

// Connections is how many clients connected.
func (m *Meter) Connections() int64 { return m.connections.Load() }

// Close ends the relay for new clients.
func (m *Meter) Close() error { return m.listener.Close() }

func (m *Meter) accept() {
	for {
		client, err := m.listener.Accept()
		if err != nil {
			return
		}
		m.connections.Add(1)
		go m.relay(client)
	}
}

func (m *Meter) relay(client net.Conn) {
	defer client.Close()
	target, err := net.DialTimeout("tcp4", m.target, 10*time.Second)
	if err != nil {
		return
	}
	defer target.Close()
	go func() {
		io.Copy(target, counted{client, &m.sent})
		target.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(client, counted{target, &m.received})
}

// counted adds what is read to a counter.
type counted struct {
	io.Reader
	count *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.count.Add(int64(n))
	return n, err
}
