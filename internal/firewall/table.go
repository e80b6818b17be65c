package firewall

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Digest names a table's text, for commands that mean exactly that one.
func Digest(table string) string {
	sum := sha256.Sum256([]byte(table))
	return hex.EncodeToString(sum[:5])
}

// Table is the host's table as `nft -f` takes it: one transaction that puts it
// in the place of an earlier one, at every point of which there is one or the
// other.
//
// It hooks in before Docker turns published ports into addresses of containers
// (destination NAT, priority -100), where a packet still has the address and
// port that its sender wrote. So no published port passes it, whatever rules
// Docker makes.
func (p Policy) Table() (string, error) {
	if err := p.validate(); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("# Made by Skep.\ntable inet skep\ndelete table inet skep\ntable inet skep {\n")
	for _, set := range []struct {
		name   string
		ranges []netip.Prefix
	}{{"admins", p.Admins}, {"guests", p.Mesh.Guests}, {"mesh", p.Mesh.Networks}, {"web", p.web()}} {
		b.WriteString(setText(set.name+"4", "ipv4_addr", set.ranges, netip.Addr.Is4))
		b.WriteString(setText(set.name+"6", "ipv6_addr", set.ranges, netip.Addr.Is6))
	}
	b.WriteString(p.Mesh.doorSets())
	among := p.among()
	b.WriteString(strings.NewReplacer(
		"$MESHJUMP", among.jump,
		"$MESHGUARD", among.guard,
		"$MESHPORT", among.port,
		"$LIMITED", p.Mesh.limitedRules(),
		"$DOCKER", p.Docker.String(),
		"$SSH", fmt.Sprint(p.SSHPort),
		"$WEB", p.webRules(),
		"$METADATA", metadata,
		"$SWARMTCP", ports(swarmTCP),
		"$SWARMUDP", ports(swarmUDP),
	).Replace(chains))
	if len(p.Mesh.Limited) > 0 {
		b.WriteString(limitedChain)
	}
	b.WriteString("}\n")
	return b.String(), nil
}

// web are the ranges that reach web ports.
func (p *Policy) web() []netip.Prefix {
	switch {
	case len(p.WebPorts) == 0:
		return nil
	case p.WebSources == nil:
		return everywhere
	}
	return p.WebSources
}

func (p *Policy) webRules() string {
	if len(p.WebPorts) == 0 {
		return "# this host takes no visitors"
	}
	rules := fmt.Sprintf("ip saddr @web4 tcp dport %[1]s accept\n\t\tip6 saddr @web6 tcp dport %[1]s accept", ports(p.WebPorts))
	for _, protocol := range []string{"tcp", "udp"} {
		var open []int
		for _, e := range p.Entries {
			if e.Protocol == protocol {
				open = append(open, e.Port)
			}
		}
		if slices.Sort(open); len(open) > 0 {
			rules += fmt.Sprintf("\n\t\t%s dport %s accept", protocol, ports(open))
		}
	}
	return rules
}

// among are the rules by which hosts reach one another.
type among struct{ jump, guard, port string }

func (p *Policy) among() among {
	lines := func(rules ...string) string { return strings.Join(rules, "\n\t\t") }
	if p.Mesh.Interface != "" {
		return among{
			jump: fmt.Sprintf("iifname %q jump mesh", p.Mesh.Interface),
			guard: lines("ip saddr @mesh4 counter drop", "ip daddr @mesh4 counter drop",
				"ip6 saddr @mesh6 counter drop", "ip6 daddr @mesh6 counter drop"),
			port: fmt.Sprintf("udp dport %d accept", p.MeshPort),
		}
	}
	return among{
		jump: "# this cluster has no mesh",
		// A packet comes by here twice: as ESP, and then as what was in it. This
		// is before connections that stand are let through.
		guard: lines(fmt.Sprintf("udp dport %d meta ipsec missing counter drop comment \"overlays in plain text\"", overlayPort)),
		port: lines("ip saddr @mesh4 meta l4proto esp accept",
			"ip saddr @mesh4 tcp dport "+ports(swarmTCP)+" accept",
			"ip saddr @mesh4 udp dport "+ports(swarmUDP)+" accept"),
	}
}

