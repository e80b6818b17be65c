package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

type machine struct {
	Name, Address, User, HostKey string
	Port                         int
}

// TestHome brings the swarm up on machines that exist already, with plugins
// for commands and random numbers only: no cloud plugin is there to be used.
func TestHome(t *testing.T) {
	c := newCheckout(t)
	t.Parallel() // beside TestLab: two checkouts have their labs side by side
	c.ends()
	c.endsGateway()
	c.run("scripts/tools --packages-for lab && .skep/bin/lab up")
	c.run("ssh-keygen -q -t ed25519 -N '' -f key")
	boards := []machine{c.machine("board-1", "root"), c.machine("board-2", "keeper"), c.machine("board-3", "keeper")}
	c.homeEnvironment()
	c.homeConfig(boards)

	c.steps([]step{
		{"up", func(c *checkout) { testHomeUp(c, boards) }},
		{"the remedy shuts root out", func(c *checkout) { testHomeRemedy(c, boards) }},
		{"a wrong host key stops", func(c *checkout) { testHomeWrongKey(c, boards) }},
		{"destroy with a dead machine", func(c *checkout) { testHomeDestroy(c, boards) }},
	})
}

func (c *checkout) machine(name, user string) machine {
	c.t.Helper()
	var m machine
	out := c.run(fmt.Sprintf(`.skep/bin/lab machine %s --user %s --authorized-key "$(cat key.pub)" 2>/dev/null`, name, user))
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		c.t.Fatalf("read what `lab machine` says: %v: %s", err, out)
	}
	return m
}

// endsGateway ends the gateway of a stack that is not the lab's, before the lab.
func (c *checkout) endsGateway() {
	t := c.t
	t.Helper()
	t.Cleanup(func() {
		c.t = t
		if out, err := c.try("if [ -e .skep/home.env ]; then . .skep/home.env && scripts/state stop; fi"); err != nil {
			t.Errorf("stop the gateway: %v\n%s", err, tail(out))
		}
	})
}

// homeEnvironment gives the stack its own plugins and state, by the file that
// scripts/env reads for any stack.
func (c *checkout) homeEnvironment() {
	c.t.Helper()
	c.run(`mkdir -p .skep/home/plugins
		for plugin in .skep/lab/pulumi/plugins/resource-{command,random}-*; do cp -r "$plugin" .skep/home/plugins/; done
		printf 'export PULUMI_HOME=%q/.skep/home SKEP_STATE_HOME=%q/.skep/home/state\n' "$PWD" "$PWD" >.skep/home.env`)
}

