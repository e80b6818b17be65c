package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"skep/components/mesh"
	"skep/internal/address"
	"skep/internal/firewall"
	"skep/internal/keys"
)

// grant is one entry of a peer's allow: a host, or one port of it.
type grant struct {
	host     string
	protocol string
	// port is 0 for the whole host.
	port int
}

// parseGrant reads node-1, node-1:443 or node-1:53/udp.
func parseGrant(text string) (grant, error) {
	name, rest, ported := strings.Cut(text, ":")
	g := grant{host: name}
	if !ported {
		return g, nil
	}
	number, protocol, named := strings.Cut(rest, "/")
	g.protocol = "tcp"
	if named {
		g.protocol = protocol
	}
	port, err := strconv.Atoi(number)
	if err != nil || port < 1 || port > 65535 || g.protocol != "tcp" && g.protocol != "udp" {
		return g, fmt.Errorf("%q: need a host, host:port or host:port/udp", text)
	}
	g.port = port
	return g, nil
}

// grants are what a peer may reach; validate has read them.
func (p PeerConfig) grants() []grant {
	var out []grant
	for _, text := range p.Allow {
		g, _ := parseGrant(text)
		out = append(out, g)
	}
	return out
}

// sources are the addresses that a peer's packets have.
func (p PeerConfig) sources(c *Config) []netip.Prefix {
	at, _ := address.Host(c.Networks.Mesh, p.ID) // validate has checked the id
	return append([]netip.Prefix{netip.PrefixFrom(at, at.BitLen())}, p.Networks...)
}

// roamingPeers are the peers in the terms of the mesh.
func roamingPeers(c *Config) []mesh.Peer {
	var peers []mesh.Peer
	for _, p := range c.Mesh.Peers {
		var allow []string
		for _, g := range p.grants() {
			if !slices.Contains(allow, g.host) {
				allow = append(allow, g.host)
			}
		}
		own, _ := keys.ParseWireGuardPublic(p.PublicKey) // validate has read it
		peers = append(peers, mesh.Peer{
			Name: p.Name, Mesh: p.sources(c)[0].Addr(), Epoch: p.Epoch, Allow: allow, DNS: p.DNS,
			Networks: p.Networks, PublicKey: own,
		})
	}
	return peers
}

// meshPolicy is what may come in over the mesh at a host.
func (c *Config) meshPolicy(host string) firewall.Mesh {
	policy := firewall.Mesh{Interface: mesh.Device, Networks: []netip.Prefix{c.Networks.Mesh}}
	for _, p := range c.Mesh.Peers {
		sources := p.sources(c)
		policy.Networks = append(policy.Networks, p.Networks...)
		policy.Guests = append(policy.Guests, sources...)
		if !p.limitedAt(host) {
			continue
		}
		policy.Limited = append(policy.Limited, sources...)
		for _, g := range p.grants() {
			for _, source := range sources {
				if g.host == host {
					policy.Doors = append(policy.Doors, firewall.Door{From: source, Protocol: g.protocol, Port: g.port})
				}
			}
		}
	}
	return policy
}

// limitedAt says whether a peer may reach only some ports of a host, or none.
func (p PeerConfig) limitedAt(host string) bool {
	return len(p.Allow) > 0 && !slices.Contains(p.grants(), grant{host: host})
}

// validatePeers checks what is a roaming peer's own; names and ids it shares
// with hosts.
func (c *Config) validatePeers() error {
	var faults []error
	owners := map[string]string{}
	for i, p := range c.Mesh.Peers {
		at := fmt.Sprintf("skep:mesh.peers[%d]", i)
		if p.Epoch < 0 {
			faults = append(faults, fmt.Errorf("%s.epoch: %d: need 0 or more", at, p.Epoch))
		}
		if p.Allow != nil && len(p.Allow) == 0 {
			faults = append(faults, fmt.Errorf("%s.allow: an empty list would cut %q off: name hosts, or leave it out for all", at, p.Name))
		}
		for j, text := range p.Allow {
			faults = append(faults, c.validateGrant(fmt.Sprintf("%s.allow[%d]", at, j), text, p.Allow[:j]))
		}
		for j, server := range p.DNS {
			domain := dnsName.MatchString(server) && strings.ContainsAny(server, "abcdefghijklmnopqrstuvwxyz")
			if _, err := netip.ParseAddr(server); err != nil && !domain {
				faults = append(faults, fmt.Errorf("%s.dns[%d]: %q: need the IP of a server or a search domain", at, j, server))
			}
		}
		faults = append(faults, validatePublicKey(at, p, owners), c.validateBehind(at, p))
	}
	return errors.Join(faults...)
}

func (c *Config) validateGrant(at, text string, before []string) error {
	g, err := parseGrant(text)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	i := slices.IndexFunc(c.Hosts, func(h HostConfig) bool { return h.Name == g.host })
	switch {
	case i < 0:
		return fmt.Errorf("%s: %q is no host of skep:hosts", at, g.host)
	case c.Hosts[i].NAT:
		return fmt.Errorf("%s: %q is behind NAT, so a roaming peer cannot dial it: leave it out", at, g.host)
	case firewall.SwarmOwn(g.protocol, g.port):
		return fmt.Errorf("%s: %s is Swarm's own, which no roaming peer reaches: leave it out", at, text)
	}
	for _, other := range before {
		if o, err := parseGrant(other); err == nil && o.host == g.host && (o == g || o.port == 0 || g.port == 0) {
			return fmt.Errorf("%s: %q and %q say the same, or one is the whole host: keep one of them", at, text, other)
		}
	}
	return nil
}

// validatePublicKey checks a key that a peer brings, which WireGuard would take
// or refuse on the hosts only.
func validatePublicKey(at string, p PeerConfig, owners map[string]string) error {
	if p.PublicKey == "" {
		return nil
	}
	if _, err := keys.ParseWireGuardPublic(p.PublicKey); err != nil {
		return fmt.Errorf("%s.publicKey: %q: %w", at, p.PublicKey, err)
	}
	if twin, taken := owners[p.PublicKey]; taken {
		return fmt.Errorf("%s.publicKey: it is that of %s: each peer needs its own", at, twin)
	}
	owners[p.PublicKey] = at
	if p.Epoch != 0 {
		return fmt.Errorf("%s.epoch: %q has a publicKey of its own, so there is no key of ours to change: remove epoch", at, p.Name)
	}
	return nil
}

// validateBehind checks the networks behind a peer; that they are IPv4 and
// overlap no other, validateNetworks does.
func (c *Config) validateBehind(at string, p PeerConfig) error {
	var faults []error
	for j, network := range p.Networks {
		key := fmt.Sprintf("%s.networks[%d]", at, j)
		switch {
		case !network.IsValid() || !network.Addr().Is4():
			continue // validateNetworks says so
		case network != network.Masked() || network.Bits() < 8:
			faults = append(faults, fmt.Errorf("%s: %s: need a range of /8 or smaller, without host bits", key, network))
		case network.Addr().IsLoopback() || network.Addr().IsMulticast() || network.Addr().IsLinkLocalUnicast():
			faults = append(faults, fmt.Errorf("%s: %s: need a range that can be routed", key, network))
		}
		for i, h := range c.Hosts {
			for _, held := range append([]netip.Addr{h.Address}, h.Endpoints...) {
				if held.IsValid() && network.Contains(held) {
					faults = append(faults, fmt.Errorf("%s: %s holds %s of skep:hosts[%d] (%q), which would then be looked for behind the peer", key, network, held, i, h.Name))
				}
			}
		}
	}
	return errors.Join(faults...)
}
