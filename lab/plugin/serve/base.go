package serve

import (
	"context"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Base answers the calls that are not about a resource: handshake, an empty
// configuration, version, attach and cancel. A provider embeds it by pointer
// and overrides what it does differently; every other call says that it is
// not implemented.
type Base struct {
	pulumirpc.UnimplementedResourceProviderServer

	// Host is the engine, for log messages.
	Host *Host
	// Version is the version of the official provider that is answered for.
	Version string

	once      sync.Once
	cancelled chan struct{}
	end       func()
}

var _ pulumirpc.ResourceProviderServer = (*Base)(nil)

// NewBase makes the base of a provider.
func NewBase(host *Host, version string) *Base {
	b := &Base{Host: host, Version: version, cancelled: make(chan struct{})}
	b.end = func() { b.once.Do(func() { close(b.cancelled) }) }
	return b
}

// Context is ctx that also ends when the engine cancels the provider. Use it
// in every call that waits for something.
func (b *Base) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-b.cancelled:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// Handshake tells the engine that secrets, resources and outputs are understood.
func (b *Base) Handshake(context.Context, *pulumirpc.ProviderHandshakeRequest) (*pulumirpc.ProviderHandshakeResponse, error) {
	return &pulumirpc.ProviderHandshakeResponse{
		AcceptSecrets: true, AcceptResources: true, AcceptOutputs: true,
	}, nil
}

// Configure accepts any configuration. The protocol wants the same answers as
// in Handshake.
func (b *Base) Configure(context.Context, *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	return &pulumirpc.ConfigureResponse{
		AcceptSecrets: true, AcceptResources: true, AcceptOutputs: true, SupportsPreview: true,
	}, nil
}

// CheckConfig gives the configuration back as it came.
func (b *Base) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	return &pulumirpc.CheckResponse{Inputs: req.GetNews()}, nil
}

// DiffConfig finds no change that matters to any resource.
func (b *Base) DiffConfig(context.Context, *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}, nil
}

// GetPluginInfo names the version that is answered for.
func (b *Base) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: b.Version}, nil
}

// Attach sends log messages to another engine from now on.
func (b *Base) Attach(_ context.Context, req *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	if err := b.Host.Attach(req.GetAddress()); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// Cancel ends every context that Context gave out, once and for good.
func (b *Base) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	b.end()
	return &emptypb.Empty{}, nil
}
