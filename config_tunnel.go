package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/dns"
	"skep/components/ingress"
	"skep/components/stack"
	"skep/components/swarm"
	"skep/components/tunnel"
)

// behindProxies says whether all visitors come through Cloudflare.
func (c *Config) behindProxies() bool { return c.DNS.Proxied || c.Ingress.Tunnel }

// validateTunnel refuses what contradicts a tunnel.
func (c *Config) validateTunnel() error {
	if !c.Ingress.Tunnel {
		return nil
	}
	var faults []error
	if c.DNS.Provider != "cloudflare" {
		faults = append(faults, fmt.Errorf("skep:ingress.tunnel: true with skep:dns.provider %q: the tunnel leads to Cloudflare, and its names are there", c.DNS.Provider))
	}
	if c.DNS.Proxied {
		faults = append(faults, errors.New("skep:dns.proxied: a tunnel's visitors come through Cloudflare in any case, and no port is open for proxies: remove one of the two"))
	}
	if c.Ingress.TLS == "ca" {
		faults = append(faults, errors.New("skep:ingress.tls: the tunnel does not know the cluster's own authority: need cloudflare, acme, or none"))
	}
	if slices.Contains(c.Stacks, tunnel.StackName) {
		faults = append(faults, fmt.Errorf("skep:stacks: %q is the name of the tunnel's own stack: choose another", tunnel.StackName))
	}
	return errors.Join(faults...)
}

// proxies are those in front of Traefik, which may say who the visitor is:
// Cloudflare's, or the tunnel's connectors, which are on a network of the swarm.
func (c *Config) proxies(visitors []netip.Prefix) []netip.Prefix {
	if c.Ingress.Tunnel {
		return []netip.Prefix{c.Networks.Swarm}
	}
	return visitors
}

// dig makes the tunnel with its connectors, or nothing where visitors come
// otherwise.
func (e *entrance) dig(ctx *pulumi.Context, c *Config, zone *dns.Zone, nodes *swarm.Swarm) (*tunnel.Tunnel, error) {
	if e.connectors == nil {
		return nil, nil
	}
	made, err := tunnel.New(ctx, "tunnel", &tunnel.Args{
		Zone: zone, Name: ctx.Project() + "-" + ctx.Stack(), Hosts: e.routed(), Service: tunnel.Service(ingress.StackName, c.tls()), TLS: c.tls(),
		Epoch: c.DNS.Epoch,
	})
	if err != nil {
		return nil, err
	}
	_, err = stack.New(ctx, tunnel.StackName+"-connectors", &stack.Args{
		File: e.connectors, Swarm: nodes, Rendering: c.rendering(), Logins: c.logins(), After: e.before(),
		Given: map[string]pulumi.StringInput{tunnel.TokenKey: made.Token},
	})
	return made, err
}

// routed are the names of all routes that come in by HTTP.
func (e *entrance) routed() []string {
	var hosts []string
	for _, r := range e.plan.Routes {
		if r.Host != "" && !r.Passthrough {
			hosts = append(hosts, r.Host)
		}
	}
	return hosts
}
