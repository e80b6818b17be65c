package main

import (
	"maps"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"skep/internal/pulumitest"
)

// faulty runs the program with the lab's config changed, and returns its error.
func faulty(t *testing.T, change map[string]string) string {
	t.Helper()
	config := shipped(t, "lab")
	maps.Copy(config, change)
	g, err := pulumitest.Start(t, world(config))
	if err == nil {
		t.Fatalf("the config %v was taken", change)
	}
	for _, r := range g.Resources {
		if r.Custom {
			t.Errorf("%s %s was made before the config was checked", r.TypeToken, r.Name)
		}
	}
	return err.Error()
}

func TestFaultsNameKeyAndValue(t *testing.T) {
	for name, c := range map[string]struct {
		key, value string
		want       []string
	}{
		"unknown key":       {"skep:hots", "[]", []string{"skep:hots: unknown key"}},
		"unknown host key":  {"skep:hosts", `[{"name":"a","id":1,"role":"manager","sise":"big"}]`, []string{"skep:hosts[0].sise: unknown key"}},
		"duplicate id":      {"skep:hosts", `[{"name":"a","id":1,"role":"manager"},{"name":"b","id":1}]`, []string{"skep:hosts[1].id: 1 is taken by skep:hosts[0]"}},
		"duplicate name":    {"skep:hosts", `[{"name":"a","id":1,"role":"manager"},{"name":"a","id":2}]`, []string{`skep:hosts[1].name: "a" is taken by skep:hosts[0]`}},
		"host name":         {"skep:hosts", `[{"name":"Node_1","id":1,"role":"manager"}]`, []string{`skep:hosts[0].name: "Node_1" is no DNS label`}},
		"even managers":     {"skep:hosts", `[{"name":"a","id":1,"role":"manager"},{"name":"b","id":2,"role":"manager"}]`, []string{"skep:hosts: 2 managers"}},
		"availability":      {"skep:hosts", `[{"name":"a","id":1,"role":"manager","availability":"off"}]`, []string{`skep:hosts[0].availability: "off": need active, pause or drain`}},
		"swarm epoch":       {"skep:swarm", `{"epoch":-1}`, []string{"skep:swarm.epoch: -1"}},
		"force what":        {"skep:swarm", `{"force":["all"]}`, []string{`skep:swarm.force[0]: "all": need even-managers or remove:HOST`}},
		"force nothing":     {"skep:swarm", `{"force":["even-managers"]}`, []string{"skep:swarm.force[0]: even-managers forces nothing"}},
		"force to stay":     {"skep:swarm", `{"force":["remove:node-1"]}`, []string{"skep:swarm.force[0]: remove:node-1 forces nothing, node-1 is in skep:hosts"}},
		"no manager":        {"skep:hosts", `[{"name":"a","id":1}]`, []string{"skep:hosts: no host has role manager"}},
		"no hosts":          {"skep:hosts", `[]`, []string{"skep:hosts: empty"}},
		"role":              {"skep:hosts", `[{"name":"a","id":1,"role":"boss"}]`, []string{`skep:hosts[0].role: "boss"`}},
		"id outside":        {"skep:hosts", `[{"name":"a","id":255,"role":"manager"}]`, []string{"skep:hosts[0].id: id 255 is outside network 10.90.0.0/24"}},
		"id of a peer":      {"skep:mesh", `{"peers":[{"name":"laptop","id":1}]}`, []string{"skep:mesh.peers[0].id: 1 is taken by skep:hosts[0]"}},
		"overlap docker":    {"skep:networks", `{"mesh":"10.92.0.0/24"}`, []string{"skep:networks.mesh", "overlaps skep:networks.docker"}},
		"overlap lan":       {"skep:networks", `{"lan":["10.90.0.0/16"]}`, []string{"skep:networks.mesh", "overlaps skep:networks.lan[0]"}},
		"no host key":       {"skep:hosts", `[{"name":"a","id":1,"role":"manager","address":"198.51.100.7"}]`, []string{"skep:hosts[0].hostKey: missing", "skep:sshPrivateKey: missing"}},
		"bad host key":      {"skep:hosts", `[{"name":"a","id":1,"role":"manager","address":"198.51.100.7","hostKey":"rubbish"}]`, []string{`skep:hosts[0].hostKey: "rubbish" is no public key`}},
		"address in mesh":   {"skep:hosts", `[{"name":"a","id":1,"role":"manager","address":"10.90.0.7"}]`, []string{"skep:hosts[0].address: 10.90.0.7 lies in skep:networks.mesh"}},
		"key not address":   {"skep:hosts", `[{"name":"a","id":1,"role":"manager","hostKey":"x"}]`, []string{"skep:hosts[0]", "no address"}},
		"region":            {"skep:hosts", `[{"name":"a","id":1,"role":"manager","region":"moon1"}]`, []string{`skep:hosts[0].region`, `"moon1"`}},
		"reserved name":     {"skep:hosts", `[{"name":"ingress","id":1,"role":"manager"}]`, []string{`skep:hosts[0].name: "ingress" is reserved`}},
		"label value":       {"skep:hosts", `[{"name":"a","id":1,"role":"manager","labels":{"disk":"a b"}}]`, []string{`skep:hosts[0].labels.disk: "a b"`}},
		"mtu":               {"skep:mesh", `{"mtu":9000}`, []string{"skep:mesh.mtu: 9000"}},
		"domain":            {"skep:domain", "nodots", []string{`skep:domain: "nodots" is no DNS name`}},
		"zone":              {"skep:dns", `{"zone":"example.org"}`, []string{`skep:dns.zone: "example.org" does not hold`}},
		"dns provider":      {"skep:dns", `{"provider":"bind"}`, []string{`skep:dns.provider: "bind"`}},
		"engine version":    {"skep:engine", `{"version":"latest"}`, []string{`skep:engine.version: "latest" is no version`}},
		"engine key":        {"skep:engine", `{"verison":"28"}`, []string{"skep:engine.verison: unknown key"}},
		"window":            {"skep:upgrades", `{"window":"24:00"}`, []string{`skep:upgrades.window: "24:00" is no time of day`}},
		"window unquoted":   {"skep:upgrades", `{"window":120}`, []string{"skep:upgrades.window"}},
		"reboot":            {"skep:upgrades", `{"reboot":"never"}`, []string{"skep:upgrades.reboot"}},
		"missing stack":     {"skep:stacks", `["nothing"]`, []string{`read stack "nothing"`, "no such file"}},
		"stack twice":       {"skep:stacks", `["whoami","whoami"]`, []string{`skep:stacks[1]: "whoami" is there twice`}},
		"ssh key":           {"skep:sshPrivateKey", pulumitest.Canary, []string{"skep:sshPrivateKey: read SSH private key"}},
		"no admins":         {"skep:admins", `[]`, []string{"skep:admins: empty: nobody could reach SSH"}},
		"admins overlap":    {"skep:admins", `["10.0.0.0/8","10.1.0.0/16"]`, []string{"skep:admins[0]: 10.0.0.0/8 overlaps skep:admins[1]"}},
		"two behind NAT":    {"skep:hosts", `[{"name":"a","id":1,"role":"manager","address":"198.51.100.7","nat":true},{"name":"b","id":2,"address":"198.51.100.8","nat":true}]`, []string{`skep:hosts[1].nat: "b" and "a" are both behind NAT`, "forward the mesh's UDP port"}},
		"NAT and endpoint":  {"skep:hosts", `[{"name":"a","id":1,"role":"manager","address":"198.51.100.7","nat":true,"endpoints":["198.51.100.7"]}]`, []string{`skep:hosts[0]: "a" has nat`, "remove one"}},
		"droplet with NAT":  {"skep:hosts", `[{"name":"a","id":1,"role":"manager","nat":true}]`, []string{`skep:hosts[0]: "a" is a droplet`}},
		"two endpoints":     {"skep:hosts", `[{"name":"a","id":1,"role":"manager","address":"198.51.100.7","endpoints":["198.51.100.7","198.51.100.8"]}]`, []string{"skep:hosts[0].endpoints[1]: 198.51.100.8", "at most one of IPv4"}},
		"endpoint in mesh":  {"skep:hosts", `[{"name":"a","id":1,"role":"manager","address":"198.51.100.7","endpoints":["10.90.0.9"]}]`, []string{"skep:hosts[0].endpoints[0]: 10.90.0.9 lies in skep:networks.mesh"}},
		"loopback":          {"skep:hosts", `[{"name":"a","id":1,"role":"manager","address":"198.51.100.7","endpoints":["127.0.0.1"]}]`, []string{"skep:hosts[0].endpoints[0]: 127.0.0.1: need an address"}},
		"no family shared":  {"skep:hosts", `[{"name":"a","id":1,"role":"manager"},{"name":"b","id":2,"address":"2001:db8::8"}]`, []string{`skep:hosts[1]: of "b" and "a" one has only IPv4`}},
		"mesh mode":         {"skep:mesh", `{"mode":"ipsec"}`, []string{`skep:mesh.mode: "ipsec": need wireguard, or none`}},
		"no mesh, peers":    {"skep:mesh", `{"mode":"none","peers":[{"name":"laptop","id":201}]}`, []string{"skep:mesh.peers: roaming peers need a mesh"}},
		"no mesh, droplet":  {"skep:mesh", `{"mode":"none"}`, []string{"is a droplet, and between droplets there is no LAN"}},
		"no mesh, mtu":      {"skep:mesh", `{"mode":"none","mtu":100}`, []string{"skep:mesh.mtu: 100: need 1280 to 9000"}},
		"no mesh, wg-go":    {"skep:mesh", `{"mode":"none","userspace":"allow"}`, []string{"skep:mesh.userspace: there is no WireGuard"}},
		"userspace":         {"skep:mesh", `{"userspace":"yes"}`, []string{`skep:mesh.userspace: "yes": need allow`}},
		"peer epoch":        {"skep:mesh", `{"peers":[{"name":"laptop","id":201,"epoch":-1}]}`, []string{"skep:mesh.peers[0].epoch: -1"}},
		"peer allowed all":  {"skep:mesh", `{"peers":[{"name":"laptop","id":201,"allow":[]}]}`, []string{"skep:mesh.peers[0].allow: an empty list"}},
		"peer to nowhere":   {"skep:mesh", `{"peers":[{"name":"laptop","id":201,"allow":["node-9"]}]}`, []string{`skep:mesh.peers[0].allow[0]: "node-9" is no host`}},
		"peer dns":          {"skep:mesh", `{"peers":[{"name":"laptop","id":201,"dns":["10.90.0.300"]}]}`, []string{`skep:mesh.peers[0].dns[0]: "10.90.0.300"`}},
		"host bits":         {"skep:admins", `["192.0.2.1/24"]`, []string{"skep:admins[0]: 192.0.2.1/24"}},
		"proxied by nobody": {"skep:dns", `{"provider":"none","proxied":true}`, []string{`skep:dns.proxied: true with provider "none"`}},
		"ranges in clear":   {"skep:dns", `{"proxied":true,"rangesURL":"http://www.cloudflare.com"}`, []string{`skep:dns.rangesURL: "http://www.cloudflare.com": need an https:// address`}},
		"ranges and shell":  {"skep:dns", `{"rangesURL":"https://a/$(reboot)"}`, []string{`skep:dns.rangesURL: "https://a/$(reboot)"`}},
		"mesh on Swarm's":   {"skep:mesh", `{"port":4789}`, []string{"skep:mesh.port: 4789: Swarm needs this UDP port"}},
		"SSH on Swarm's":    {"skep:hosts", `[{"name":"a","id":1,"role":"manager","address":"198.51.100.7","port":2377}]`, []string{"skep:hosts[0].port: 2377: Swarm needs this TCP port"}},
		"tls":               {"skep:ingress", `{"tls":"letsencrypt"}`, []string{`skep:ingress.tls: "letsencrypt": need one of ca, cloudflare, acme, none`}},
		"ingress numbers":   {"skep:ingress", `{"epoch":-1,"hsts":-1}`, []string{"skep:ingress.epoch: -1", "skep:ingress.hsts: -1"}},
		"ingress key":       {"skep:ingress", `{"entrypoints":{}}`, []string{"skep:ingress.entrypoints: unknown key"}},
		"entry points":      {"skep:ingress", `{"entryPoints":{"web":"81/tcp","a":"0/tcp","b":"25","c":"7946/tcp","d":"443/tcp","e":"22/tcp","f":"51820/udp","g":"53/udp","h":"53/udp"}}`, []string{`skep:ingress.entryPoints.web: "web" is no name`, `skep:ingress.entryPoints.a: "0/tcp": need PORT/tcp`, `skep:ingress.entryPoints.b: "25"`, "skep:ingress.entryPoints.c: 7946/tcp: Swarm needs this port", "skep:ingress.entryPoints.d: 443/tcp is taken by entry point websecure", "skep:ingress.entryPoints.e: 22/tcp is taken by SSH", "skep:ingress.entryPoints.f: 51820/udp is taken by the mesh", "skep:ingress.entryPoints.h: 53/udp is taken by entry point g"}},
		"maintenance":       {"skep:ingress", `{"maintenance":["nothing"]}`, []string{`skep:ingress.maintenance[0]: "nothing" is none of skep:stacks`}},
		"SSH of visitors":   {"skep:hosts", `[{"name":"a","id":1,"role":"manager","address":"198.51.100.7","port":443}]`, []string{"skep:hosts[0].port: 443: visitors come in there", "ingress: false"}},
	} {
		t.Run(name, func(t *testing.T) {
			message := faulty(t, map[string]string{c.key: c.value})
			for _, want := range c.want {
				if !strings.Contains(message, want) {
					t.Errorf("message lacks %q:\n%s", want, message)
				}
			}
			if strings.Contains(message, pulumitest.Canary) {
				t.Errorf("message shows a secret:\n%s", message)
			}
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	message := faulty(t, map[string]string{
		"skep:domain": "nodots",
		"skep:hosts":  `[{"name":"A","id":1,"role":"manager"},{"name":"b","id":1,"role":"manager"}]`,
		"skep:mesh":   `{"mtu":1}`,
	})
	for _, want := range []string{"skep:domain", "skep:hosts[0].name", "skep:hosts[1].id", "2 managers", "skep:mesh.mtu"} {
		if !strings.Contains(message, want) {
			t.Errorf("message lacks %q:\n%s", want, message)
		}
	}
}

// What Pulumi.yaml declares, the program reads, and the reference describes.
func TestEveryKeyIsDeclaredAndDescribed(t *testing.T) {
	content, err := os.ReadFile("Pulumi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var project struct {
		Config map[string]struct{ Type, Description string }
	}
	if err := yaml.Unmarshal(content, &project); err != nil {
		t.Fatal(err)
	}
	reference, err := os.ReadFile("docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"acmeToken": true, "domain": true, "sshPrivateKey": true, "secrets": true, "registries": true}
	for key := range (&Config{}).keys() {
		known[key] = true
	}
	for key := range known {
		if declared := project.Config[key]; declared.Type == "" || declared.Description == "" {
			t.Errorf("Pulumi.yaml does not declare %q with type and description", key)
		}
		if !strings.Contains(string(reference), "`skep:"+key) {
			t.Errorf("docs/reference.md does not describe %q", key)
		}
	}
	for key := range project.Config {
		if !known[key] {
			t.Errorf("Pulumi.yaml declares %q, which nothing reads", key)
		}
	}
}
