package compose

import (
	"net/netip"
	"strings"
	"testing"

	"skep/internal/address"
)

func TestSubnets(t *testing.T) {
	taken := []address.Network{{Name: "skep:networks.swarm", Prefix: netip.MustParsePrefix("10.91.0.0/16")}, {Name: "unset"}}
	for name, c := range map[string]struct {
		networks string
		want     []string
	}{
		"none":         {"{a: {}, b: {external: true}}", nil},
		"one":          {"{a: {ipam: {config: [{subnet: 10.96.1.0/24}]}}}", nil},
		"two":          {"{a: {ipam: {driver: default, config: [{subnet: 10.96.1.0/24}]}}, b: {ipam: {config: [{subnet: 10.96.2.0/24}]}}}", nil},
		"the same":     {"{a: {ipam: {config: [{subnet: 10.96.0.0/22}]}}, b: {ipam: {config: [{subnet: 10.96.2.0/24}]}}}", []string{`c.yaml:9:80: network "b": 10.96.2.0/24 overlaps network "a" of stack "s" 10.96.0.0/22`}},
		"the pool's":   {"{a: {ipam: {config: [{subnet: 10.91.3.0/24}]}}}", []string{`network "a": 10.91.3.0/24 overlaps skep:networks.swarm 10.91.0.0/16: choose another`}},
		"host bits":    {"{a: {ipam: {config: [{subnet: 10.96.1.1/24}]}}}", []string{`network "a": subnet "10.96.1.1/24": need an IPv4 range of /16 to /28`}},
		"small":        {"{a: {ipam: {config: [{subnet: 10.96.1.0/30}]}}}", []string{"need an IPv4 range"}},
		"IPv6":         {"{a: {ipam: {config: [{subnet: 'fd00::/64'}]}}}", []string{"need an IPv4 range"}},
		"no range":     {"{a: {ipam: {}}}", []string{"0 ranges: write one"}},
		"what is lost": {"{a: {ipam: {driver: other, config: [{subnet: 10.96.1.0/24, gateway: 10.96.1.9}]}}}", []string{"ipam.driver is not for Swarm", "Swarm ignores ipam.config.gateway"}},
	} {
		file := parse(t, "services:\n"+sound("s", 100)+"networks: "+c.networks+"\n", nil)
		_, err := Check([]*File{file}, World{Ranges: taken})
		told := Faults(err)
		if len(told) != len(c.want) {
			t.Errorf("%s: want %d faults, got %v", name, len(c.want), err)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(told[i].Error(), want) {
				t.Errorf("%s: got %q, want %q", name, told[i], want)
			}
		}
	}
}
