package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestMesh is what happens to a mesh in its life: new keys, peers that come and
// go, reboots. It is not parallel to the others, since it measures.
func TestMesh(t *testing.T) {
	c := newCheckout(t)
	c.ends()
	c.steps([]step{
		{"up, and the mesh says so", testMeshUp},
		{"a laptop reaches what it is allowed", testRoamingPeer},
		{"the paths are measured", testMeasure},
		{"new pre-shared keys and a peer more or less lose nothing", testMeshChanges},
		{"new key of one host", testMeshRekey},
		{"reboot of one host", testRebootOne},
		{"power cut to all hosts", testRebootAll},
		{"a broken mesh is told", testMeshBroken},
	})
}

func testMeshUp(c *checkout) {
	c.run("scripts/tools --packages-for lab")
	c.run(".skep/bin/lab up")
	c.pulumi("lab", "pulumi stack init lab && pulumi up --yes --skip-preview")
	table := c.pulumi("lab", "scripts/mesh")
	c.t.Logf("scripts/mesh:\n%s", table)
	if got := c.on("node-1", "stat -c '%a %U' /etc/skep/mesh/wg0.conf"); got != "600 root" {
		c.t.Errorf("the mesh's keys have mode and owner %s", got)
	}
	config := c.pulumi("lab", "scripts/peer laptop")
	if strings.Count(config, "[Peer]") != len(hosts) {
		c.t.Errorf("the laptop knows %d hosts, want %d", strings.Count(config, "[Peer]"), len(hosts))
	}
}

// flood pings along every pair, in both directions, 100 times a second, until
// count pings are sent.
func flood(c *checkout, count int) {
	c.t.Helper()
	for i, host := range hosts {
		var line strings.Builder
		for j := range hosts {
			if i != j {
				fmt.Fprintf(&line, "rm -f /run/flood-%d; systemctl reset-failed flood-%d 2>/dev/null || true; systemd-run -q --collect --unit flood-%d --property StandardOutput=file:/run/flood-%d ping -n -i 0.01 -W 2 -c %d 10.90.0.%d; ",
					j+1, j+1, j+1, j+1, count, j+1)
			}
		}
		c.on(host, line.String())
	}
}

// flooded waits for a flood's end and returns, by pair, how many pings were
// lost and the longest run of them, as time.
func flooded(c *checkout, count int) map[string]lost {
	c.t.Helper()
	out := map[string]lost{}
	for i, host := range hosts {
		for j, to := range hosts {
			if i == j {
				continue
			}
			c.until(4*time.Minute, "the flood to end", func() bool {
				said, _ := c.try(fmt.Sprintf(".skep/bin/lab ssh %s 'tail -n 3 /run/flood-%d'", host, j+1))
				return strings.Contains(said, "packets transmitted")
			})
			var l lost
			var steps int
			said := c.on(host, fmt.Sprintf(`sed -n "s/.*icmp_seq=\([0-9]*\) ttl.*/\1/p" /run/flood-%d | sort -n | uniq | awk '{ n++; if ($1 - last > most) most = $1 - last; last = $1 } END { if (%d + 1 - last > most) most = %d + 1 - last; print %d - n, most - 1 }'`, j+1, count, count, count))
			if _, err := fmt.Sscan(said, &l.count, &steps); err != nil {
				c.t.Fatalf("read the flood from %s to %s: %v: %s", host, to, err, said)
			}
			l.gap = time.Duration(steps) * 10 * time.Millisecond
			out[host+" to "+to] = l
		}
	}
	return out
}

type lost struct {
	count int
	gap   time.Duration
}

// Live sessions do not notice new pre-shared keys; that the new ones are good
// is only seen at the next handshake, which is at most two minutes away.
func testMeshChanges(c *checkout) {
	const count = 13000
	// One that is opened anew loses what arrives in between, and a flood may miss it.
	socket := func() string { return c.on("node-1", "ss -uHlne 'sport = :51820' | grep -o 'ino:[0-9]*' | xargs") }
	before := socket()
	flood(c, count)
	c.edit("Pulumi.lab.yaml", "  skep:mesh:\n", "  skep:mesh:\n    epoch: 1\n")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	changed := c.on("node-1", "date +%s")
	c.edit("Pulumi.lab.yaml", "{name: laptop, id: 201}", "{name: laptop, id: 201}\n      - {name: phone, id: 202, allow: [node-1]}")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	if peers := c.on("node-1", "wg show wg0 peers | wc -l") + c.on("node-2", "wg show wg0 peers | wc -l"); peers != "43" {
		c.t.Errorf("node-1 and node-2 have %s peers, want 4 and 3: the phone may reach node-1 alone", peers)
	}
	c.edit("Pulumi.lab.yaml", "\n      - {name: phone, id: 202, allow: [node-1]}", "")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	if after := socket(); after != before {
		c.t.Errorf("the mesh opened its socket anew: %q, before %q", after, before)
	}
	if state := c.on("node-1", "systemctl is-active flood-2 || true"); state != "active" {
		c.t.Error("the flood ended before the changes did, so it shows nothing: raise count")
	}
	for _, host := range hosts {
		c.until(3*time.Minute, "handshakes with the new pre-shared keys", func() bool {
			return c.on(host, fmt.Sprintf(`wg show wg0 latest-handshakes | awk "\$2 > %s" | wc -l`, changed)) == "2"
		})
	}
	for pair, l := range flooded(c, count) {
		c.t.Logf("%s: %d of %d pings lost", pair, l.count, count)
		if l.count > 0 {
			c.t.Errorf("%s: %d pings lost, the longest gap is %s; want none", pair, l.count, l.gap)
		}
	}
}

