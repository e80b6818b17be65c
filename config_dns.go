package main

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/dns"
	"skep/components/host"
	"skep/components/tunnel"
	"skep/internal/compose"
	"skep/internal/origin"
)

// autoIssuers stands in dns.caa for the authorities that sign for the cluster.
const autoIssuers = "auto"

// letsEncryptIssuer is how CAA records call the authority of skep:ingress.tls
// acme, where that names no other.
const letsEncryptIssuer = "letsencrypt.org"

// validateDNS checks what a zone has beside addresses.
func (c *Config) validateDNS() error {
	var faults []error
	for i, issuer := range c.DNS.CAA {
		if issuer == autoIssuers {
			if len(c.issuers()) == 0 {
				faults = append(faults, fmt.Errorf("skep:dns.caa[%d]: auto stands for those who sign for visitors, and with skep:ingress.tls %q that is nobody who asks for CAA records: name the authorities", i, c.Ingress.TLS))
			}
			continue
		}
		if err := dns.CheckIssuer(issuer); err != nil {
			faults = append(faults, fmt.Errorf("skep:dns.caa[%d]: %w", i, err))
		}
	}
	switch c.DNS.Mail {
	case "", "elsewhere", "none":
	default:
		faults = append(faults, fmt.Errorf("skep:dns.mail: %q: need none (the domain neither sends nor takes mail) or elsewhere (Skep leaves it alone)", c.DNS.Mail))
	}
	switch {
	case c.DNS.Settings != "" && c.DNS.Settings != "manage":
		faults = append(faults, fmt.Errorf("skep:dns.settings: %q: need manage, or nothing to leave them alone", c.DNS.Settings))
	case c.DNS.Settings != "" && !c.behindProxies():
		faults = append(faults, errors.New("skep:dns.settings: manage without skep:dns.proxied: they are the settings of Cloudflare's proxies"))
	}
	if c.DNS.Settings != "" && (c.Ingress.TLS == "ca" || c.Ingress.TLS == "none") {
		faults = append(faults, fmt.Errorf("skep:dns.settings: manage makes the proxies check the hosts' certificates, and with skep:ingress.tls %q they would refuse them: need cloudflare or acme there", c.Ingress.TLS))
	}
	if c.Ingress.TLS == "cloudflare" && !c.behindProxies() {
		faults = append(faults, errors.New("skep:ingress.tls: cloudflare without skep:dns.proxied: only Cloudflare's proxies trust its origin certificates"))
	}
	if c.DNS.OriginPulls != nil && !c.DNS.Proxied {
		faults = append(faults, errors.New("skep:dns.originPulls: only Cloudflare's proxies show a certificate: set skep:dns.proxied, or remove it"))
	}
	if c.DNS.Epoch < 0 {
		faults = append(faults, fmt.Errorf("skep:dns.epoch: %d: need 0 or more", c.DNS.Epoch))
	}
	return errors.Join(append(faults, c.validateDNSProvider(), c.validateDynamic())...)
}

// validateDNSProvider refuses what only Cloudflare can do where it does not.
func (c *Config) validateDNSProvider() error {
	if c.DNS.Provider == "cloudflare" {
		return nil
	}
	var faults []error
	for key, set := range map[string]bool{
		"caa": len(c.DNS.CAA) > 0, "mail": c.DNS.Mail == "none", "dnssec": c.DNS.DNSSEC,
	} {
		if set {
			faults = append(faults, fmt.Errorf("skep:dns.%s: with provider %q nobody makes these records: remove it", key, c.DNS.Provider))
		}
	}
	return errors.Join(faults...)
}

// dynamicToken is the key below skep:secrets of the token that lies on the host
// of dns.dynamic.
const dynamicToken = "dns.token"

