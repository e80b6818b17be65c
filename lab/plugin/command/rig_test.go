package command

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"skep/lab/plugin/serve"
)

func itoa(n int) string { return strconv.Itoa(n) }

// connectionTo is a connection with the defaults filled in.
func connectionTo(address, user, hostKeyLine string) resource.PropertyMap {
	host, portText, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(portText)
	return resource.PropertyMap{
		"host":           resource.NewProperty(host),
		"port":           resource.NewProperty(float64(port)),
		"user":           resource.NewProperty(user),
		"privateKey":     resource.NewProperty(userKey().private),
		"hostKey":        resource.NewProperty(hostKeyLine),
		"dialErrorLimit": resource.NewProperty(10.0),
		"perDialTimeout": resource.NewProperty(15.0),
	}
}

// props makes properties from plain values; connections become secret.
func props(pairs ...any) resource.PropertyMap {
	m := resource.PropertyMap{}
	for i := 0; i < len(pairs); i += 2 {
		key := resource.PropertyKey(pairs[i].(string))
		switch v := pairs[i+1].(type) {
		case resource.PropertyMap:
			m[key] = resource.NewProperty(v)
		case resource.PropertyValue:
			m[key] = v
		default:
			m[key] = resource.NewPropertyValue(v)
		}
		if key == "connection" && !m[key].IsSecret() {
			m[key] = resource.MakeSecret(m[key])
		}
	}
	return m
}

// with is a copy of m with other values.
func with(m resource.PropertyMap, pairs ...any) resource.PropertyMap {
	m = m.Copy()
	for key, value := range props(pairs...) {
		m[key] = value
	}
	return m
}

// without is a copy of m without some keys.
func without(m resource.PropertyMap, keys ...resource.PropertyKey) resource.PropertyMap {
	m = m.Copy()
	for _, key := range keys {
		delete(m, key)
	}
	return m
}

func secret(text string) resource.PropertyValue {
	return resource.MakeSecret(resource.NewProperty(text))
}

var unknown = resource.MakeComputed(resource.NewProperty(""))

// fakeEngine keeps what a plugin logs.
type fakeEngine struct {
	pulumirpc.UnimplementedEngineServer
	mu       sync.Mutex
	messages []*pulumirpc.LogRequest
}

func (e *fakeEngine) Log(_ context.Context, req *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.messages = append(e.messages, req)
	return &emptypb.Empty{}, nil
}

// log is all that was logged with a severity.
func (e *fakeEngine) log(severity pulumirpc.LogSeverity) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var text []string
	for _, message := range e.messages {
		if message.GetSeverity() == severity {
			text = append(text, message.GetMessage())
		}
	}
	return strings.Join(text, "\n")
}

// rig is the provider behind a real gRPC connection, with a fake engine.
type rig struct {
	*testing.T
	client pulumirpc.ResourceProviderClient
	engine *fakeEngine
	// kind is the type token that requests are for.
	kind string
	// timeout is the seconds of customTimeouts.
	timeout float64
}

// plain is a dialer with no agent.
var plain = dialer{keepalive: keepalive}

func newRig(t *testing.T, token string) *rig { return newRigWith(t, token, plain) }