// homeConfig writes the operator's own addresses into the file that ships.
func (c *checkout) homeConfig(boards []machine) {
	c.t.Helper()
	for i, b := range boards {
		shipped := fmt.Sprintf("192.168.1.%d", 11+i)
		own := fmt.Sprintf("address: %s\n      user: %s\n      port: %d", b.Address, b.User, b.Port)
		if b.Name == "board-3" {
			own += "\n      nat: true" // nobody dials it, and the mesh is whole all the same
		}
		c.edit("Pulumi.home.yaml", "address: "+shipped, own)
		c.edit("Pulumi.home.yaml", "hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "hostKey: "+b.HostKey)
	}
	c.homeImages()
}

// homeImages puts the lab's images in the place of those that the world has.
func (c *checkout) homeImages() {
	c.t.Helper()
	var images map[string]string
	if err := json.Unmarshal([]byte(c.run(".skep/bin/lab images 2>/dev/null")), &images); err != nil {
		c.t.Fatalf("read `lab images`: %v", err)
	}
	config := "  skep:registries: {registry.skep.internal: {check: false}}\n  skep:images:\n"
	for from, to := range images {
		config += fmt.Sprintf("    %q: %q\n", from, to)
	}
	c.edit("Pulumi.home.yaml", "  skep:stacks:", config+"  skep:stacks:")
}

func testHomeUp(c *checkout, boards []machine) {
	c.pulumi("home", "pulumi stack init home && pulumi config set --secret sshPrivateKey <key && pulumi up --yes --skip-preview")
	for _, b := range boards {
		if out := page(c, "home", "whoami.home.example.org", b.Address, ""); !strings.Contains(out, "Hostname: ") {
			c.t.Errorf("whoami does not answer on %s: %s", b.Name, out)
		}
	}
	if out := c.on("board-1", "grep -c Endpoint /etc/skep/mesh/wg0.conf; ping -c1 -W2 10.90.0.3 >/dev/null && wg show wg0 endpoints"); !strings.HasPrefix(out, "1\n") || !strings.Contains(out, boards[2].Address) {
		c.t.Errorf("board-1 was told where board-3 is, or was not dialled by it: %s", out)
	}
	// root's login stays only where Skep itself comes in as root.
	for _, b := range boards {
		want := map[string]string{"root": "without-password", "keeper": "no"}[b.User]
		if got := c.on(b.Name, "sshd -T | sed -n 's/^permitrootlogin //p'"); got != want {
			c.t.Errorf("%s, reached as %s: PermitRootLogin is %s, want %s", b.Name, b.User, got, want)
		}
	}
	if plugins := c.run("ls .skep/home/plugins"); strings.Contains(plugins, "cloudflare") || strings.Contains(plugins, "digitalocean") {
		c.t.Errorf("a cloud plugin has come: %s", plugins)
	}
	c.pulumi("home", "pulumi up --yes --expect-no-changes")
}

// remedy are the commands that a preview names where root still logs in.
var remedy = regexp.MustCompile(`(?m)^\s*((?:useradd|echo) .*)$`)

func testHomeRemedy(c *checkout, boards []machine) {
	commands := remedy.FindAllStringSubmatch(c.pulumi("home", "pulumi preview"), -1)
	if len(commands) != 2 {
		c.t.Fatalf("preview names %d commands, want 2: %q", len(commands), commands)
	}
	c.on("board-1", commands[0][1]+"\n"+commands[1][1])
	c.edit("Pulumi.home.yaml", boards[0].Address+"\n      user: root", boards[0].Address+"\n      user: skep")
	c.pulumi("home", "pulumi up --yes --skip-preview")
	if got := c.on("board-1", "sshd -T | sed -n 's/^permitrootlogin //p'"); got != "no" {
		c.t.Errorf("board-1, reached as skep: PermitRootLogin is %s", got)
	}
	if out := c.pulumi("home", "pulumi preview --expect-no-changes"); strings.Contains(out, "as root") {
		c.t.Errorf("preview still tells of root:\n%s", tail(out))
	}
}

func testHomeWrongKey(c *checkout, boards []machine) {
	before := c.read("Pulumi.home.yaml")
	c.edit("Pulumi.home.yaml", boards[2].HostKey, boards[1].HostKey)
	out, err := c.try(inStack("home", "pulumi preview"))
	if err == nil || !strings.Contains(out, `skep:hosts[2].hostKey: "board-3"`) || !strings.Contains(out, "host key mismatch") {
		c.t.Errorf("preview went past a wrong host key, or does not name it (%v):\n%s", err, tail(out))
	}
	// Nobody has to look at a preview; the provider's own pinning is what protects.
	out, err = c.try(inStack("home", "pulumi up --yes --skip-preview"))
	if err == nil || !strings.Contains(out, "board-3") || !strings.Contains(out, "host key mismatch") {
		c.t.Errorf("up went past a wrong host key, or does not name it (%v):\n%s", err, tail(out))
	}
	c.write("Pulumi.home.yaml", before)
	c.pulumi("home", "pulumi up --yes --skip-preview")
}

func testHomeDestroy(c *checkout, boards []machine) {
	c.engine("kill " + c.container("board-3"))
	if out := c.pulumi("home", "pulumi preview --expect-no-changes"); !strings.Contains(out, "skep:hosts[2].address") || !strings.Contains(out, "no SSH server answers") {
		c.t.Errorf("preview does not tell that board-3 is dead:\n%s", tail(out))
	}
	out := c.pulumi("home", "pulumi destroy --yes --skip-preview")
	for _, b := range boards[:2] {
		left := c.run(fmt.Sprintf(`.skep/bin/lab ssh %s 'docker info --format "{{.Swarm.LocalNodeState}}"; ip link show wg0 2>&1; ls -d /etc/skep /usr/local/lib/skep /etc/systemd/system/skep-* /etc/ssh/sshd_config.d/10-skep.conf 2>/dev/null || true'`, b.Name))
		if !strings.HasPrefix(left, "inactive\n") || !strings.Contains(left, "does not exist") || strings.Contains(left, "/skep") || strings.Contains(left, "skep.conf") {
			c.t.Errorf("%s still has something of ours: %s\n%s", b.Name, left, tail(out))
		}
	}
}
