package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestVMWithoutMesh is the swarm on machines that exist, on a LAN where nobody
// wants a mesh: Docker encrypts what containers say to one another, which takes
// a kernel with IPsec.
func TestVMWithoutMesh(t *testing.T) {
	c := newVMCheckout(t)
	c.run("ssh-keygen -q -t ed25519 -N '' -f key")
	boards := []machine{c.machine("board-1", "root"), c.machine("board-2", "keeper")}
	c.homeEnvironment()
	c.endsGateway()
	c.lanConfig(boards)
	c.steps([]step{
		{"up", func(c *checkout) {
			c.pulumi("home", "pulumi stack init home && pulumi config set --secret sshPrivateKey <key && pulumi preview && pulumi up --yes --skip-preview")
		}},
		{"overlays are encrypted", func(c *checkout) { testEncrypted(c, boards) }},
		{"second up changes nothing", func(c *checkout) { c.pulumi("home", "pulumi up --yes --expect-no-changes") }},
		{"reboot of both", func(c *checkout) { testLANReboot(c, boards) }},
		{"destroy leaves nothing", func(c *checkout) { testLANDestroy(c, boards) }},
	})
}

// lanConfig makes the file that ships one of two machines without a mesh.
func (c *checkout) lanConfig(boards []machine) {
	c.t.Helper()
	before := c.read("Pulumi.home.yaml")
	third := strings.Index(before, "    - name: board-3")
	networks := strings.Index(before, "  skep:networks:")
	if third < 0 || networks < third {
		c.t.Fatalf("Pulumi.home.yaml has another form:\n%s", before)
	}
	c.write("Pulumi.home.yaml", before[:third]+"  skep:mesh: {mode: none}\n"+before[networks:])
	c.edit("Pulumi.home.yaml", "id: 2\n      role: manager", "id: 2\n      role: worker\n      ingress: true")
	c.edit("Pulumi.home.yaml", "  skep:networks:\n    lan: [192.168.1.0/24]\n", "")
	for i, b := range boards {
		c.edit("Pulumi.home.yaml", fmt.Sprintf("address: 192.168.1.%d", 11+i), fmt.Sprintf("address: %s\n      user: %s", b.Address, b.User))
		c.edit("Pulumi.home.yaml", "hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "hostKey: "+b.HostKey)
	}
	c.homeImages()
}

// testEncrypted sends from a container on one machine to one on the other, and
// looks at what goes by on the wire between.
func testEncrypted(c *checkout, boards []machine) {
	for _, b := range boards {
		if out := page(c, "home", "whoami.home.example.org", b.Address, "--max-time 30"); !strings.Contains(out, "Hostname: ") {
			c.t.Errorf("whoami does not answer on %s: %s", b.Name, out)
		}
		if out := c.on(b.Name, "ip link show wg0 2>&1 || true"); !strings.Contains(out, "does not exist") {
			c.t.Errorf("%s has a mesh: %s", b.Name, out)
		}
	}
	options := c.on("board-1", `docker network inspect whoami_default ingress --format '{{index .Options "encrypted"}}'`)
	if strings.Fields(options)[0] != "true" || len(strings.Fields(options)) != 2 {
		c.t.Errorf("the networks' option encrypted: %q", options)
	}
	// The engine's own resolver knows the tasks; whoami has no shell, so its
	// network is entered from outside.
	ask := `pid=$(docker inspect --format '{{.State.Pid}}' "$(docker ps -q --filter name=whoami_whoami)")
		for address in $(nsenter -t "$pid" -n dig +short tasks.whoami @127.0.0.11); do
			nsenter -t "$pid" -n curl -fsS --max-time 20 "http://$address:8080/" | grep Hostname || echo "no answer from $address"
		done`
	if out := c.on("board-1", ask); strings.Count(out, "Hostname") != 2 || strings.Contains(out, "no answer") {
		c.t.Errorf("a container does not reach the one on the other machine: %s", out)
	}
	for _, b := range boards {
		if out := c.on(b.Name, "ip -s xfrm state | grep -cE '[1-9][0-9]*\\(packets\\)'"); out == "0" {
			c.t.Errorf("%s has neither sent nor received an encrypted packet", b.Name)
		}
		if out := plainDropped(c, b.Name); out != "packets 0" {
			c.t.Errorf("packets of overlays came to %s in plain text: %s", b.Name, out)
		}
	}
	// Even one of the hosts cannot write into an overlay without its key.
	c.on("board-2", "echo x >/dev/udp/"+boards[0].Address+"/4789")
	c.until(vmPatience, "a packet in plain text to be dropped", func() bool { return plainDropped(c, "board-1") == "packets 1" })
}

// plainDropped is how many packets of overlays a host dropped, since its boot,
// for being in plain text.
func plainDropped(c *checkout, host string) string {
	c.t.Helper()
	return c.on(host, "nft list chain inet skep outside | grep '4789 meta ipsec missing' | grep -o 'packets [0-9]*'")
}

func testLANReboot(c *checkout, boards []machine) {
	start, before := time.Now(), map[string]string{}
	for _, b := range boards {
		before[b.Name] = bootID(c, b.Name)
		_, _ = c.try(".skep/bin/lab ssh " + b.Name + " systemctl reboot")
	}
	for _, b := range boards {
		c.awaitBoot(b.Name, before[b.Name])
		c.until(vmPatience, "whoami on "+b.Name, func() bool {
			_, err := c.try(fetch(c, "home", "whoami.home.example.org", b.Address, "2>/dev/null"))
			return err == nil
		})
	}
	c.t.Logf("whole after %s", time.Since(start).Round(time.Second))
	testEncrypted(c, boards)
}

func testLANDestroy(c *checkout, boards []machine) {
	c.pulumi("home", "pulumi destroy --yes --skip-preview")
	for _, b := range boards {
		left := c.on(b.Name, `docker info --format '{{.Swarm.LocalNodeState}}'; ls -d /etc/skep /usr/local/lib/skep /etc/systemd/system/skep-* 2>/dev/null | grep -v skep-lab-; ip xfrm state; true`)
		if left != "inactive" {
			c.t.Errorf("%s still has something of ours: %s", b.Name, left)
		}
	}
}
