// Package random answers for pulumi-random 4.19.2. Like the official plugin it
// makes real random values, keeps nothing outside of Pulumi's state, and
// replaces a resource whenever an input changes.
package random

import (
	"context"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"skep/lab/plugin/bridge"
	"skep/lab/plugin/serve"
)

// Name and Version are those of the package that is answered for.
const (
	Name    = "random"
	Version = "4.19.2"
)

// Main serves the plugin and returns its exit code.
func Main() int {
	return serve.Main(Name, Version, func(host *serve.Host) (pulumirpc.ResourceProviderServer, error) {
		return bridge.New(host, provider()), nil
	})
}

func provider() bridge.Provider {
	return bridge.Provider{
		Name: Name, Version: Version, Framework: true,
		Resources: []*bridge.Resource{
			stored(randomBytes()),
			stored(randomID()),
			stored(randomInteger()),
			stored(randomPassword()),
			stored(randomPet()),
			stored(randomString()),
			stored(randomUUID()),
		},
	}
}

// stored completes a resource that exists in the state only: there is nothing
// to read, to change or to remove.
func stored(r *bridge.Resource) *bridge.Resource {
	r.Fields["keepers"] = &bridge.Field{
		Type: bridge.Map, Elem: &bridge.Field{Type: bridge.String}, Optional: true, ForceNew: true,
	}
	r.Read = func(_ context.Context, _ string, state bridge.Values) (bridge.Values, error) { return nil, nil }
	r.Delete = func(context.Context, string, bridge.Values) error { return nil }
	return r
}

// made is an output.
func made(t bridge.Type) *bridge.Field { return &bridge.Field{Type: t, Computed: true} }

// madeSecret is an output that the state keeps encrypted.
func madeSecret() *bridge.Field {
	return &bridge.Field{Type: bridge.String, Computed: true, Secret: true}
}

// required and optional are inputs that make a new value when they change.
func required(t bridge.Type, description string) *bridge.Field {
	return &bridge.Field{Type: t, Required: true, ForceNew: true, Description: description}
}

func optional(t bridge.Type, standard any) *bridge.Field {
	return &bridge.Field{Type: t, Optional: true, Computed: standard != nil, ForceNew: true, Default: standard}
}
