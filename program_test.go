package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/internal/pulumitest"
)

func TestEveryShippedStackRuns(t *testing.T) {
	for _, stack := range []string{"lab", "prod", "home"} {
		t.Run(stack, func(t *testing.T) {
			config := shipped(t, stack)
			if stack == "home" {
				config = withSSHKey(t, config)
			}
			g := pulumitest.Run(t, world(config))
			if len(g.OfType("skep:stack:Stack")) != 2 {
				t.Error("not whoami and Traefik were deployed")
			}
		})
	}
}

func TestEachHostCostsAtMostEightResources(t *testing.T) {
	config := shipped(t, "lab")
	before := len(pulumitest.Run(t, world(config)).Resources)
	config["skep:hosts"] = strings.TrimSuffix(config["skep:hosts"], "]") + `,{"name":"node-4","id":4}]`
	after := len(pulumitest.Run(t, world(config)).Resources)
	if grown := after - before; grown > 8 {
		t.Errorf("a worker adds %d resources, want at most 8", grown)
	}
}

func TestEveryCommandIsSafe(t *testing.T) {
	g := pulumitest.Run(t, world(shipped(t, "lab")))
	commands := g.OfType(commandToken)
	if len(commands) < 12 {
		t.Fatalf("only %d commands; the test would prove little", len(commands))
	}
	for _, c := range commands {
		if key := c.Inputs["connection"]; !pulumitest.Secret(c, "connection") {
			t.Errorf("%s: connection %v is not secret", c.Name, key)
		}
		want := "none"
		if strings.HasSuffix(c.Name, "-deploy") || c.Name == "swarm-settle" || c.Name == "swarm-release" {
			want = "stderr" // its progress: lines of its own, without secrets, and short
		}
		if got := pulumitest.Text(c, "logging"); got != want {
			t.Errorf("%s: logging = %q, want %s", c.Name, got, want)
		}
		if line := pulumitest.Text(c, "create"); !strings.Contains(line, "timeout --kill-after") || len(line) > 2000 {
			t.Errorf("%s: command line has no limit of time or is long: %s", c.Name, line)
		}
		connection := c.Inputs["connection"]
		for connection.IsSecret() || connection.IsOutput() {
			if connection.IsSecret() {
				connection = connection.SecretValue().Element
			} else {
				connection = connection.OutputValue().Element
			}
		}
		pinned := connection.ObjectValue()["hostKey"]
		if pinned.IsNull() || !pinned.HasValue() {
			t.Errorf("%s: connection pins no host key", c.Name)
		}
		if slices.Index(c.RegisterRPC.GetAdditionalSecretOutputs(), "stdout") < 0 {
			t.Errorf("%s: stdout is no secret output", c.Name)
		}
		if c.RegisterRPC.GetDeletedWith() == "" {
			t.Errorf("%s: a machine that is gone would block its removal", c.Name)
		}
	}
}

func TestJoinTokensTravelOnStdinOnly(t *testing.T) {
	g := pulumitest.Run(t, world(shipped(t, "lab")))
	join := g.Named(t, commandToken, "swarm-node-2")
	if got := strings.TrimSpace(pulumitest.Text(join, "stdin")); got != token+"-manager" {
		t.Errorf("stdin of the join = %q", got)
	}
	if !pulumitest.Secret(join, "stdin") {
		t.Error("the join token is not secret")
	}
}

func TestMeshKeysStayWithTheirPair(t *testing.T) {
	g := pulumitest.Run(t, world(shipped(t, "lab")))
	one := g.Named(t, commandToken, "mesh-node-1")
	if !pulumitest.Secret(one, "stdin") {
		t.Error("the mesh config is not secret")
	}
	config := pulumitest.Text(one, "stdin")
	for _, want := range []string{"# node-2", "# node-3", "# laptop", "Endpoint = 192.0.2.12:51820"} {
		if !strings.Contains(config, want) {
			t.Errorf("mesh config lacks %q", want)
		}
	}
	if strings.Count(config, "PresharedKey") != 3 {
		t.Errorf("want a pre-shared key for each of 3 peers:\n%s", config)
	}
}

func TestFirstConnectionIsPinnedAndDropletDataSecret(t *testing.T) {
	g := pulumitest.Run(t, world(shipped(t, "lab")))
	droplet := g.Named(t, dropletToken, "node-1")
	if !pulumitest.Secret(droplet, "userData") || !strings.Contains(pulumitest.Text(droplet, "userData"), "ecdsa_private") {
		t.Error("user data must be secret and hold the bootstrap host key")
	}
	enroll := g.Named(t, commandToken, "node-1-enroll")
	if !strings.Contains(pulumitest.Text(enroll, "connection"), "ecdsa-sha2-nistp256 ") {
		t.Error("the first connection is not pinned to the bootstrap key")
	}
	if text := pulumitest.Text(enroll, "connection"); !strings.Contains(text, "skep") || strings.Contains(text, "root") {
		t.Errorf("a droplet is reached as somebody else than its admin: %s", text)
	}
	base := g.Named(t, commandToken, "node-1-base")
	if text := pulumitest.Text(base, "connection"); !strings.Contains(text, hostKey) || strings.Contains(text, "ecdsa-sha2") {
		t.Error("the second connection is not pinned to the host's own key")
	}
}

