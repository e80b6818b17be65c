// Package serve runs a Pulumi provider plugin: it speaks the part of the
// plugin protocol that is the same for every provider, so that a provider
// package holds only its resources.
//
// A plugin process listens on a loopback port of the kernel's choice, prints
// that port as the first line of its standard output and answers until the
// engine interrupts it or is gone.
package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	// maxMessage is what the engine itself allows for one message.
	maxMessage = 400 << 20
	// stopGrace is how long requests in flight may take to end after the
	// provider was told to cancel. The engine kills a plugin after 5 s.
	stopGrace = 4 * time.Second
	// parentPoll is how often the plugin looks whether its engine still lives.
	parentPoll = time.Second
)

// Maker builds the provider that a plugin process serves. The host is where
// the provider sends its log messages.
type Maker func(host *Host) (pulumirpc.ResourceProviderServer, error)

// Main serves the provider that makeServer builds and returns the exit code of
// the process. It reads its arguments from os.Args: the engine's address, or
// none when somebody starts the plugin by hand to attach an engine to it.
func Main(name, version string, makeServer Maker) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, makeServer)
	if err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-resource-%s v%s: %v\n", name, version, err)
		return 1
	}
	return 0
}

// run is Main with its surroundings as arguments.
func run(ctx context.Context, args []string, stdout io.Writer, makeServer Maker) error {
	engine, err := engineAddress(args)
	if err != nil {
		return err
	}
	host := &Host{}
	defer host.close()
	if engine != "" {
		if err := host.Attach(engine); err != nil {
			return err
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		go watchParent(ctx, os.Getppid(), cancel)
	}
	provider, err := makeServer(host)
	if err != nil {
		return fmt.Errorf("make provider: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen on loopback: %w", err)
	}
	server := newServer(provider)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "%d\n", listener.Addr().(*net.TCPAddr).Port)

	select {
	case err := <-served:
		return fmt.Errorf("serve provider: %w", err)
	case <-ctx.Done():
	}
	shutdown(server, provider)
	return nil
}

// engineAddress finds the engine's address among the arguments of a plugin.
// The logging and tracing flags of the engine are accepted and not used.
func engineAddress(args []string) (string, error) {
	flags := flag.NewFlagSet("plugin", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.String("tracing", "", "")
	flags.Bool("logtostderr", false, "")
	flags.Int("v", 0, "")
	if err := flags.Parse(args); err != nil {
		return "", fmt.Errorf("read arguments %q: %w", args, err)
	}
	switch flags.NArg() {
	case 0:
		return "", nil
	case 1:
		return flags.Arg(0), nil
	default:
		return "", fmt.Errorf("read arguments %q: want the engine's address and nothing else", args)
	}
}

// newServer registers the provider and the health service that the engine asks.
func newServer(provider pulumirpc.ResourceProviderServer) *grpc.Server {
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))
	pulumirpc.RegisterResourceProviderServer(server, provider)
	alive := health.NewServer()
	for service := range server.GetServiceInfo() {
		alive.SetServingStatus(service, healthgrpc.HealthCheckResponse_SERVING)
	}
	healthgrpc.RegisterHealthServer(server, alive)
	return server
}

// shutdown tells the provider to cancel what it does and waits a short time
// for the answers to leave.
func shutdown(server *grpc.Server, provider pulumirpc.ResourceProviderServer) {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		// A provider without Cancel has nothing to stop.
		_, _ = provider.Cancel(ctx, &emptypb.Empty{})
		server.GracefulStop()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		server.Stop()
	}
}

// watchParent calls gone when the process that started the plugin ends: an
// engine that was killed does not interrupt its plugins.
func watchParent(ctx context.Context, parent int, gone func()) {
	tick := time.NewTicker(parentPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if os.Getppid() != parent {
				gone()
				return
			}
		}
	}
}

// errNoHost says that no engine is attached.
var errNoHost = errors.New("no engine attached")
