package main

import (
	"regexp"
	"strings"
	"testing"

	"skep/internal/pulumitest"
)

// The first command after base confirms the firewall's rules, and it can only
// run when they change if its text does.
func TestNewRulesAreConfirmedOnEachHost(t *testing.T) {
	config := shipped(t, "lab")
	before := pulumitest.Run(t, world(config))
	config["skep:admins"] = `["198.51.100.0/24"]`
	after := pulumitest.Run(t, world(config))
	confirms := regexp.MustCompile(` bash /usr/local/lib/skep/firewall-[0-9a-f]{10}\.sh confirm [0-9a-f]{10} bash /usr/local/lib/skep/mesh-`)
	for _, host := range []string{"node-1", "node-2", "node-3"} {
		base := pulumitest.Text(after.Named(t, commandToken, host+"-base"), "stdin")
		if !strings.Contains(base, "@@skep /usr/local/lib/skep/firewall.nft\n") || !strings.Contains(base, "elements = { 198.51.100.0/24 }") {
			t.Errorf("%s: base does not bring the new rules", host)
		}
		one := pulumitest.Text(before.Named(t, commandToken, "mesh-"+host), "create")
		other := pulumitest.Text(after.Named(t, commandToken, "mesh-"+host), "create")
		if !confirms.MatchString(other) || one == other {
			t.Errorf("%s: new rules are not confirmed by the mesh's command:\n%s\n%s", host, one, other)
		}
	}
	cloud := after.Named(t, "digitalocean:index/firewall:Firewall", "cloud-firewall")
	if rules := cloud.Inputs["inboundRules"].String(); !strings.Contains(rules, "198.51.100.0/24") || strings.Contains(rules, "2377") {
		t.Errorf("the cloud's firewall has other rules: %s", rules)
	}
}

// Hosts without visitors have no web ports, and each has its own SSH port.
func TestRulesAreTheHostsOwn(t *testing.T) {
	config := withSSHKey(t, shipped(t, "home"))
	config["skep:hosts"] = strings.Replace(config["skep:hosts"], `"id":2`, `"id":2,"port":2222,"ingress":false`, 1)
	g := pulumitest.Run(t, world(config))
	one := pulumitest.Text(g.Named(t, commandToken, "board-1-base"), "stdin")
	two := pulumitest.Text(g.Named(t, commandToken, "board-2-base"), "stdin")
	if !strings.Contains(one, "@web4 tcp dport { 80, 443 }") || strings.Contains(two, "@web4 tcp") {
		t.Error("web ports are not open where visitors come, and there only")
	}
	if !strings.Contains(one, "tcp dport 22 jump ssh") || !strings.Contains(two, "tcp dport 2222 jump ssh") {
		t.Error("the rules do not follow each host's SSH port")
	}
}
