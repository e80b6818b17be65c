// Command protocols is an application that speaks what an ingress must carry,
// and a stand-in for an identity provider.
//
//	protocols serve [NAME]   answer until SIGTERM, and a little longer; NAME is
//	                         in the certificate that it signs itself
//	    :8080  HTTP: echo, websocket, uploads, events, a health that can be lost
//	    :8081  gRPC in plain text: the standard health service
//	    :8443  HTTPS, :9001 an echo over TLS, both with that certificate
//	    :9000  an echo that tells its client's address, from a PROXY header
//	    :9002  an echo over UDP
//	protocols sso URL        a login page at URL, and on :8080 the check that a
//	                         proxy asks before it lets a request in
//	protocols check [URL]    tell what it answers, and whether that is good
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// linger is how long a server goes on after SIGTERM, since others may still
// have its address. Nobody tells a server when the last of them forgot it.
const linger = 3 * time.Second

func main() {
	log.SetFlags(log.Lmicroseconds)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string) error {
	switch args = append(args, "", ""); args[0] {
	case "serve":
		return serve(ctx, args[1])
	case "sso":
		return signOn(ctx, args[1])
	case "check":
		return check(ctx, args[1])
	}
	return errors.New("usage: protocols serve [NAME] | sso URL | check [URL]")
}

// listener is one port and what answers there until the context ends.
type listener struct {
	address string
	serve   func(context.Context, net.Listener) error
}

// serve answers on all ports, and ends with the first that fails.
func serve(ctx context.Context, name string) error {
	pair, err := selfSigned(name)
	if err != nil {
		return err
	}
	app := &application{}
	all := []listener{
		{":8080", serveHTTP(app.routes())},
		{":8081", serveGRPC},
		{":8443", encrypted(pair, []string{"http/1.1"}, serveHTTP(app.routes()))},
		{":9000", serveClientAddress},
		{":9001", encrypted(pair, nil, serveEcho)},
	}
	ended := make(chan error, len(all)+1)
	for _, l := range all {
		open, err := net.Listen("tcp", l.address)
		if err != nil {
			return err
		}
		go func() { ended <- l.serve(ctx, open) }()
	}
	packets, err := net.ListenPacket("udp", ":9002")
	if err != nil {
		return err
	}
	go func() { ended <- echoPackets(ctx, packets) }()
	for range len(all) + 1 {
		if err := <-ended; err != nil {
			return err
		}
	}
	return nil
}

// after runs stop a little after the context's end.
func after(ctx context.Context, stop func()) {
	context.AfterFunc(ctx, func() { time.AfterFunc(linger, stop) })
}

// check is the image's health check.
func check(ctx context.Context, url string) error {
	if url == "" {
		url = "http://127.0.0.1:8080/healthz"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(os.Stdout, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	return nil
}
