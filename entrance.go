package main

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumix"

	"skep/components/dns"
	"skep/components/host"
	"skep/components/ingress"
	"skep/components/stack"
	"skep/components/swarm"
	"skep/components/tunnel"
	"skep/internal/acme"
	"skep/internal/authority"
	"skep/internal/compose"
	"skep/internal/keys"
	"skep/internal/traefik"
)

// entrance is how visitors reach the stacks: what was planned, and what runs.
type entrance struct {
	// plan are the routes, traefik the stack that serves them, or nil where
	// nobody is to come in.
	plan    *traefik.Plan
	traefik *compose.File
	// connectors are the stack of the tunnel, or nil where there is none.
	connectors *compose.File

	// order is the certificate to get where TLS is acme.
	order acme.Order

	running *ingress.Ingress
	// ca is the certificate of the cluster's own authority, PEM, or nil.
	ca pulumi.StringOutput
}

// planEntrance turns the labels of all stacks into routes. Its error holds all
// faults of them.
func (c *Config) planEntrance(files []*compose.File, visitors []netip.Prefix) (*entrance, error) {
	var routed []traefik.Service
	for _, f := range files {
		routed = append(routed, f.Ingress()...)
	}
	visitors = c.proxies(visitors)
	plan, err := traefik.New(routed, traefik.Options{
		TLS: c.tls(), HSTS: *c.Ingress.HSTS, Default: traefik.Default(), EntryPoints: c.Ingress.EntryPoints,
		Auth: c.Ingress.Auth.forwardAuth(), Mesh: c.inner(), Trusted: visitors,
		Maintenance: c.Ingress.Maintenance, Certified: c.originPulls(),
	})
	e := &entrance{plan: plan}
	if err != nil || len(plan.Routes) == 0 && !c.Ingress.set {
		return e, err
	}
	if !slices.ContainsFunc(c.Hosts, func(h HostConfig) bool { return *h.Ingress }) {
		err = errors.New("skep:hosts: no host takes visitors, and stacks have routes: set ingress: true at one")
	}
	points, _ := c.entryPoints() // its faults were told before
	var wrong error
	e.traefik, wrong = ingress.Traefik{Extra: points, TLS: c.tls(), Trusted: visitors}.File()
	if c.Ingress.Tunnel && wrong == nil {
		e.connectors, wrong = tunnel.File()
	}
	return e, errors.Join(err, wrong, e.planACME(c))
}

func (c *Config) tls() bool { return c.Ingress.TLS != "none" }

// inner is where people inside come from.
func (c *Config) inner() []netip.Prefix {
	if c.meshless() {
		return c.Networks.LAN
	}
	return []netip.Prefix{c.Networks.Mesh}
}

// all are the stacks with Skep's own.
func (e *entrance) all(files []*compose.File) []*compose.File {
	if e.traefik == nil {
		return files
	}
	own := []*compose.File{e.traefik}
	if e.connectors != nil {
		own = append(own, e.connectors)
	}
	return append(own, files...)
}

// open starts Traefik, which every stack with a route needs.
func (e *entrance) open(ctx *pulumi.Context, c *Config, nodes *swarm.Swarm, hosts []*host.Host) error {
	if e.traefik == nil {
		return nil
	}
	rendering := c.rendering()
	rendering.Ingress = false // it makes the networks that others are on
	var err error
	e.running, err = ingress.New(ctx, "ingress", &ingress.Args{
		File: e.traefik, Rendering: rendering, Swarm: nodes, Hosts: hosts, Logins: c.logins(), Files: e.plan.Files,
	})
	return err
}

// before is what must run before a stack does.
func (e *entrance) before() []pulumi.Resource {
	if e.running == nil {
		return nil
	}
	return []pulumi.Resource{e.running.Stack.Deployed()}
}

