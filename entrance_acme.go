package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	issuing "skep/components/acme"
	"skep/components/host"
	"skep/internal/acme"
)

// planACME decides which certificate the routes need, where an ACME authority
// issues it.
func (e *entrance) planACME(c *Config) error {
	if c.Ingress.TLS != "acme" {
		return nil
	}
	names, err := acme.Names(e.hosts(), c.Domain, c.DNS.Zone)
	a := c.Ingress.ACME
	e.order = acme.Order{Directory: a.Directory, Email: a.Email, CA: a.CA, Names: names, Zone: c.DNS.Zone}
	return err
}

// issue has the hosts get that certificate by themselves, now and whenever it is
// due.
func (e *entrance) issue(ctx *pulumi.Context, c *Config) error {
	seed, err := host.NewSeed(ctx, "ingress-seed", pulumi.Parent(e.running))
	if err != nil {
		return err
	}
	given, err := issuing.Given(issuing.Args{Order: e.order, Token: c.ACMEToken, Seed: seed})
	if err != nil {
		return err
	}
	e.running.Issue(issuing.Script, given)
	return nil
}
