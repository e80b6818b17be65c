package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFaults does to a swarm what nobody planned, while a client writes to a
// stack with data: what it was promised must be there afterwards, and all is to
// run again by itself.
func TestFaults(t *testing.T) {
	day2(t)
	c := newCheckout(t)
	c.ends()
	c.steps([]step{
		{"a stack runs on four hosts", testDay2Up},
		{"an engine is killed", func(c *checkout) { engineKilled(c, "node-4") }},
		{"the leader's engine is killed", testLeaderKilled},
		{"a host is cut off for a minute", testCutOff},
		{"every third connection over SSH is cut", testSSHCut},
		{"a disk is full", testDiskFull},
		{"large packets get lost", testNarrowPath},
		{"pulumi is killed in the middle of each phase", testPulumiKilled},
	})
}

// healed waits until all services run and every node is well, and tells what the
// fault cost.
func healed(c *checkout, fault, services string, before written) {
	c.t.Helper()
	start := time.Now()
	c.until(3*time.Minute, "all to run again", func() bool {
		if _, err := c.try(inStack("lab", "scripts/nodes")); err != nil {
			return false
		}
		out, err := c.try(`.skep/bin/lab ssh node-1 'docker service ls --format "{{.Name}} {{.Replicas}}" | sort'`)
		return err == nil && strings.TrimSpace(out) == services
	})
	after := since(c, before)
	c.t.Logf("%s: well again after %s; %d of %d requests failed", fault, time.Since(start).Round(time.Second), after.Failed, after.Kept+after.Failed)
}

// engineKilled ends a host's engine, all at once; systemd starts another.
func engineKilled(c *checkout, host string) {
	c.t.Helper()
	now, before := services(c), told(c)
	pid := c.on(host, "systemctl show -p MainPID docker")
	c.on(host, "pkill -9 -x dockerd")
	c.until(time.Minute, "another engine", func() bool {
		out, err := c.try(fmt.Sprintf(".skep/bin/lab ssh %s 'systemctl show -p MainPID docker; docker info >/dev/null'", host))
		return err == nil && !strings.Contains(out, pid)
	})
	healed(c, "dockerd of "+host+" killed", now, before)
}

func leader(c *checkout) string {
	c.t.Helper()
	return c.on("node-1", `docker node ls --format "{{.Hostname}} {{.ManagerStatus}}" | sed -n "s/ Leader//p"`)
}

// Where the client is on the leader, its own end would be no fault of the swarm.
func testLeaderKilled(c *checkout) {
	if leader(c) == "node-1" {
		c.on("node-1", "docker node demote node-1")
		c.until(time.Minute, "another leader", func() bool {
			out, err := c.try(`.skep/bin/lab ssh node-2 'docker node ls --format "{{.Hostname}} {{.ManagerStatus}}"'`)
			return err == nil && strings.Contains(out, "Leader")
		})
		c.until(time.Minute, "node-1 to be made a manager again", func() bool {
			_, err := c.try(".skep/bin/lab ssh node-2 docker node promote node-1")
			return err == nil
		})
		c.until(time.Minute, "node-1 to answer as one", func() bool {
			_, err := c.try(".skep/bin/lab ssh node-1 docker node ls")
			return err == nil
		})
	}
	engineKilled(c, leader(c))
}

// Everything that comes in is dropped, so the host hears nobody and nobody hears
// answers; the lab itself comes in past its network.
func testCutOff(c *checkout) {
	now, before := services(c), told(c)
	c.on("node-4", `nft "add table inet cut; add chain inet cut in { type filter hook input priority -300; policy drop; }; add rule inet cut in iif lo accept" && sleep 60; nft delete table inet cut`)
	healed(c, "node-4 cut off for 60 s", now, before)
}

// What opens a connection tries again, and what asks a manager asks another one.
func testSSHCut(c *checkout) {
	now, before := services(c), told(c)
	all := append(slices.Clone(hosts), "node-4")
	for _, host := range all {
		c.on(host, `nft "add table inet cut; add chain inet cut in { type filter hook input priority -300; }; add rule inet cut in tcp dport 22 ct state new numgen inc mod 3 == 0 counter reject with tcp reset"`)
	}
	c.edit("Pulumi.lab.yaml", "  skep:dns:", "  skep:upgrades: {window: \"01:00\"}\n  skep:dns:")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	for _, host := range all {
		c.until(time.Minute, "a connection that is let in", func() bool {
			out, err := c.try(fmt.Sprintf(".skep/bin/lab ssh %s 'nft list table inet cut && nft delete table inet cut'", host))
			if err == nil && strings.Contains(out, "packets 0 ") {
				c.t.Errorf("%s cut no connection, so this shows nothing", host)
			}
			return err == nil
		})
	}
	// Whoever did not answer did not speak for the swarm, and does again.
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	healed(c, "every third connection cut", now, before)
}

