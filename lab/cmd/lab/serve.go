package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	mdns "github.com/miekg/dns"

	"skep/lab/acme"
	"skep/lab/cloud"
	"skep/lab/dns"
	"skep/lab/registry"
)

// runServe is the services container: DNS and registry until it is stopped.
func runServe(ctx context.Context, s *session, args []string) error {
	if err := noArgs("serve", args); err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	// Here the engine's resolver, which asks what the machine itself asks.
	resolvers, err := mdns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil {
		return fmt.Errorf("find resolvers: %w", err)
	}
	names := &dns.Server{Dir: s.instance.CloudDir(), Services: s.instance.Services()}
	for _, server := range resolvers.Servers {
		names.Upstream = append(names.Upstream, net.JoinHostPort(server, resolvers.Port))
	}
	images, err := registry.Open(s.instance.RegistryDir(), s.instance.Gateway())
	if err != nil {
		return err
	}
	cert, err := certificate(s.instance.CADir())
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- names.Serve(ctx, ":53") }()
	go func() { ended <- serveTLS(ctx, ":443", cert, byHost(images, cloud.Open(s.instance.CloudDir()))) }()
	err = <-ended
	stop()
	<-ended
	return err
}

// byHost sends requests to Cloudflare's names to the played one, those to the
// ACME authority there, and all others to the registry. What the former two are
// told to do stands in the container's log.
func byHost(images http.Handler, played *cloud.Store) http.Handler {
	handlers := map[string]http.Handler{
		cloud.RangesHost: http.HandlerFunc(played.ServeRanges),
		cloud.APIHost:    played.API(log.New(os.Stderr, "Cloudflare ", log.LstdFlags)),
		// It validates by the lab's own names.
		dns.ACME: acme.New("127.0.0.1:53", log.New(os.Stderr, "Pebble ", log.LstdFlags)),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, there := handlers[r.Host]; there {
			handler.ServeHTTP(w, r)
			return
		}
		images.ServeHTTP(w, r)
	})
}

// serveTLS answers on addr until the context ends.
func serveTLS(ctx context.Context, addr string, cert tls.Certificate, handler http.Handler) error {
	server := &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		// Clients that hang up are not worth a line each.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.ListenAndServeTLS("", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve TLS on %q: %w", addr, err)
	}
	return nil
}