// publish lets visitors in to the stacks that run now.
func (e *entrance) publish(ctx *pulumi.Context, c *Config, stacks map[string]*stack.Stack, origin *dns.Origin) error {
	if e.running == nil {
		return nil
	}
	certificates, clientCA, err := e.certificates(ctx, c, origin)
	if err != nil {
		return err
	}
	var after []pulumi.Resource
	for _, name := range slices.Sorted(maps.Keys(stacks)) {
		after = append(after, stacks[name].Deployed())
	}
	e.admit(stacks)
	return e.running.Publish(ctx, "ingress", certificates, clientCA, after)
}

// usersFile is who may come in by basic auth. It is written before routes.yaml,
// whose routes refer to it.
const usersFile = "logins.yaml"

// admit tells Traefik who may come in where stacks ask for a password.
func (e *entrance) admit(stacks map[string]*stack.Stack) {
	if len(e.plan.Users) == 0 {
		return
	}
	values := pulumi.StringMap{}
	for _, u := range e.plan.Users {
		values[u.Middleware] = stacks[u.Stack].Secret(u.Secret)
	}
	e.running.Hide(usersFile, values.ToStringMapOutput().ApplyT(traefik.UsersFile).(pulumi.StringOutput))
}

// certificates are those that Traefik shows, and who signs the proxies that may
// connect, where not everybody may.
func (e *entrance) certificates(ctx *pulumi.Context, c *Config, origin *dns.Origin) ([]ingress.Certificate, pulumi.StringInput, error) {
	var clientCA pulumi.StringInput
	if origin != nil {
		clientCA = origin.ClientCA
	}
	switch c.Ingress.TLS {
	case "ca":
		certificate, err := e.certify(ctx, c)
		return []ingress.Certificate{certificate}, clientCA, err
	case "cloudflare":
		return []ingress.Certificate{{Name: "origin", Chain: origin.Chain, Key: origin.Key}}, clientCA, nil
	case "acme":
		return nil, clientCA, e.issue(ctx, c)
	default:
		return nil, clientCA, nil
	}
}

// certify has the cluster's own authority certify all names.
func (e *entrance) certify(ctx *pulumi.Context, c *Config) (ingress.Certificate, error) {
	request := authority.Request{Domain: c.Domain, Hosts: e.hosts(), Epoch: c.Ingress.Epoch, Now: time.Now()}
	seed, err := host.NewSeed(ctx, "ingress-seed", pulumi.Parent(e.running))
	if err != nil {
		return ingress.Certificate{}, err
	}
	issued := pulumix.ApplyErr(seed, func(text string) (*authority.Certificate, error) {
		parsed, err := keys.ParseSeed(text)
		if err != nil {
			return nil, err
		}
		return authority.Issue(parsed, request)
	})
	part := func(pick func(*authority.Certificate) string) pulumi.StringOutput {
		return pulumix.Cast[pulumi.StringOutput](pulumix.Apply(issued, pick))
	}
	e.ca = pulumi.Unsecret(part(func(a *authority.Certificate) string { return a.Authority })).(pulumi.StringOutput)
	return ingress.Certificate{
		Name:  "ca",
		Chain: pulumi.Unsecret(part(func(a *authority.Certificate) string { return a.Chain })).(pulumi.StringOutput),
		Key:   pulumi.ToSecret(part(func(a *authority.Certificate) string { return a.Key })).(pulumi.StringOutput),
	}, nil
}

// hosts are the names that Traefik itself answers to over TLS, each once, sorted.
func (e *entrance) hosts() []string {
	var hosts []string
	for _, r := range e.plan.Routes {
		if r.Host != "" && r.TLS && !r.Passthrough {
			hosts = append(hosts, r.Host)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// urls are where a stack's routes answer, each once.
func (e *entrance) urls(c *Config, stack string) []string {
	var urls []string
	for _, r := range e.plan.Routes {
		if r.Stack != stack || r.Host == "" {
			continue
		}
		url := "http://" + r.Host
		if r.TLS {
			url = "https://" + r.Host
		}
		if extra := c.Ingress.EntryPoints[r.EntryPoint]; extra != "" {
			port, _, _ := strings.Cut(extra, "/")
			url += ":" + port
		}
		if !slices.Contains(urls, url) {
			urls = append(urls, url)
		}
	}
	return urls
}
