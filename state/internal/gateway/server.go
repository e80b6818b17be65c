// Package gateway serves the encrypted store as S3 on loopback.
//
// The S3 protocol is gofakes3's, as in `rclone serve s3`, but every request goes straight to the store: there is no
// directory cache, so that several gateways on one store always agree, and no write cache, so that what was
// acknowledged is stored. It also costs a remote one or two requests where rclone's file system layer needs a dozen.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/rclone/gofakes3"

	"skep/state/internal/home"
	"skep/state/internal/store"
)

// Server is a running S3 server.
type Server struct {
	Address string
	http    *http.Server
	ended   chan error
}

// Start serves an opened store on the given loopback address, to those who sign with the given key.
func Start(s *store.Store, address string, key home.Credentials) (*Server, error) {
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w: stop what uses the port, or choose another with scripts/state init --port N", address, err)
	}
	logger := log.New(os.Stderr, "", log.LstdFlags|log.LUTC)
	keys := map[string]string{key.AccessKey: key.SecretKey}
	fake := gofakes3.New(newBackend(s, logger),
		gofakes3.WithLogger(gofakes3.StdLog(logger, gofakes3.LogErr)),
		gofakes3.WithoutVersioning(),
		gofakes3.WithV4Auth(keys),
		gofakes3.WithIntegrityCheck(true),
	)
	fake.AddAuthKeys(keys)
	server := &Server{
		Address: listener.Addr().String(),
		http: &http.Server{
			Handler:           fake.Server(),
			ErrorLog:          logger,
			ReadHeaderTimeout: 10 * time.Second,
			ReadTimeout:       30 * time.Minute, // of a large body
			IdleTimeout:       2 * time.Minute,
		},
		ended: make(chan error, 1),
	}
	go func() { server.ended <- server.http.Serve(listener) }()
	return server, nil
}

// Wait serves until the context ends, then finishes the requests that are being answered.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case err := <-s.ended:
		return fmt.Errorf("serve on %s: %w", s.Address, err)
	case <-ctx.Done():
		return s.Stop()
	}
}

// Stop ends the server after the requests that it is answering, but does not wait for them for ever.
func (s *Server) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return fmt.Errorf("stop the gateway: %w", errors.Join(err, s.http.Close()))
	}
	return nil
}
