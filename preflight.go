package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/host"
)

// ask puts a question to a host. Tests, which have none, answer themselves.
var ask = host.Ask

// preflight looks, in a preview, whether the machines that exist are those that
// config means. Another host key stops everything, since a key that was to be
// trusted is at stake; a machine that does not answer is only told, since a
// dead one must not stand in the way of its own removal.
func preflight(ctx *pulumi.Context, c *Config) error {
	if !ctx.DryRun() {
		return nil
	}
	answers := make([]error, len(c.Hosts))
	var probes sync.WaitGroup
	for i, h := range c.Hosts {
		if h.Exists() {
			probes.Go(func() { answers[i] = host.Probe(h.existing()) })
		}
	}
	probes.Wait()
	if err := warnOfRoot(ctx, c); err != nil {
		return err
	}
	var faults []error
	for i, err := range answers {
		h := c.Hosts[i]
		switch {
		case err == nil:
		case errors.Is(err, host.ErrUnreachable):
			text := fmt.Sprintf("skep:hosts[%d].address: %s port %d (%q): %v; what is to be done on it will fail", i, h.Address, h.Port, h.Name, err)
			if err := ctx.Log.Warn(text, nil); err != nil {
				return err
			}
		default:
			faults = append(faults, fmt.Errorf("skep:hosts[%d].hostKey: %q at %s: %w: if the machine was set up anew, put its new key here", i, h.Name, h.Address, err))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return configFault(err)
	}
	if c.meshless() {
		return preflightKernels(ctx, c)
	}
	return nil
}

// warnOfRoot tells on which machines root may still log in, since Skep does so,
// and how to end that.
func warnOfRoot(ctx *pulumi.Context, c *Config) error {
	var names []string
	for _, h := range c.Hosts {
		if h.Exists() && h.User == "root" {
			names = append(names, h.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return ctx.Log.Warn(fmt.Sprintf(`skep:hosts: Skep logs in to %[1]s as root, so root's login by key stays open there. To shut it, run on each of them
  useradd -m -s /bin/bash %[2]s && cp -r ~/.ssh ~%[2]s/ && chown -R %[2]s: ~%[2]s/.ssh
  echo '%[2]s ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/%[2]s && chmod 440 /etc/sudoers.d/%[2]s && visudo -c
and set user: %[2]s for them in skep:hosts`, strings.Join(names, ", "), host.AdminUser), nil)
}

// existing is the machine in the terms of its component.
func (h HostConfig) existing() host.ExistingArgs {
	return host.ExistingArgs{Address: h.Address, User: h.User, Port: h.Port, HostKey: h.HostKey}
}
