package main

import (
	"errors"
	"fmt"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"skep/components/host"
	"skep/components/mesh"
)

// preflightKernels asks, in a preview, the machines of a cluster without a mesh
// whether their kernels can encrypt overlay networks, instead of letting it be
// found out half-way through. One that cannot be asked is only told, since a
// dead one must not stand in the way of its own removal.
func preflightKernels(ctx *pulumi.Context, c *Config) error {
	key := config.New(ctx, "").Get("sshPrivateKey")
	answers := make([]error, len(c.Hosts))
	var looks sync.WaitGroup
	for i, h := range c.Hosts {
		looks.Go(func() {
			answers[i] = host.Look(h.existing(), key, mesh.Without(), "--address", h.Address.String())
		})
	}
	looks.Wait()
	var faults []error
	for i, err := range answers {
		text := fmt.Sprintf("skep:mesh.mode: none: skep:hosts[%d] (%q at %s)", i, c.Hosts[i].Name, c.Hosts[i].Address)
		switch {
		case err == nil:
		case errors.Is(err, host.ErrUnreachable):
			if err := ctx.Log.Warn(fmt.Sprintf("%s: %v; whether its kernel can encrypt is not known", text, err), nil); err != nil {
				return err
			}
		default:
			faults = append(faults, fmt.Errorf("%s: %w", text, err))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return configFault(err)
	}
	return nil
}