// validateDynamic checks who keeps an address that changes.
func (c *Config) validateDynamic() error {
	if c.DNS.Dynamic == "" {
		return nil
	}
	var faults []error
	known := false
	for i, h := range c.Hosts {
		known = known || h.Name == c.DNS.Dynamic && h.Exists()
		if *h.Ingress && !h.Exists() {
			faults = append(faults, fmt.Errorf("skep:dns.dynamic: skep:hosts[%d] %q takes visitors and is a droplet, whose address is not that of %q: set ingress: false there", i, h.Name, c.DNS.Dynamic))
		}
	}
	if !known {
		faults = append(faults, fmt.Errorf("skep:dns.dynamic: %q: need the name of a host that exists already (has an address)", c.DNS.Dynamic))
	}
	if c.DNS.Provider != "cloudflare" || c.Ingress.Tunnel {
		faults = append(faults, errors.New("skep:dns.dynamic: there is no record to keep where names are not at Cloudflare, or visitors come through a tunnel: remove it"))
	}
	if c.Secrets[dynamicToken] == "" {
		faults = append(faults, fmt.Errorf("skep:dns.dynamic: no token: make one at Cloudflare that may edit the DNS of the zone %s and nothing else (pulumi config set --secret --path 'skep:secrets[%q]')", c.DNS.Zone, dynamicToken))
	}
	return errors.Join(faults...)
}

// dynamic is the host that keeps the address of all that take visitors, or nil.
func (c *Config) dynamic(hosts []*host.Host) *dns.Dynamic {
	for _, h := range hosts {
		if h.Name == c.DNS.Dynamic {
			return &dns.Dynamic{Host: h, Token: pulumi.String(c.Secrets[dynamicToken])}
		}
	}
	return nil
}

// issuers are those who sign for what visitors see. Those of another ACME
// directory have a name that is not known here.
func (c *Config) issuers() []string {
	acme := c.Ingress.TLS == "acme"
	switch {
	case acme && c.Ingress.ACME.Directory != letsEncrypt:
		return nil
	case c.behindProxies() && acme:
		return append([]string{letsEncryptIssuer}, dns.UniversalIssuers...)
	case c.behindProxies(): // visitors meet those
		return dns.UniversalIssuers
	case acme:
		return []string{letsEncryptIssuer}
	}
	return nil
}

// protection is what the zone gets beside addresses.
func (c *Config) protection() dns.Protection {
	p := dns.Protection{NoMail: c.DNS.Mail == "none", DNSSEC: c.DNS.DNSSEC, Settings: c.DNS.Settings == "manage"}
	for _, issuer := range c.DNS.CAA {
		if issuer == autoIssuers {
			p.Issuers = append(p.Issuers, c.issuers()...)
		} else {
			p.Issuers = append(p.Issuers, issuer)
		}
	}
	return p
}

// findZone looks up the zone at Cloudflare, or nothing where others keep names.
func findZone(ctx *pulumi.Context, c *Config) (*dns.Zone, error) {
	if c.DNS.Provider != "cloudflare" {
		return nil, nil
	}
	return dns.FindZone(ctx, c.DNS.Zone)
}

// originPulls says whether the proxies show hosts a certificate. There is no TLS
// to show it in where hosts speak plain HTTP.
func (c *Config) originPulls() bool {
	return c.DNS.Proxied && c.tls() && (c.DNS.OriginPulls == nil || *c.DNS.OriginPulls)
}

// newOrigin makes what Cloudflare's proxies and the hosts show one another, or
// nothing where visitors come without them. The hosts are those of routes.
func newOrigin(ctx *pulumi.Context, c *Config, zone *dns.Zone, hosts []string) (*dns.Origin, error) {
	args := &dns.OriginArgs{Zone: zone, Epoch: c.DNS.Epoch, Pulls: c.originPulls()}
	if c.Ingress.TLS == "cloudflare" {
		var err error
		if args.Names, err = origin.Names(c.Domain, hosts); err != nil {
			return nil, err
		}
	} else if !args.Pulls {
		return nil, nil
	}
	return dns.NewOrigin(ctx, "origin", args)
}

// newNames makes the records, or nothing where others keep names.
func newNames(ctx *pulumi.Context, c *Config, zone *dns.Zone, hosts []*host.Host, routes []compose.Route, through *tunnel.Tunnel) (*dns.DNS, error) {
	if zone == nil {
		return nil, nil
	}
	args := &dns.Args{
		Zone: zone, Domain: c.Domain, TTL: c.DNS.TTL, Proxied: c.DNS.Proxied, Hosts: hosts, Routes: routes, Protection: c.protection(),
		Dynamic: c.dynamic(hosts),
	}
	if through != nil {
		args.Through = through.CNAME
	}
	return dns.New(ctx, "dns", args)
}

// exportNames gives the output dns.
func exportNames(ctx *pulumi.Context, names *dns.DNS) {
	if names != nil {
		ctx.Export("dns", pulumi.Map{"ds": names.DS})
	}
}
