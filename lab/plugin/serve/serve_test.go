package serve

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
)

// fakeEngine keeps the log messages it gets.
type fakeEngine struct {
	pulumirpc.UnimplementedEngineServer
	mu  sync.Mutex
	got []string
}

func (e *fakeEngine) Log(_ context.Context, req *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got = append(e.got, req.GetSeverity().String()+" "+req.GetUrn()+" "+req.GetMessage())
	return &emptypb.Empty{}, nil
}

func startEngine(t *testing.T) (*fakeEngine, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	engine, server := &fakeEngine{}, grpc.NewServer()
	pulumirpc.RegisterEngineServer(server, engine)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return engine, listener.Addr().String()
}

// slow is a provider whose Read waits until it is cancelled.
type slow struct {
	*Base
	entered chan struct{}
}

func (s *slow) Read(ctx context.Context, _ *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	ctx, cancel := s.Context(ctx)
	defer cancel()
	close(s.entered)
	<-ctx.Done()
	return nil, ctx.Err()
}

// start runs a plugin and returns a client for it, what ends it and its result.
func start(t *testing.T, engine string, provider *slow) (pulumirpc.ResourceProviderClient, context.CancelFunc, <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	result := make(chan error, 1)
	go func() {
		result <- run(ctx, []string{"--tracing", "x", "-v=9", "--logtostderr", engine}, in,
			func(host *Host) (pulumirpc.ResourceProviderServer, error) {
				provider.Base = NewBase(host, "1.2.3")
				return provider, nil
			})
	}()
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("read port: %v", err)
	}
	conn, err := grpc.NewClient("127.0.0.1:"+strings.TrimSpace(port),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return pulumirpc.NewResourceProviderClient(conn), cancel, result
}

func TestServeAnswersAndLogs(t *testing.T) {
	engine, address := startEngine(t)
	provider := &slow{entered: make(chan struct{})}
	client, stop, result := start(t, address, provider)

	info, err := client.GetPluginInfo(t.Context(), &emptypb.Empty{})
	if err != nil || info.GetVersion() != "1.2.3" {
		t.Fatalf("GetPluginInfo = %v, %v", info, err)
	}
	if err := provider.Host.Log(t.Context(), diag.Warning, "urn:x", "bad \xff byte"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"WARNING urn:x bad \uFFFD byte"}, engine.got); diff != "" {
		t.Error(diff)
	}
	stop()
	if err := <-result; err != nil {
		t.Errorf("run = %v", err)
	}
}

func TestShutdownCancelsRequestsInFlight(t *testing.T) {
	_, address := startEngine(t)
	provider := &slow{entered: make(chan struct{})}
	client, stop, result := start(t, address, provider)
	answered := make(chan error, 1)
	go func() {
		_, err := client.Read(t.Context(), &pulumirpc.ReadRequest{})
		answered <- err
	}()
	<-provider.entered
	stop()
	select {
	case err := <-answered:
		if err == nil || !strings.Contains(err.Error(), "context canceled") {
			t.Errorf("Read = %v, want a cancelled context", err)
		}
	case <-time.After(stopGrace):
		t.Fatal("the request in flight was not cancelled")
	}
	if err := <-result; err != nil {
		t.Errorf("run = %v", err)
	}
}

func TestEngineAddress(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
		fail bool
	}{
		{args: nil},
		{args: []string{"127.0.0.1:1"}, want: "127.0.0.1:1"},
		{args: []string{"-v=3", "--tracing", "t", "a:1"}, want: "a:1"},
		{args: []string{"a:1", "b:2"}, fail: true},
		{args: []string{"--bogus"}, fail: true},
	} {
		got, err := engineAddress(tt.args)
		if got != tt.want || (err != nil) != tt.fail {
			t.Errorf("engineAddress(%q) = %q, %v", tt.args, got, err)
		}
	}
}

func TestHostWithoutEngineDropsMessages(t *testing.T) {
	if err := (&Host{}).Log(t.Context(), diag.Info, "", "x"); err == nil {
		t.Error("Log with no engine gave no error")
	}
	if err := (*Host)(nil).Log(t.Context(), diag.Info, "", "x"); err == nil {
		t.Error("Log on a nil host gave no error")
	}
}

func TestWatchParentSeesTheParentGo(t *testing.T) {
	gone := make(chan struct{})
	go watchParent(t.Context(), -1, func() { close(gone) })
	select {
	case <-gone:
	case <-time.After(10 * parentPoll):
		t.Error("a parent that is another process was not noticed")
	}
}
