package main

import (
	"errors"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/host"
	"skep/internal/pulumitest"
)

// There is no host to ask in unit tests.
func init() { ask = func(host.Login, string) error { return nil } }

func TestAnotherManagerSpeaksForADeadOne(t *testing.T) {
	before := ask
	t.Cleanup(func() { ask = before })
	ask = func(l host.Login, _ string) error {
		if l.Name == "node-1" {
			return errors.New("gone")
		}
		return nil
	}
	g := pulumitest.Run(t, world(shipped(t, "lab")))
	for name, want := range map[string]string{
		"swarm-found": "192.0.2.11", // founded once, by the first, whoever speaks later
		"swarm-admit": "192.0.2.12", "swarm-settle": "192.0.2.12", "whoami-deploy": "192.0.2.12",
		"swarm-node-1": "192.0.2.11", "mesh-node-1": "192.0.2.11", // a host speaks for itself
	} {
		found := slices.IndexFunc(g.Resources, func(r pulumi.MockResourceArgs) bool {
			return r.TypeToken == commandToken && r.Name == name
		})
		if found < 0 {
			t.Errorf("there is no %s", name)
			continue
		}
		connection := g.Resources[found].Inputs["connection"].SecretValue().Element.ObjectValue()
		if got := connection["host"].StringValue(); got != want {
			t.Errorf("%s runs on %s, want %s", name, got, want)
		}
	}
}
