package firewall

import (
	"fmt"
	"net/netip"
)

// CloudRule lets something in at a cloud's firewall.
type CloudRule struct {
	// Protocol is tcp, udp or icmp. Ports is empty for icmp.
	Protocol, Ports string
	// Sources are ranges.
	Sources []string
}

// Cloud is what a cloud's firewall lets in under this policy; it refuses the
// rest. The mesh needs no rule: a cloud sees only its outer packets.
func (p Policy) Cloud() ([]CloudRule, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	sources := p.WebSources
	if sources == nil {
		sources = everywhere
	}
	rules := []CloudRule{{"tcp", fmt.Sprint(p.SSHPort), texts(p.Admins)}}
	for _, port := range p.WebPorts {
		rules = append(rules, CloudRule{"tcp", fmt.Sprint(port), texts(sources)})
	}
	for _, e := range p.Entries {
		rules = append(rules, CloudRule{e.Protocol, fmt.Sprint(e.Port), texts(everywhere)})
	}
	return append(rules,
		CloudRule{"udp", fmt.Sprint(p.MeshPort), texts(everywhere)},
		CloudRule{"icmp", "", texts(everywhere)}, // path MTU discovery needs it
	), nil
}

func texts(ranges []netip.Prefix) []string {
	out := make([]string, len(ranges))
	for i, r := range ranges {
		out[i] = r.String()
	}
	return out
}