// A new private key ends the sessions of its host at once. The gap lasts until
// both ends have been told, so it is bounded by how far apart they are.
func testMeshRekey(c *checkout) {
	const count = 4000
	before := c.on("node-3", "wg show wg0 public-key")
	flood(c, count)
	c.edit("Pulumi.lab.yaml", "{name: node-3, id: 3, role: manager}", "{name: node-3, id: 3, role: manager, epoch: 1}")
	out := c.pulumi("lab", "pulumi up --yes --skip-preview")
	if !strings.Contains(out, "~ 3 updated") {
		c.t.Errorf("a new key of one host changed more than the mesh of each:\n%s", tail(out))
	}
	if c.on("node-3", "wg show wg0 public-key") == before {
		c.t.Error("node-3 has its old key")
	}
	for pair, l := range flooded(c, count) {
		c.t.Logf("%s: %d pings lost, gap %s", pair, l.count, l.gap)
		switch {
		case !strings.Contains(pair, "node-3") && l.count > 0:
			c.t.Errorf("%s: %d pings lost, though neither has a new key", pair, l.count)
		case l.gap > 10*time.Second:
			c.t.Errorf("%s: a gap of %s", pair, l.gap)
		}
	}
	c.pulumi("lab", "scripts/mesh")
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}

// whole waits until nobody could tell that hosts were away, and says how long
// each part took. Docker must have waited for the mesh on those rebooted.
func whole(c *checkout, since time.Time, rebooted ...string) {
	c.t.Helper()
	const limit = 3 * time.Minute
	said := func(what string) { c.t.Logf("%s after %s", what, time.Since(since).Round(time.Second)) }
	c.until(limit, "the mesh", func() bool {
		_, err := c.try(inStack("lab", "scripts/mesh"))
		return err == nil
	})
	said("mesh whole")
	for _, host := range hosts {
		c.until(limit, "the swarm as "+host+" sees it", func() bool {
			out, err := c.try(fmt.Sprintf(`.skep/bin/lab ssh %s 'docker node ls --format "{{.Status}} {{.ManagerStatus}}"'`, host))
			return err == nil && strings.Count(out, "Ready Reachable")+strings.Count(out, "Ready Leader") == len(hosts)
		})
	}
	said("swarm whole")
	for _, host := range hosts {
		address := hostOutputs(c, "lab")[host].PublicAddress
		c.until(limit, "whoami on "+host, func() bool {
			_, err := c.try(fetch(c, "lab", "whoami.skep.test", address, "--max-time 2"))
			return err == nil
		})
	}
	said("whoami on every host")
	for _, host := range rebooted {
		// Docker's own process, after the mesh had its address.
		if got := c.on(host, `[ "$(systemctl show -P ExecMainStartTimestampMonotonic docker)" -gt "$(systemctl show -P ActiveEnterTimestampMonotonic skep-mesh)" ] && echo after`); got != "after" {
			c.t.Errorf("%s started Docker before the mesh was up", host)
		}
	}
}

func testRebootOne(c *checkout) {
	start := time.Now()
	c.engine("restart " + c.container("node-2"))
	whole(c, start, "node-2")
}

// All at once, and without a goodbye: no manager is left whom the others could ask.
func testRebootAll(c *checkout) {
	var all []string
	for _, host := range hosts {
		all = append(all, c.container(host))
	}
	start := time.Now()
	c.engine("kill " + strings.Join(all, " "))
	c.engine("start " + strings.Join(all, " "))
	whole(c, start, hosts...)
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}

func testMeshBroken(c *checkout) {
	c.on("node-2", "ip link set wg0 down")
	out, err := c.try(inStack("lab", "scripts/mesh"))
	if err == nil || strings.Count(out, "BAD") != 4 {
		c.t.Errorf("scripts/mesh does not tell that node-2 is cut off (%v):\n%s", err, out)
	}
	c.on("node-2", "systemctl restart skep-mesh")
	c.pulumi("lab", "scripts/mesh")
}
