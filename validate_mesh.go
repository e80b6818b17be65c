package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// validateReach checks that every pair of hosts has a way to one another: a
// pair without one would be a swarm that works only in part.
func (c *Config) validateReach() error {
	var faults []error
	if c.Mesh.Userspace != "" && c.Mesh.Userspace != "allow" {
		faults = append(faults, fmt.Errorf("skep:mesh.userspace: %q: need allow, or leave it out", c.Mesh.Userspace))
	}
	for i, h := range c.Hosts {
		at := fmt.Sprintf("skep:hosts[%d]", i)
		switch {
		case !h.Exists() && (h.NAT || len(h.Endpoints) > 0):
			faults = append(faults, fmt.Errorf("%s: %q is a droplet, which is reached at its own address: remove nat and endpoints", at, h.Name))
			continue
		case h.NAT && len(h.Endpoints) > 0:
			faults = append(faults, fmt.Errorf("%s: %q has nat, which says that nobody can dial it, and endpoints, which say where: remove one", at, h.Name))
			continue
		}
		faults = append(faults, c.validateEndpoints(at, h.Endpoints))
		for _, other := range c.Hosts[:i] {
			faults = append(faults, validatePair(at, h, other))
		}
	}
	return errors.Join(faults...)
}

func (c *Config) validateEndpoints(at string, endpoints []netip.Addr) error {
	var faults []error
	for i, e := range endpoints {
		key := fmt.Sprintf("%s.endpoints[%d]", at, i)
		switch {
		case !e.IsValid() || e.IsUnspecified() || e.IsLoopback() || e.IsMulticast() || e.Zone() != "":
			faults = append(faults, fmt.Errorf("%s: %s: need an address at which the other hosts reach this one", key, e))
		case c.Networks.Mesh.Contains(e):
			faults = append(faults, fmt.Errorf("%s: %s lies in skep:networks.mesh %s: need the address outside the mesh", key, e, c.Networks.Mesh))
		case slices.ContainsFunc(endpoints[:i], func(other netip.Addr) bool { return other.Is4() == e.Is4() }):
			faults = append(faults, fmt.Errorf("%s: %s: WireGuard dials one address: need at most one of IPv4 and one of IPv6", key, e))
		}
	}
	return errors.Join(faults...)
}

// validatePair names the pair and the way out.
func validatePair(at string, h, other HostConfig) error {
	switch {
	case h.NAT && other.NAT:
		return fmt.Errorf("%s.nat: %q and %q are both behind NAT, so neither can dial the other: forward the mesh's UDP port to one of them on its router, and give it endpoints instead of nat", at, h.Name, other.Name)
	case h.NAT || other.NAT:
		return nil
	}
	four, six := h.families()
	otherFour, otherSix := other.families()
	if four && otherFour || six && otherSix {
		return nil
	}
	return fmt.Errorf("%s: of %q and %q one has only IPv4 and the other only IPv6: give one of them endpoints of both kinds", at, h.Name, other.Name)
}

// families says at which kinds of addresses a host is dialled. A droplet has IPv4.
func (h HostConfig) families() (four, six bool) {
	endpoints := h.Endpoints
	switch {
	case !h.Exists():
		return true, false
	case len(endpoints) == 0:
		endpoints = []netip.Addr{h.Address}
	}
	for _, e := range endpoints {
		four, six = four || e.Is4(), six || e.Is6()
	}
	return four, six
}
