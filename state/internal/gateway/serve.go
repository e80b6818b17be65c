// Package gateway serves the encrypted store as S3 on loopback.
package gateway

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	_ "github.com/rclone/rclone/cmd/serve/s3" // registers the server type "s3"
	rclone "github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/rc"

	"skep/state/internal/home"
)

// Server is a running S3 server.
type Server struct {
	Address string
	id      string
}

// Start serves a configured, proven store on the given loopback address.
//
// The directory cache must be short, because other gateways write to the same store: with the default of five minutes
// two operators both take Pulumi's lock. It must not be 0 either: then no write ever finishes. The cache mode stays
// off, because with it a write is acknowledged before it is stored.
func Start(ctx context.Context, plain rclone.Fs, address string, credentials home.Credentials) (*Server, error) {
	// rclone's message for a taken port names no remedy.
	probe, err := net.Listen("tcp4", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w: stop what uses the port, or choose another with scripts/state init --port N", address, err)
	}
	probe.Close()
	reply, err := rc.Calls.Get("serve/start").Fn(ctx, rc.Params{
		"type":           "s3",
		"fs":             rclone.ConfigString(plain),
		"addr":           []string{address},
		"auth_key":       []string{credentials.AccessKey + "," + credentials.SecretKey},
		"dir_cache_time": rclone.Duration(time.Millisecond),
		"poll_interval":  rclone.Duration(0),
		"vfs_cache_mode": "off",
	})
	if err != nil {
		return nil, fmt.Errorf("serve the store on %s: %w", address, err)
	}
	id, _ := reply.GetString("id")
	bound, _ := reply.GetString("addr")
	return &Server{Address: bound, id: id}, nil
}

// Stop ends the server after the requests that it is answering.
func (s *Server) Stop() error {
	_, err := rc.Calls.Get("serve/stop").Fn(context.Background(), rc.Params{"id": s.id})
	if err != nil {
		return fmt.Errorf("stop the gateway: %w", err)
	}
	return nil
}

// Wait serves until the process is told to end.
func (s *Server) Wait() error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	return s.Stop()
}