// doorSets are the sets of limited guests and of what they reach; there are none
// where no guest is limited, since most hosts have none.
func (m *Mesh) doorSets() string {
	if len(m.Limited) == 0 {
		return ""
	}
	text := setText("limited4", "ipv4_addr", m.Limited, netip.Addr.Is4) + setText("limited6", "ipv6_addr", m.Limited, netip.Addr.Is6)
	for _, family := range []struct {
		name, kind string
		is         func(netip.Addr) bool
	}{{"doors4", "ipv4_addr", netip.Addr.Is4}, {"doors6", "ipv6_addr", netip.Addr.Is6}} {
		var elements []string
		for _, d := range m.Doors {
			if family.is(d.From.Addr()) {
				elements = append(elements, fmt.Sprintf("%s . %s . %d", d.From.Masked(), d.Protocol, d.Port))
			}
		}
		text += setOf(family.name, family.kind+" . inet_proto . inet_service", elements)
	}
	return text
}

func (m *Mesh) limitedRules() string {
	if len(m.Limited) == 0 {
		return "# no guest is limited to ports of this host"
	}
	return "ip saddr @limited4 jump limited\n\t\tip6 saddr @limited6 jump limited"
}

// setText is a named set of ranges of one family, so that its elements can be
// changed without the rules.
func setText(name, kind string, ranges []netip.Prefix, family func(netip.Addr) bool) string {
	var elements []string
	for _, r := range ranges {
		if family(r.Addr()) {
			elements = append(elements, r.Masked().String())
		}
	}
	return setOf(name, kind, elements)
}

func setOf(name, kind string, elements []string) string {
	slices.Sort(elements)
	text := fmt.Sprintf("\tset %s {\n\t\ttype %s\n\t\tflags interval\n", name, kind)
	if len(elements) > 0 {
		text += "\t\telements = { " + strings.Join(elements, ", ") + " }\n"
	}
	return text + "\t}\n"
}

func ports(list []int) string {
	words := make([]string, len(list))
	for i, port := range list {
		words[i] = fmt.Sprint(port)
	}
	return "{ " + strings.Join(words, ", ") + " }"
}

// chains are the rules. SSH is decided packet by packet, before connections
// that stand are let through: so an SSH connection that lives under new rules
// proves that they let it in, and taking a range out of the admins ends what
// it has open.
const chains = `
	chain arrivals {
		type filter hook prerouting priority -150; policy drop;
		iifname "lo" accept
		ip daddr $METADATA counter drop comment "metadata, asked for by a container"
		$MESHJUMP
		iifname "docker0" jump containers
		iifname "docker_gwbridge" jump containers
		iifname "br-*" ip saddr $DOCKER jump containers
		jump outside
	}

	chain outside {
		# Addresses that live inside cannot be asked for, or borrowed, outside.
		$MESHGUARD
		ip daddr $DOCKER counter drop
		fib daddr type local tcp dport $SSH jump ssh
		ct state established,related accept
		ct state invalid drop
		# Nobody out here is routed through this host, to a container or elsewhere.
		fib daddr type != { local, broadcast, multicast } counter drop
		icmp type { echo-request, destination-unreachable, time-exceeded, parameter-problem } accept
		icmpv6 type { echo-request, destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
		icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept
		icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } ip6 saddr fe80::/10 accept
		meta nfproto ipv4 udp sport 67 udp dport 68 accept comment "DHCP"
		ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept comment "DHCPv6"
		$MESHPORT
		$WEB
		counter drop
	}

	chain ssh {
		ip saddr @admins4 accept
		ip6 saddr @admins6 accept
		counter drop
	}

	chain mesh {
		ip saddr @guests4 tcp dport $SWARMTCP counter drop
		ip saddr @guests4 udp dport $SWARMUDP counter drop
		ip6 saddr @guests6 tcp dport $SWARMTCP counter drop
		ip6 saddr @guests6 udp dport $SWARMUDP counter drop
		$LIMITED
		ip saddr @mesh4 accept
		ip6 saddr @mesh6 accept
		ct state established,related accept
		counter drop
	}

	chain containers {
		# A container could write packets of an overlay network that it is not in.
		tcp dport $SWARMTCP fib daddr type local counter drop
		udp dport $SWARMUDP fib daddr type local counter drop
		ip daddr @mesh4 tcp dport $SWARMTCP counter drop
		ip daddr @mesh4 udp dport $SWARMUDP counter drop
		ip6 daddr @mesh6 tcp dport $SWARMTCP counter drop
		ip6 daddr @mesh6 udp dport $SWARMUDP counter drop
		accept
	}
`

// limitedChain lets guests in at their doors. A connection that they opened is
// looked at packet by packet, so that closing a door ends what came through it.
const limitedChain = `
	chain limited {
		ct state established ct direction reply accept
		ct state related accept
		fib daddr type local icmp type echo-request accept
		fib daddr type local icmpv6 type echo-request accept
		fib daddr type local ip saddr . meta l4proto . th dport @doors4 accept
		fib daddr type local ip6 saddr . meta l4proto . th dport @doors6 accept
		counter drop
	}
`
