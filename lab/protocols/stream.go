package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"time"

	"github.com/pires/go-proxyproto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// serveGRPC answers the standard health service without TLS.
func serveGRPC(ctx context.Context, open net.Listener) error {
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	after(ctx, server.GracefulStop)
	return server.Serve(open)
}

// encrypted serves what comes in over TLS.
func encrypted(pair tls.Certificate, protocols []string, inner func(context.Context, net.Listener) error) func(context.Context, net.Listener) error {
	return func(ctx context.Context, open net.Listener) error {
		return inner(ctx, tls.NewListener(open, &tls.Config{
			Certificates: []tls.Certificate{pair}, NextProtos: protocols, MinVersion: tls.VersionTLS12,
		}))
	}
}

// selfSigned is a certificate that nobody vouches for.
func selfSigned(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "protocols, signed by itself"},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if name != "" {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// serveEcho sends back what comes, after a line with the task's name.
func serveEcho(ctx context.Context, open net.Listener) error {
	return accept(ctx, open, func(connection net.Conn) error {
		if _, err := fmt.Fprintf(connection, "task %s\n", task()); err != nil {
			return err
		}
		_, err := io.Copy(connection, connection)
		return err
	})
}

// serveClientAddress does the same with a line that tells the client's
// address, and which version of PROXY headers told it: 0 where none did.
func serveClientAddress(ctx context.Context, open net.Listener) error {
	// Whoever reaches this port is believed. That is for a lab only.
	believing := &proxyproto.Listener{Listener: open, ReadHeaderTimeout: 2 * time.Second}
	return accept(ctx, believing, func(connection net.Conn) error {
		// A client of this port speaks first: the header is read with that.
		read := bufio.NewReader(connection)
		if _, err := read.Peek(1); err != nil {
			return err
		}
		version := 0
		if header := connection.(*proxyproto.Conn).ProxyHeader(); header != nil {
			version = int(header.Version)
		}
		if _, err := fmt.Fprintf(connection, "client %s proxy %d task %s\n", connection.RemoteAddr(), version, task()); err != nil {
			return err
		}
		_, err := read.WriteTo(connection)
		return err
	})
}

// accept answers each connection until a little after the context's end.
func accept(ctx context.Context, open net.Listener, answer func(net.Conn) error) error {
	after(ctx, func() { _ = open.Close() })
	for {
		connection, err := open.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = connection.Close() }()
			if err := answer(connection); err != nil && !errors.Is(err, io.EOF) {
				log.Print(err)
			}
		}()
	}
}

// echoPackets sends back each packet with the task's name before it.
func echoPackets(ctx context.Context, open net.PacketConn) error {
	after(ctx, func() { _ = open.Close() })
	for buffer := make([]byte, 64<<10); ; {
		n, from, err := open.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := open.WriteTo(append([]byte(task()+" "), buffer[:n]...), from); err != nil {
			log.Print(err)
		}
	}
}
