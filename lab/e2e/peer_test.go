package e2e

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

// laptopUp brings a tunnel up as wg-quick does, and a network behind it.
const laptopUp = `
	ip link show wg0 >/dev/null 2>&1 || systemd-run -q --unit laptop --setenv WG_PROCESS_FOREGROUND=1 wireguard-go wg0
	for i in $(seq 50); do ! ip link show wg0 >/dev/null 2>&1 || break; sleep 0.2; done
	wg syncconf wg0 <(wg-quick strip /root/wg0.conf)
	ip addr replace "$(sed -n "s/^Address = //p" /root/wg0.conf)" dev wg0
	ip link set wg0 mtu "$(sed -n "s/^MTU = //p" /root/wg0.conf)" up
	ip addr replace 192.168.5.1/24 dev lo`

// testRoamingPeer is a machine that belongs to nobody and becomes the laptop,
// with the config that scripts/peer prints and nothing else.
func testRoamingPeer(c *checkout) {
	c.run(".skep/bin/lab machine laptop")
	join := func() {
		c.t.Helper()
		c.pulumi("lab", "scripts/peer laptop | .skep/bin/lab ssh laptop 'umask 077; cat >/root/wg0.conf'")
		c.on("laptop", laptopUp)
	}
	join()
	reached := func(want ...string) {
		c.t.Helper()
		got := strings.Fields(c.on("laptop", `for to in 1:22 1:80 1:2377 2:22 2:80 3:80; do
			! nc -z -w 2 10.90.0.${to%:*} ${to#*:} 2>/dev/null || echo $to; done`))
		if diff := cmp.Diff(want, got); diff != "" {
			c.t.Errorf("the laptop reaches other ports, as host:port (-want +got):\n%s", diff)
		}
	}
	reached("1:22", "1:80", "2:22", "2:80", "3:80")

	c.edit("Pulumi.lab.yaml", "{name: laptop, id: 201}", `{name: laptop, id: 201, allow: ["node-1:80", node-2], networks: [192.168.5.0/24]}`)
	start := time.Now()
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	c.t.Logf("what a laptop may reach was changed on three hosts in %s", time.Since(start).Round(100*time.Millisecond))
	join()
	reached("1:80", "2:22", "2:80")
	if got := c.on("laptop", "wg show wg0 peers | wc -l"); got != "2" {
		c.t.Errorf("the laptop knows %s hosts, want 2", got)
	}
	// The network behind it, both ways, and held to the same doors.
	for host, want := range map[string]string{"node-1": "yes", "node-2": "yes", "node-3": "no"} {
		if got := c.on(host, "ping -c 1 -W 2 192.168.5.1 >/dev/null && echo yes || echo no"); got != want {
			c.t.Errorf("%s reaches the network behind the laptop: %s, want %s", host, got, want)
		}
	}
	if got := c.on("laptop", `for to in 1:22 1:80 2:22; do ! nc -z -w 2 -s 192.168.5.1 10.90.0.${to%:*} ${to#*:} 2>/dev/null || echo $to; done | xargs`); got != "1:80 2:22" {
		c.t.Errorf("the network behind the laptop reaches %s, want 1:80 2:22", got)
	}
	c.pulumi("lab", "scripts/mesh && pulumi up --yes --expect-no-changes")

	// A network that a host is in itself is refused there, and the host kept.
	own := hostOutputs(c, "lab")["node-1"].PublicAddress
	own = own[:strings.LastIndexByte(own, '.')] + ".0/24"
	c.edit("Pulumi.lab.yaml", "192.168.5.0/24", own)
	if out, err := c.try(inStack("lab", "pulumi up --yes --skip-preview")); err == nil || !strings.Contains(out, own+" is to be reached over the mesh alone") {
		c.t.Errorf("a network of the hosts' own was taken (%v):\n%s", err, tail(out))
	}
	c.edit("Pulumi.lab.yaml", fmt.Sprintf(`{name: laptop, id: 201, allow: ["node-1:80", node-2], networks: [%s]}`, own), "{name: laptop, id: 201}")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	if got := c.on("node-1", "ip route show dev wg0 proto static"); got != "" {
		c.t.Errorf("routes are left: %s", got)
	}
	c.run(".skep/bin/lab machine rm laptop")
}

func testMeasure(c *checkout) {
	c.t.Logf("scripts/mesh --measure:\n%s", c.pulumi("lab", "scripts/mesh --measure 2>&1"))
	c.on("node-2", `ip link set "$(ip route show default | cut -d" " -f5)" mtu 1400`)
	out, err := c.try(inStack("lab", "scripts/mesh --measure"))
	if err == nil || !strings.Contains(out, "skep:mesh.mtu: 1340 (it is 1420)") {
		c.t.Errorf("a path of 1,400 bytes is not told (%v):\n%s", err, out)
	}
	c.on("node-2", `ip link set "$(ip route show default | cut -d" " -f5)" mtu 1500`)
}
