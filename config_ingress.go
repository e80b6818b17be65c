package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"skep/components/ingress"
	"skep/internal/firewall"
)

// IngressConfig is how visitors come in.
type IngressConfig struct {
	// TLS says where certificates come from: ca, cloudflare, acme, or none for
	// plain HTTP.
	TLS string `json:"tls"`
	// Epoch counts the keys of the cluster's own authority.
	Epoch int `json:"epoch"`
	// HSTS is for how many seconds browsers remember to use TLS.
	HSTS *int `json:"hsts"`
	// ACME is the authority where TLS is acme.
	ACME ACMEConfig `json:"acme"`
	// EntryPoints are ports beside 80 and 443, as PORT/tcp or PORT/udp, by name.
	EntryPoints map[string]string `json:"entryPoints"`
	// Auth is who signs visitors in.
	Auth AuthConfig `json:"auth"`
	// Maintenance are stacks whose visitors are asked to come back later.
	Maintenance []string `json:"maintenance"`
	// Tunnel has visitors come through a tunnel to Cloudflare, and no port open.
	Tunnel bool `json:"tunnel"`

	// set says that the config has the key at all: Traefik then runs without routes.
	set bool
}

// yearOfSeconds is as long as lists of sites that use TLS only ask for.
const yearOfSeconds = 365 * 24 * 60 * 60

// tlsKinds are where certificates may come from.
var tlsKinds = []string{"ca", "cloudflare", "acme", "none"}

// completeIngress fills in what depends on other keys.
func (c *Config) completeIngress(source *config.Config) {
	text := source.Get("ingress")
	c.Ingress.set = text != "" && text != "{}"
	if c.Ingress.TLS == "" {
		c.Ingress.TLS = "ca"
		if c.behindProxies() {
			c.Ingress.TLS = "cloudflare"
		}
	}
	c.Ingress.ACME.Directory = orDefault(c.Ingress.ACME.Directory, letsEncrypt)
	if c.Ingress.HSTS == nil {
		c.Ingress.HSTS = new(yearOfSeconds)
	}
}

func (c *Config) validateIngress() error {
	var faults []error
	if !slices.Contains(tlsKinds, c.Ingress.TLS) {
		faults = append(faults, fmt.Errorf("skep:ingress.tls: %q: need one of %s", c.Ingress.TLS, strings.Join(tlsKinds, ", ")))
	}
	if c.Ingress.Epoch < 0 {
		faults = append(faults, fmt.Errorf("skep:ingress.epoch: %d: need 0 or more", c.Ingress.Epoch))
	}
	if *c.Ingress.HSTS < 0 {
		faults = append(faults, fmt.Errorf("skep:ingress.hsts: %d: need seconds, or 0 for never", *c.Ingress.HSTS))
	}
	faults = append(faults, c.Ingress.Auth.validate()...)
	for i, name := range c.Ingress.Maintenance {
		if !slices.Contains(c.Stacks, name) {
			faults = append(faults, fmt.Errorf("skep:ingress.maintenance[%d]: %q is none of skep:stacks", i, name))
		}
	}
	if c.Ingress.TLS == "acme" {
		faults = append(faults, c.validateACME(c.Ingress.ACME))
	}
	_, err := c.entryPoints()
	return errors.Join(append(faults, err)...)
}

var entryPointName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// taken are ports of a host that others have, by protocol.
func (c *Config) takenPorts() map[string]string {
	taken := map[string]string{"80/tcp": "entry point web", "443/tcp": "entry point websecure", "22/tcp": "SSH"}
	if !c.meshless() {
		taken[fmt.Sprintf("%d/udp", c.Mesh.Port)] = "the mesh"
	}
	for _, h := range c.Hosts {
		if h.Exists() && *h.Ingress {
			taken[fmt.Sprintf("%d/tcp", h.Port)] = fmt.Sprintf("SSH on %q", h.Name)
		}
	}
	return taken
}

// entryPoints are those of the config, sorted by name.
func (c *Config) entryPoints() ([]ingress.EntryPoint, error) {
	var points []ingress.EntryPoint
	var faults []error
	taken := c.takenPorts()
	for _, name := range slices.Sorted(maps.Keys(c.Ingress.EntryPoints)) {
		at, text := "skep:ingress.entryPoints."+name, c.Ingress.EntryPoints[name]
		number, protocol, _ := strings.Cut(text, "/")
		port, err := strconv.Atoi(number)
		switch {
		case !entryPointName.MatchString(name) || slices.Contains([]string{"web", "websecure", "traefik", "internal"}, name):
			faults = append(faults, fmt.Errorf("%s: %q is no name for another entry point: need small letters and digits, and not web, websecure, internal or traefik", at, name))
		case err != nil || port < 1 || port > 65535 || protocol != "tcp" && protocol != "udp":
			faults = append(faults, fmt.Errorf("%s: %q: need PORT/tcp or PORT/udp, with a port from 1 to 65535", at, text))
		case firewall.SwarmOwn(protocol, port):
			faults = append(faults, fmt.Errorf("%s: %s: Swarm needs this port", at, text))
		case taken[text] != "":
			faults = append(faults, fmt.Errorf("%s: %s is taken by %s", at, text, taken[text]))
		default:
			taken[text] = "entry point " + name
			points = append(points, ingress.EntryPoint{Name: name, Protocol: protocol, Port: port})
		}
	}
	return points, errors.Join(faults...)
}

// entries are the same ports for the firewall.
func (c *Config) entries() []firewall.Entry {
	points, _ := c.entryPoints() // its faults were told before
	var entries []firewall.Entry
	for _, p := range points {
		entries = append(entries, firewall.Entry{Protocol: p.Protocol, Port: p.Port})
	}
	return entries
}
