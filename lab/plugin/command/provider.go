// Package command is a Pulumi provider plugin that answers for version 1.2.1
// of the official command provider: it runs commands on this machine and,
// over SSH, on hosts, and copies files to hosts.
//
// CONFORMANCE.md lists what it does as the official provider does and where
// it is deliberately better. Programs must not depend on the latter.
package command

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"skep/lab/plugin/serve"
)

const (
	name    = "command"
	version = "1.2.1"
)

// keepalive is how often a silent host is asked for a sign of life.
const keepalive = 15 * time.Second

// Main serves the plugin and returns the exit code of the process.
func Main() int {
	return serve.Main(name, version, func(host *serve.Host) (pulumirpc.ResourceProviderServer, error) {
		return newProvider(host, dialer{environAgent: os.Getenv("SSH_AUTH_SOCK"), keepalive: keepalive}), nil
	})
}

// provider dispatches the calls of the engine to the kinds of resources.
type provider struct {
	*serve.Base
	kinds map[string]kind
}

var _ pulumirpc.ResourceProviderServer = (*provider)(nil)

func newProvider(host *serve.Host, d dialer) *provider {
	return &provider{
		Base: serve.NewBase(host, version),
		kinds: map[string]kind{
			remoteCommandToken: script{inputs: remoteCommandShape(), run: d.runRemote},
			localCommandToken:  script{inputs: localCommandShape(), run: runLocal},
			copyToRemoteToken:  copyToRemote{dialer: d},
		},
	}
}

// kindOf finds the kind of the resource that a request is about.
func (p *provider) kindOf(urn string) (kind, call, error) {
	c := call{urn: resource.URN(urn), host: p.Host}
	token := string(c.urn.Type())
	k, ok := p.kinds[token]
	if !ok {
		return nil, c, fmt.Errorf("find resource type %q: the lab's command provider has only %q, %q and %q",
			token, remoteCommandToken, localCommandToken, copyToRemoteToken)
	}
	return k, c, nil
}

// limit is the context of an operation: it ends with the engine's request,
// with Cancel and after the seconds that customTimeouts gives.
func (p *provider) limit(ctx context.Context, seconds float64) (context.Context, context.CancelFunc) {
	ctx, cancel := p.Context(ctx)
	if seconds <= 0 {
		return ctx, cancel
	}
	ctx, stop := context.WithTimeout(ctx, time.Duration(seconds*float64(time.Second)))
	return ctx, func() { stop(); cancel() }
}

// Check finds faults in the inputs of a resource and fills in what is absent.
func (p *provider) Check(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	k, _, err := p.kindOf(req.GetUrn())
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(req.GetUrn(), req.GetNews())
	if err != nil {
		return nil, err
	}
	inputs, failures := k.shape().fill(news)
	if len(failures) > 0 {
		return &pulumirpc.CheckResponse{Inputs: req.GetNews(), Failures: failures}, nil
	}
	out, err := marshal(req.GetUrn(), inputs)
	return &pulumirpc.CheckResponse{Inputs: out}, err
}

// Diff compares the inputs of the last operation with new ones.
func (p *provider) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	k, _, err := p.kindOf(req.GetUrn())
	if err != nil {
		return nil, err
	}
	from := req.GetOldInputs()
	if len(from.GetFields()) == 0 {
		from = req.GetOlds()
	}
	old, err := unmarshal(req.GetUrn(), from)
	if err != nil {
		return nil, err
	}
	for key := range old {
		if _, input := k.shape().fields[key]; !input {
			delete(old, key)
		}
	}
	news, err := unmarshal(req.GetUrn(), req.GetNews())
	if err != nil {
		return nil, err
	}
	return diffInputs(old, news, req.GetIgnoreChanges())
}

// Create makes a resource. When it fails nothing goes into the state, so the
// next operation creates it again.
func (p *provider) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	k, c, err := p.kindOf(req.GetUrn())
	if err != nil {
		return nil, err
	}
	inputs, err := unmarshal(req.GetUrn(), req.GetProperties())
	if err != nil {
		return nil, err
	}
	id, err := k.newID(c.urn.Name(), req.GetPreview())
	if err != nil {
		return nil, fmt.Errorf("make ID of %q: %w", c.urn.Name(), err)
	}
	state := k.preview(inputs)
	if !req.GetPreview() {
		ctx, cancel := p.limit(ctx, req.GetTimeout())
		defer cancel()
		if state, err = k.create(ctx, c, inputs); err != nil {
			return nil, err
		}
	}
	props, err := marshal(req.GetUrn(), state)
	return &pulumirpc.CreateResponse{Id: id, Properties: props}, err
}

// Update changes a resource. When it fails the old state stays.
func (p *provider) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	k, c, err := p.kindOf(req.GetUrn())
	if err != nil {
		return nil, err
	}
	inputs, err := unmarshal(req.GetUrn(), req.GetNews())
	if err != nil {
		return nil, err
	}
	old, err := unmarshal(req.GetUrn(), req.GetOlds())
	if err != nil {
		return nil, err
	}
	state := k.preview(inputs)
	if !req.GetPreview() {
		ctx, cancel := p.limit(ctx, req.GetTimeout())
		defer cancel()
		if state, err = k.update(ctx, c, inputs, old); err != nil {
			return nil, err
		}
	}
	props, err := marshal(req.GetUrn(), state)
	return &pulumirpc.UpdateResponse{Properties: props}, err
}

// Delete ends a resource, with what the state holds and nothing else.
func (p *provider) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	k, c, err := p.kindOf(req.GetUrn())
	if err != nil {
		return nil, err
	}
	state, err := unmarshal(req.GetUrn(), req.GetProperties())
	if err != nil {
		return nil, err
	}
	ctx, cancel := p.limit(ctx, req.GetTimeout())
	defer cancel()
	if err := k.delete(ctx, c, state); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// Read gives the stored state back: what a command did cannot be looked up.
func (p *provider) Read(_ context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	if _, _, err := p.kindOf(req.GetUrn()); err != nil {
		return nil, err
	}
	if len(req.GetProperties().GetFields()) == 0 {
		return nil, fmt.Errorf("read %q: a command leaves nothing to import", req.GetId())
	}
	return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: req.GetProperties(), Inputs: req.GetInputs()}, nil
}

// Invoke runs the function local.run.
func (p *provider) Invoke(ctx context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	if req.GetTok() != localRunToken {
		return nil, fmt.Errorf("find function %q: the lab's command provider has only %q", req.GetTok(), localRunToken)
	}
	args, err := unmarshal(req.GetTok(), req.GetArgs())
	if err != nil {
		return nil, err
	}
	args, failures := localRunShape().fill(args)
	if len(failures) > 0 {
		return &pulumirpc.InvokeResponse{Failures: failures}, nil
	}
	ctx, cancel := p.limit(ctx, 0)
	defer cancel()
	result, err := localRun(ctx, call{host: p.Host}, args)
	if err != nil {
		return nil, err
	}
	var out *structpb.Struct
	out, err = marshal(req.GetTok(), result)
	return &pulumirpc.InvokeResponse{Return: out}, err
}