func TestHomeNeedsNoCloud(t *testing.T) {
	g := pulumitest.Run(t, world(withSSHKey(t, shipped(t, "home"))))
	for _, r := range g.Resources {
		if strings.HasPrefix(r.TypeToken, "digitalocean:") || strings.HasPrefix(r.TypeToken, "cloudflare:") {
			t.Errorf("a cloud resource was registered: %s %s", r.TypeToken, r.Name)
		}
	}
	farewell := g.Named(t, "command:local:Command", "board-1-farewell")
	if strings.Contains(pulumitest.Text(farewell, "delete"), "PRIVATE KEY") || !pulumitest.Secret(farewell, "stdin") {
		t.Error("the farewell must get its key on stdin, as a secret")
	}
}

// Without a mesh, hosts talk on their LAN: nothing has a WireGuard key, and what
// containers say to one another is encrypted by Docker.
func TestWithoutMesh(t *testing.T) {
	config := withSSHKey(t, shipped(t, "home"))
	before := len(pulumitest.Run(t, world(config)).Resources)
	config["skep:mesh"] = `{"mode":"none"}`
	g := pulumitest.Run(t, world(config))
	if len(g.Resources) != before-1 {
		t.Errorf("%d resources, want those of the mesh less its seed: %d", len(g.Resources), before-1)
	}
	one := pulumitest.Text(g.Named(t, commandToken, "mesh-board-1"), "create")
	if !strings.Contains(one, "/without-") || !strings.Contains(one, "--address 192.168.1.11") {
		t.Errorf("board-1 is not asked whether it can do without a mesh: %s", one)
	}
	found := pulumitest.Text(g.Named(t, commandToken, "swarm-found"), "create")
	if !strings.Contains(found, "--address 192.168.1.11 ") || !strings.Contains(found, "--encrypted yes") || !strings.Contains(found, "--mtu 1500") {
		t.Errorf("the swarm is founded by %s", found)
	}
	if stack := pulumitest.Text(g.Named(t, commandToken, "whoami-deploy"), "stdin"); !strings.Contains(stack, `encrypted: "true"`) {
		t.Errorf("the stack's network is not encrypted:\n%s", stack)
	}
	base := pulumitest.Text(g.Named(t, commandToken, "board-1-base"), "stdin")
	if !strings.Contains(base, "meta ipsec missing") || strings.Contains(base, `iifname "wg0" jump`) {
		t.Errorf("the firewall of board-1 is not that of a LAN")
	}
}

func TestOrderInConfigChangesNothing(t *testing.T) {
	config := shipped(t, "lab")
	forth := pulumitest.Run(t, world(config))
	var hosts []map[string]any
	if err := json.Unmarshal([]byte(config["skep:hosts"]), &hosts); err != nil {
		t.Fatal(err)
	}
	hosts[1], hosts[2] = hosts[2], hosts[1]
	turned, _ := json.Marshal(hosts)
	config["skep:hosts"] = string(turned)
	back := pulumitest.Run(t, world(config))
	for _, name := range []string{"mesh-node-1", "swarm-release", "swarm-settle", "swarm-admit", "whoami-deploy"} {
		a, b := forth.Named(t, commandToken, name), back.Named(t, commandToken, name)
		if pulumitest.Text(a, "stdin") != pulumitest.Text(b, "stdin") {
			t.Errorf("%s: stdin depends on the order of hosts", name)
		}
	}
}

func TestRecords(t *testing.T) {
	g := pulumitest.Run(t, world(shipped(t, "lab")))
	var got []string
	for _, r := range g.OfType(recordToken) {
		got = append(got, fmt.Sprintf("%s %s %s", pulumitest.Text(r, "name"), pulumitest.Text(r, "type"), pulumitest.Text(r, "content")))
	}
	slices.Sort(got)
	want := []string{
		"ingress.skep.test A 192.0.2.11", "ingress.skep.test A 192.0.2.12", "ingress.skep.test A 192.0.2.13",
		"node-1.skep.test A 192.0.2.11", "node-2.skep.test A 192.0.2.12", "node-3.skep.test A 192.0.2.13",
		"whoami.skep.test CNAME ingress.skep.test",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records differ (-want +got):\n%s", diff)
	}
}

// A hundred hosts cost a hundred times what one does, and no more: nothing is
// made per pair.
func TestHundredHosts(t *testing.T) {
	config := shipped(t, "lab")
	size := func(workers int) int {
		hosts := []string{`{"name":"m-1","id":1,"role":"manager"}`}
		for id := 2; id <= workers+1; id++ {
			hosts = append(hosts, fmt.Sprintf(`{"name":"w-%d","id":%d}`, id, id))
		}
		config["skep:hosts"] = "[" + strings.Join(hosts, ",") + "]"
		return len(pulumitest.Run(t, world(config)).Resources)
	}
	one, hundred := size(0), size(99)
	if got := hundred - one; got != 99*8 {
		t.Errorf("99 workers add %d resources, want %d", got, 99*8)
	}
}
