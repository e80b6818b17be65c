package main

import (
	"strings"
	"testing"

	"skep/internal/keys"
	"skep/internal/pulumitest"
)

func TestPeersReachWhatTheyAreAllowed(t *testing.T) {
	own := keys.Seed(strings.Repeat("p", keys.SeedLen)).WireGuard("site", 0).Public().Base64()
	config := shipped(t, "lab")
	config["skep:mesh"] = `{"peers":[
		{"name":"laptop","id":201},
		{"name":"phone","id":202,"allow":["node-1:443","node-1:53/udp","node-2"]},
		{"name":"site","id":203,"allow":["node-1:22"],"networks":["192.168.5.0/24"],"publicKey":"` + own + `"}]}`
	g := pulumitest.Run(t, world(config))
	rules := func(host string) string { return pulumitest.Text(g.Named(t, commandToken, host+"-base"), "stdin") }
	for _, want := range []string{
		"elements = { 10.90.0.201/32, 10.90.0.202/32, 10.90.0.203/32, 192.168.5.0/24 }", // guests
		"elements = { 10.90.0.202/32, 10.90.0.203/32, 192.168.5.0/24 }",                 // limited
		"elements = { 10.90.0.202/32 . tcp . 443, 10.90.0.202/32 . udp . 53, 10.90.0.203/32 . tcp . 22, 192.168.5.0/24 . tcp . 22 }",
		"ip saddr @limited4 jump limited",
	} {
		if !strings.Contains(rules("node-1"), want) {
			t.Errorf("node-1's rules lack %q", want)
		}
	}
	// node-2 is the phone's as a whole; the site has no door there.
	if text := rules("node-2"); !strings.Contains(text, "elements = { 10.90.0.203/32, 192.168.5.0/24 }") || strings.Contains(text, ". tcp .") {
		t.Errorf("node-2 has other doors:\n%s", text)
	}
	mesh := func(host string) (string, string) {
		c := g.Named(t, commandToken, "mesh-"+host)
		return pulumitest.Text(c, "stdin"), pulumitest.Text(c, "create")
	}
	one, line := mesh("node-1")
	if !strings.Contains(one, "PublicKey = "+own) || !strings.Contains(one, "AllowedIPs = 10.90.0.203/32, 192.168.5.0/24") || !strings.Contains(line, "--routes 192.168.5.0/24") {
		t.Errorf("node-1 does not know the site and its network: %s\n%s", line, one)
	}
	if two, line := mesh("node-2"); strings.Contains(two, "# site") || !strings.Contains(two, "# phone") || strings.Contains(line, "--routes") {
		t.Errorf("node-2 knows other peers: %s\n%s", line, two)
	}
}

func TestFaultsOfPeersNameKeyAndValue(t *testing.T) {
	key := keys.Seed(strings.Repeat("p", keys.SeedLen)).WireGuard("site", 0).Public().Base64()
	for name, c := range map[string]struct{ peers, want string }{
		"malformed key":      {`{"name":"a","id":201,"publicKey":"rubbish"}`, `skep:mesh.peers[0].publicKey: "rubbish": need 44 characters`},
		"short key":          {`{"name":"a","id":201,"publicKey":"AAAA"}`, `need 44 characters`},
		"key of zeros":       {`{"name":"a","id":201,"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`, "no key that anybody can have"},
		"one key twice":      {`{"name":"a","id":201,"publicKey":"` + key + `"},{"name":"b","id":202,"publicKey":"` + key + `"}`, "skep:mesh.peers[1].publicKey: it is that of skep:mesh.peers[0]"},
		"epoch of own key":   {`{"name":"a","id":201,"epoch":1,"publicKey":"` + key + `"}`, "skep:mesh.peers[0].epoch"},
		"no port":            {`{"name":"a","id":201,"allow":["node-1:"]}`, `skep:mesh.peers[0].allow[0]: "node-1:": need a host`},
		"port too large":     {`{"name":"a","id":201,"allow":["node-1:65536"]}`, `"node-1:65536"`},
		"other protocol":     {`{"name":"a","id":201,"allow":["node-1:80/sctp"]}`, `"node-1:80/sctp"`},
		"port of no host":    {`{"name":"a","id":201,"allow":["node-9:80"]}`, `skep:mesh.peers[0].allow[0]: "node-9" is no host`},
		"Swarm's port":       {`{"name":"a","id":201,"allow":["node-1:2377"]}`, "node-1:2377 is Swarm's own"},
		"host and port":      {`{"name":"a","id":201,"allow":["node-1","node-1:80"]}`, `skep:mesh.peers[0].allow[1]: "node-1:80" and "node-1"`},
		"port twice":         {`{"name":"a","id":201,"allow":["node-1:80","node-1:80/tcp"]}`, "keep one of them"},
		"network of mesh":    {`{"name":"a","id":201,"networks":["10.90.0.0/25"]}`, "overlaps skep:mesh.peers[0].networks[0]"},
		"network of docker":  {`{"name":"a","id":201,"networks":["10.92.7.0/24"]}`, "skep:mesh.peers[0].networks[0]"},
		"network twice":      {`{"name":"a","id":201,"networks":["192.168.5.0/24"]},{"name":"b","id":202,"networks":["192.168.0.0/16"]}`, "skep:mesh.peers[1].networks[0]"},
		"network everywhere": {`{"name":"a","id":201,"networks":["0.0.0.0/0"]}`, "skep:mesh.peers[0].networks[0]: 0.0.0.0/0: need a range"},
		"network host bits":  {`{"name":"a","id":201,"networks":["192.168.5.1/24"]}`, "192.168.5.1/24: need a range of /8 or smaller, without host bits"},
		"network of IPv6":    {`{"name":"a","id":201,"networks":["fd00:5::/64"]}`, `skep:mesh.peers[0].networks[0]: "fd00:5::/64": need an IPv4 range`},
		"network of no one":  {`{"name":"a","id":201,"networks":["169.254.1.0/24"]}`, "need a range that can be routed"},
	} {
		t.Run(name, func(t *testing.T) {
			if message := faulty(t, map[string]string{"skep:mesh": `{"peers":[` + c.peers + `]}`}); !strings.Contains(message, c.want) {
				t.Errorf("message lacks %q:\n%s", c.want, message)
			}
		})
	}
	message := faulty(t, map[string]string{
		"skep:hosts": `[{"name":"a","id":1,"role":"manager","address":"192.168.5.7"}]`,
		"skep:mesh":  `{"port":4789,"peers":[{"name":"site","id":201,"networks":["192.168.5.0/24"]}]}`,
	})
	for _, want := range []string{"skep:mesh.peers[0].networks[0]: 192.168.5.0/24 holds 192.168.5.7 of skep:hosts[0]", "skep:mesh.port: 4789 is Swarm's own"} {
		if !strings.Contains(message, want) {
			t.Errorf("message lacks %q:\n%s", want, message)
		}
	}
}