// full is a line of shell that puts a file system without room where Skep's
// scripts are, with all that is there.
const full = `cd / && cp -a /usr/local/lib/skep /run/skep-full && mount -t tmpfs -o size=2m full /usr/local/lib/skep && cp -a /run/skep-full/. /usr/local/lib/skep/ && rm -r /run/skep-full
	head -c 4m /dev/zero >/usr/local/lib/skep/filler 2>/dev/null; df --output=avail /usr/local/lib/skep | tail -n 1`

// A host without room fails alone and says so; with room it catches up.
func testDiskFull(c *checkout) {
	now, before := services(c), told(c)
	if left := strings.TrimSpace(c.on("node-4", full)); left != "0" {
		c.t.Fatalf("%s KiB are left on node-4", left)
	}
	c.edit("Pulumi.lab.yaml", "window: \"01:00\"", "window: \"03:00\"")
	out, err := c.try(inStack("lab", "pulumi up --yes --skip-preview"))
	if err == nil || !strings.Contains(out, "No space left on device") || !strings.Contains(out, "node-4-base") {
		c.t.Errorf("a full disk is not told, or not whose it is (%v):\n%s", err, tail(out))
	}
	c.on("node-4", "cd / && umount -l /usr/local/lib/skep")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	healed(c, "a full disk", now, before)
}

// Small packets pass, so the swarm takes the host for well; services would hang.
func testNarrowPath(c *checkout) {
	now, before := services(c), told(c)
	c.on("node-3", `nft "add table inet narrow; add chain inet narrow in { type filter hook input priority -300; }; add rule inet narrow in iifname wg0 meta length > 1400 drop"`)
	c.edit(ledgerFile, `LEDGER_VERSION: "1"`, `LEDGER_VERSION: "0"`)
	out, err := c.try(inStack("lab", "pulumi up --yes --skip-preview"))
	if err == nil || !strings.Contains(out, "nothing was deployed: between node-1 and node-3 small packets pass and large ones do not") {
		c.t.Errorf("a deploy begins where large packets get lost, or it is not told (%v):\n%s", err, tail(out))
	}
	c.on("node-3", "nft delete table inet narrow")
	c.edit(ledgerFile, `LEDGER_VERSION: "0"`, `LEDGER_VERSION: "1"`)
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	healed(c, "large packets lost", now, before)
}

// A run that is killed leaves the state locked, which the next one says with what
// to do; after that it goes on where the killed one was.
func testPulumiKilled(c *checkout) {
	now, before := services(c), told(c)
	for i, phase := range []string{"node-1-base", "mesh-node-1", "swarm-settle", "ledger-deploy"} {
		// Something for every phase: the base, the mesh's keys, labels, the stack.
		window, epoch := fmt.Sprintf("0%d:00", i+4), i+1
		if i == 0 {
			c.edit("Pulumi.lab.yaml", "  skep:mesh:\n", "  skep:mesh:\n    epoch: 0\n")
			c.edit("Pulumi.lab.yaml", "{name: node-4, id: 4}", "{name: node-4, id: 4, labels: {round: r0}}")
		}
		c.edit("Pulumi.lab.yaml", fmt.Sprintf("window: \"0%d:00\"", i+3), fmt.Sprintf("window: %q", window))
		c.edit("Pulumi.lab.yaml", fmt.Sprintf("epoch: %d\n", epoch-1), fmt.Sprintf("epoch: %d\n", epoch))
		c.edit("Pulumi.lab.yaml", fmt.Sprintf("round: r%d", i), fmt.Sprintf("round: r%d", i+1))
		c.edit(ledgerFile, fmt.Sprintf("LEDGER_VERSION: \"%d\"", i+1), fmt.Sprintf("LEDGER_VERSION: \"%d\"", i+2))
		out, err := c.try(inStack("lab", fmt.Sprintf(`setsid pulumi up --yes --skip-preview >killed.log 2>&1 </dev/null & pid=$!
			until grep -q "%s updating" killed.log; do kill -0 $pid; sleep 0.1; done
			kill -9 -- -$pid; wait $pid || true`, phase)))
		if err != nil {
			c.t.Fatalf("pulumi was not killed in the middle of %s: %v\n%s\n%s", phase, err, out, tail(c.read("killed.log")))
		}
		out, err = c.try(inStack("lab", "pulumi up --yes --skip-preview"))
		if err == nil || !strings.Contains(out, "pulumi cancel") {
			c.t.Errorf("after %s: the lock is not told with what to do (%v):\n%s", phase, err, tail(out))
		}
		c.pulumi("lab", "pulumi cancel --yes; pulumi up --yes --skip-preview; pulumi up --yes --expect-no-changes")
	}
	healed(c, "pulumi killed four times", now, before)
}