func newRigWith(t *testing.T, token string, d dialer) *rig {
	t.Helper()
	engine := &fakeEngine{}
	host := &serve.Host{}
	if err := host.Attach(serveGRPC(t, func(s *grpc.Server) { pulumirpc.RegisterEngineServer(s, engine) })); err != nil {
		t.Fatal(err)
	}
	address := serveGRPC(t, func(s *grpc.Server) {
		pulumirpc.RegisterResourceProviderServer(s, newProvider(host, d))
	})
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(400<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &rig{T: t, client: pulumirpc.NewResourceProviderClient(conn), engine: engine, kind: token}
}

func serveGRPC(t *testing.T, register func(*grpc.Server)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(400 << 20))
	register(server)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func (r *rig) urn() string { return "urn:pulumi:lab::skep::" + r.kind + "::box" }

func (r *rig) wire(m resource.PropertyMap) *structpb.Struct {
	r.Helper()
	s, err := marshal("test", m)
	if err != nil {
		r.Fatal(err)
	}
	return s
}

func (r *rig) unwire(s *structpb.Struct) resource.PropertyMap {
	r.Helper()
	m, err := unmarshal("test", s)
	if err != nil {
		r.Fatal(err)
	}
	return m
}

// check gives the inputs as the provider fills them and its failures as
// "property: reason".
func (r *rig) check(news resource.PropertyMap) (resource.PropertyMap, []string) {
	r.Helper()
	res, err := r.client.Check(r.Context(), &pulumirpc.CheckRequest{Urn: r.urn(), News: r.wire(news)})
	if err != nil {
		r.Fatalf("Check: %v", err)
	}
	var failures []string
	for _, failure := range res.GetFailures() {
		failures = append(failures, failure.GetProperty()+": "+failure.GetReason())
	}
	return r.unwire(res.GetInputs()), failures
}

// diff gives the detailed diff as "path" to "kind".
func (r *rig) diff(old, news resource.PropertyMap, ignore ...string) (*pulumirpc.DiffResponse, map[string]string) {
	r.Helper()
	res, err := r.client.Diff(r.Context(), &pulumirpc.DiffRequest{
		Id: "x", Urn: r.urn(), OldInputs: r.wire(old), News: r.wire(news), IgnoreChanges: ignore,
		Olds: r.wire(with(old, "stdout", "", "stderr", "")),
	})
	if err != nil {
		r.Fatalf("Diff: %v", err)
	}
	kinds := map[string]string{}
	for path, change := range res.GetDetailedDiff() {
		kinds[path] = change.GetKind().String()
	}
	return res, kinds
}

func (r *rig) create(inputs resource.PropertyMap) (resource.PropertyMap, error) {
	r.Helper()
	_, state, err := r.createAs(inputs, false)
	return state, err
}

func (r *rig) createAs(inputs resource.PropertyMap, preview bool) (string, resource.PropertyMap, error) {
	r.Helper()
	res, err := r.client.Create(r.Context(), &pulumirpc.CreateRequest{
		Urn: r.urn(), Properties: r.wire(inputs), Timeout: r.timeout, Preview: preview,
	})
	if err != nil {
		return "", nil, err
	}
	return res.GetId(), r.unwire(res.GetProperties()), nil
}

func (r *rig) update(old, inputs resource.PropertyMap, preview bool) (resource.PropertyMap, error) {
	r.Helper()
	res, err := r.client.Update(r.Context(), &pulumirpc.UpdateRequest{
		Id: "x", Urn: r.urn(), Olds: r.wire(old), News: r.wire(inputs), Timeout: r.timeout, Preview: preview,
	})
	if err != nil {
		return nil, err
	}
	return r.unwire(res.GetProperties()), nil
}

func (r *rig) delete(state resource.PropertyMap) error {
	r.Helper()
	_, err := r.client.Delete(r.Context(), &pulumirpc.DeleteRequest{
		Id: "x", Urn: r.urn(), Properties: r.wire(state), Timeout: r.timeout,
	})
	return err
}

// mustCreate creates or ends the test.
func (r *rig) mustCreate(inputs resource.PropertyMap) resource.PropertyMap {
	r.Helper()
	state, err := r.create(inputs)
	if err != nil {
		r.Fatalf("Create: %v", err)
	}
	return state
}

// text is a string in a state, with its secret mark taken off.
func text(m resource.PropertyMap, key resource.PropertyKey) string {
	s, _ := textOf(m, key)
	return s
}

// wantError checks that an error has every part in its text.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want one with %q", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

// patience is what tells slow from for ever: what commands here would wait for
// in vain takes longer, and a busy machine less.
const patience = 45 * time.Second

// within checks that f waits at least so long, and not for ever.
func within(t *testing.T, least time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took < least || took > patience {
		t.Errorf("took %s, want %s to %s", took, least, patience)
	}
}

// eventually polls a named condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
