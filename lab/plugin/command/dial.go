package command

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	firstDelay = 100 * time.Millisecond
	delayGrow  = 1.5
	maxDelay   = 5 * time.Second
	// delaySpread makes commands that were refused together come back apart.
	delaySpread = 0.1
)

// dialer opens SSH connections.
type dialer struct {
	// environAgent is the socket of the agent that the environment names.
	environAgent string
	// keepalive is how often a silent host is asked for a sign of life. It
	// is given up when it misses keepaliveMisses of them.
	keepalive time.Duration
}

// keepaliveMisses is how many signs of life in a row may be missing.
const keepaliveMisses = 3

// link is an SSH connection with all that must be closed after it.
type link struct {
	*ssh.Client
	via *ssh.Client
}

// Close closes the connection and the one that it goes through.
func (l *link) Close() error {
	err := l.Client.Close()
	if l.via != nil {
		err = errors.Join(err, l.via.Close())
	}
	return err
}

// dial connects to the host of c, through its proxy if it has one, and tries
// again as long as the limits of c and ctx allow.
func (d dialer) dial(ctx context.Context, c connection) (*link, error) {
	// Faults in the configuration are found before any connection is made.
	config, done, err := c.clientConfig(d.environAgent)
	if err != nil {
		return nil, err
	}
	defer done()
	l := &link{}
	if c.proxy != nil {
		proxyConfig, proxyDone, err := c.proxy.clientConfig(d.environAgent)
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		defer proxyDone()
		if l.via, err = retry(ctx, *c.proxy, proxyConfig, nil); err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
	}
	if l.Client, err = retry(ctx, c, config, l.via); err != nil {
		if l.via != nil {
			_ = l.via.Close()
			err = fmt.Errorf("reach %q through proxy %q: %w", c.address(), c.proxy.address(), err)
		}
		return nil, err
	}
	if d.keepalive > 0 {
		go keepAlive(l.Client, d.keepalive)
	}
	return l, nil
}

// retry tries to connect until it works, until the limit of c is reached or
// until ctx ends. A refused login and a wrong host key are tried again too: a
// host that boots for the first time answers before it has its own keys.
func retry(ctx context.Context, c connection, config *ssh.ClientConfig, via *ssh.Client) (*ssh.Client, error) {
	delay := firstDelay
	var last error
	for try := 1; ; try++ {
		client, err := attempt(ctx, c, config, via)
		if err == nil {
			return client, nil
		}
		if ctx.Err() != nil {
			return nil, givenUp(ctx, c, try, last)
		}
		if c.dialErrorLimit >= 0 && try > c.dialErrorLimit {
			return nil, fmt.Errorf("after %d failed attempts: %w", try, err)
		}
		last = err
		spread := 1 + delaySpread*(2*rand.Float64()-1)
		select {
		case <-ctx.Done():
			return nil, givenUp(ctx, c, try, last)
		case <-time.After(time.Duration(float64(delay) * spread)):
		}
		delay = min(time.Duration(float64(delay)*delayGrow), maxDelay)
	}
}

// givenUp is the error when ctx ended before the host was reached.
func givenUp(ctx context.Context, c connection, tries int, last error) error {
	if last == nil {
		return fmt.Errorf("dial %q: after %d failed attempts: %w", c.address(), tries, ctx.Err())
	}
	return fmt.Errorf("dial %q: after %d failed attempts: %w (the last one: %v)", c.address(), tries, ctx.Err(), last)
}

// attempt connects and logs in once. The time limit holds for all of it, also
// for a server that accepts the connection and then says nothing.
func attempt(ctx context.Context, c connection, config *ssh.ClientConfig, via *ssh.Client) (*ssh.Client, error) {
	if c.perDialTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.perDialTimeout)
		defer cancel()
	}
	var conn net.Conn
	var err error
	if via != nil {
		conn, err = via.DialContext(ctx, "tcp", c.address())
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", c.address())
	}
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	transport, channels, requests, err := ssh.NewClientConn(conn, c.address(), config)
	if !stop() {
		if err == nil {
			_ = transport.Close()
		}
		return nil, fmt.Errorf("log in to %q: no answer from an SSH server in time: %w", c.address(), ctx.Err())
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("log in to %q: %w", c.address(), err)
	}
	return ssh.NewClient(transport, channels, requests), nil
}

// keepAlive asks the host for a sign of life until the connection ends, and
// closes it when the host has stopped to answer. Without this a command on a
// host that lost its power would wait for ever.
func keepAlive(client *ssh.Client, every time.Duration) {
	ended := make(chan struct{})
	go func() { _ = client.Wait(); close(ended) }()
	for {
		select {
		case <-ended:
			return
		case <-time.After(every):
		}
		answered := make(chan struct{})
		go func() {
			// Any answer will do, also that the request is not known.
			_, _, _ = client.SendRequest("keepalive@openssh.com", true, nil)
			close(answered)
		}()
		select {
		case <-ended:
			return
		case <-answered:
		case <-time.After(keepaliveMisses * every):
			_ = client.Close()
			return
		}
	}
}
