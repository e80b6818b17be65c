package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDay2 is what comes after the first day of a swarm, while a client writes
// to a stack with data.
func TestDay2(t *testing.T) {
	day2(t)
	c := newCheckout(t)
	c.ends()
	c.steps([]step{
		{"a stack runs on four hosts", testDay2Up},
		{"a drained host loses no request", testDrain},
		{"roles, certificate authority and lock change together", testRoles},
		{"a locked manager is unlocked", testUnlock},
		{"another machine takes a manager's place", testReplace},
		{"engines are exchanged host by host", testUpgradeEngine},
		{"a swarm is rebuilt from the manager that is left", testRecoverQuorum},
		{"a host that goes loses no request", testLeaves},
		{"a swarm without a machine left is founded anew", testRebuild},
		{"destroy with dead machines leaves nothing", testDestroyHalfDead},
	})
}

// day2 skips what takes a quarter of an hour each.
func day2(t *testing.T) {
	t.Helper()
	if os.Getenv("SKEP_TEST_DAY2") == "" {
		t.Skip("takes long: run it by `make test-day2`")
	}
}

// The application runs on the last two hosts, away from its database and its
// client, so that it can be told what becomes of it.
func testDay2Up(c *checkout) {
	c.run("cp -r lab/e2e/testdata/stacks/ledger stacks/")
	c.edit(ledgerFile, "      replicas: 2\n", "      replicas: 2\n      placement: {constraints: [node.labels.host != node-1, node.labels.host != node-2]}\n")
	c.edit("Pulumi.lab.yaml", "skep:stacks: [whoami]", "skep:stacks: [whoami, ledger]")
	addFourth(c)
	c.run("scripts/tools --packages-for lab && .skep/bin/lab up")
	c.pulumi("lab", "pulumi stack init lab && pulumi up --yes --skip-preview")
	c.until(time.Minute, "the client to write", func() bool { return told(c).Kept > 100 })
	if got := webOn(c, "node-4"); got != 1 {
		c.t.Fatalf("%d tasks of the application are on node-4; then this shows nothing", got)
	}
}

// webOn counts the application's tasks on a host.
func webOn(c *checkout, host string) int {
	c.t.Helper()
	out := c.on("node-1", fmt.Sprintf(`docker service ps --filter desired-state=running --filter node=%s --format "{{.CurrentState}}" ledger_web`, host))
	return strings.Count(out, "Running")
}

// well asserts that scripts/nodes finds nothing.
func well(c *checkout) {
	c.t.Helper()
	if out, err := c.try(inStack("lab", "scripts/nodes")); err != nil {
		c.t.Errorf("scripts/nodes: %v\n%s", err, out)
	}
}

func testDrain(c *checkout) {
	before := told(c)
	c.edit("Pulumi.lab.yaml", "{name: node-4, id: 4}", "{name: node-4, id: 4, availability: drain}")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	// Already when it has ended: it waits for them.
	if here, there := webOn(c, "node-4"), webOn(c, "node-3"); here != 0 || there != 2 {
		c.t.Errorf("after up, %d tasks are on the drained host and %d on the other", here, there)
	}
	well(c)
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	c.edit("Pulumi.lab.yaml", ", availability: drain}", "}")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	if after := since(c, before); after.Failed > 0 {
		c.t.Errorf("%d requests failed", after.Failed)
	}
}

// swarmRoot tells one certificate authority of the swarm from another.
func swarmRoot(c *checkout) string {
	return c.on("node-1", "docker swarm ca | sha256sum")
}

func testRoles(c *checkout) {
	before, root, running := told(c), swarmRoot(c), tasks(c)
	c.edit("Pulumi.lab.yaml", "{name: node-3, id: 3, role: manager}", "{name: node-3, id: 3, ingress: true}")
	c.edit("Pulumi.lab.yaml", "{name: node-4, id: 4}", "{name: node-4, id: 4, role: manager, ingress: false}")
	c.edit("Pulumi.lab.yaml", "  skep:dns:", "  skep:swarm: {epoch: 1, autolock: true}\n  skep:dns:")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	if got := c.on("node-4", `docker node ls --format "{{.Hostname}} {{.ManagerStatus}}" | sort | sed "s/Leader/Reachable/" | xargs`); got != "node-1 Reachable node-2 Reachable node-3 node-4 Reachable" {
		c.t.Errorf("the managers are %q", got)
	}
	if swarmRoot(c) == root {
		c.t.Error("the swarm has the certificate authority that it had")
	}
	well(c)
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	if tasks(c) != running {
		c.t.Error("tasks were restarted")
	}
	if after := since(c, before); after.Failed > 0 {
		c.t.Errorf("%d requests failed", after.Failed)
	}
}

func testUnlock(c *checkout) {
	var key string
	c.data("lab", "pulumi stack output unlockKey --show-secrets --json", &key)
	if plain := c.pulumi("lab", "pulumi stack export; pulumi stack output --json"); !strings.HasPrefix(key, "SWMKEY-") || strings.Contains(plain, key) {
		c.t.Error("the key is none, or stands in plain text")
	}
	c.on("node-4", "systemctl restart docker")
	c.until(time.Minute, "scripts/nodes to tell", func() bool {
		out, err := c.try(inStack("lab", "scripts/nodes"))
		return err != nil && strings.Contains(out, "locked: scripts/unlock node-4")
	})
	if out := c.pulumi("lab", "scripts/unlock 2>&1"); !strings.Contains(out, "node-4: unlocked") || !strings.Contains(out, "node-1: not locked") {
		c.t.Errorf("scripts/unlock: %s", out)
	}
	c.until(time.Minute, "all to be well", func() bool {
		_, err := c.try(inStack("lab", "scripts/nodes"))
		return err == nil
	})
	c.until(time.Minute, "the application to run on node-4", func() bool { return webOn(c, "node-4") > 0 || webOn(c, "node-3") == 2 })
}

func testReplace(c *checkout) {
	// Not where the tasks are all on the other host, as after the restart.
	c.on("node-1", "docker service update --detach=false -q --force ledger_web")
	if webOn(c, "node-4") == 0 {
		c.t.Fatal("the application is not on node-4; then this shows nothing")
	}
	before, old := told(c), hostOutputs(c, "lab")["node-4"]
	machine := c.container("node-4")
	start := time.Now()
	out := c.pulumi("lab", "scripts/replace --yes node-4 2>&1")
	c.t.Logf("replacing a manager took %s", time.Since(start).Round(time.Second))
	now := hostOutputs(c, "lab")["node-4"]
	if now.HostKey == old.HostKey || c.container("node-4") == machine {
		c.t.Errorf("it is the same machine:\n%s", tail(out))
	}
	if now.MeshAddress != old.MeshAddress || now.Role != "manager" {
		c.t.Errorf("it is %+v, and was %+v", now, old)
	}
	well(c)
	if got := c.on("node-1", `docker node ls --format "{{.Hostname}}" | sort | xargs`); got != "node-1 node-2 node-3 node-4" {
		c.t.Errorf("the swarm has nodes %s", got)
	}
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	if after := since(c, before); after.Failed > 0 {
		c.t.Errorf("%d requests failed", after.Failed)
	}
}

// The suite has one version only, so its packages are installed anew: on the
// hosts that have neither the database nor the client.
func testUpgradeEngine(c *checkout) {
	before := told(c)
	started := func() string {
		return c.on("node-3", "systemctl show -p MainPID docker") + c.on("node-4", "systemctl show -p MainPID docker")
	}
	engines := started()
	out := c.pulumi("lab", "scripts/upgrade-engine --yes --all node-4 node-3 2>&1")
	if third, fourth := strings.Index(out, "== node-3"), strings.Index(out, "== node-4"); third < 0 || fourth < third {
		c.t.Errorf("the worker is not first:\n%s", tail(out))
	}
	if started() == engines {
		c.t.Error("no engine is another than before")
	}
	well(c)
	if after := since(c, before); after.Failed > 0 {
		c.t.Errorf("%d requests failed", after.Failed)
	}
}

// Unlocked, since Docker cannot do it to locked managers.
func testRecoverQuorum(c *checkout) {
	c.edit("Pulumi.lab.yaml", "autolock: true", "autolock: false")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	before := services(c)
	for _, host := range []string{"node-2", "node-4"} {
		c.engine("kill " + c.container(host))
	}
	c.until(90*time.Second, "the majority to be lost", func() bool {
		out, err := c.try(inStack("lab", "scripts/nodes"))
		return err != nil && strings.Contains(out, "no manager speaks for the swarm")
	})
	if out, err := c.try(inStack("lab", "scripts/recover-quorum </dev/null")); err == nil || !strings.Contains(out, "it asks before it acts") {
		c.t.Errorf("it does not ask (%v):\n%s", err, out)
	}
	c.pulumi("lab", "scripts/recover-quorum --yes")
	// Both come back with the old swarm, of which they are a majority.
	for _, host := range []string{"node-2", "node-4"} {
		c.engine("start " + c.container(host))
	}
	c.until(90*time.Second, "them to be back", func() bool {
		_, err := c.try(".skep/bin/lab ssh node-2 docker info && .skep/bin/lab ssh node-4 docker info")
		return err == nil
	})
	c.pulumi("lab", "pulumi up --yes --skip-preview --replace '**swarm-admit' --replace '**swarm-settle'")
	c.until(2*time.Minute, "all services to run again", func() bool { return services(c) == before })
	well(c)
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	told(c) // and nothing that was acknowledged is lost
}

// services are all of them with how many of their tasks run.
func services(c *checkout) string {
	c.t.Helper()
	lines := strings.Split(c.on("node-1", `docker service ls --format "{{.Name}} {{.Replicas}}"`), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Its tasks have moved before anything else is done to it.
func testLeaves(c *checkout) {
	c.on("node-1", "docker service update --detach=false -q --force ledger_web")
	if webOn(c, "node-3") == 0 {
		c.t.Fatal("the application is not on node-3; then this shows nothing")
	}
	before := told(c)
	c.edit("Pulumi.lab.yaml", "    - {name: node-3, id: 3, ingress: true}\n", "")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	if left := c.container("node-3"); left != "" {
		c.t.Errorf("the machine is still there: %s", left)
	}
	if got := c.on("node-1", `docker node ls --format "{{.Hostname}}" | sort | xargs`); got != "node-1 node-2 node-4" {
		c.t.Errorf("the swarm has nodes %s", got)
	}
	well(c)
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	if after := since(c, before); after.Failed > 0 {
		c.t.Errorf("%d requests failed", after.Failed)
	}
}

// All machines are gone, and with them what the swarm knew.
func testRebuild(c *checkout) {
	running, old := services(c), hostOutputs(c, "lab")["node-1"].HostKey
	if out, err := c.try(inStack("lab", "scripts/rebuild --yes")); err == nil || !strings.Contains(out, "a manager lives") {
		c.t.Fatalf("a swarm that lives is not left alone (%v):\n%s", err, out)
	}
	for _, host := range []string{"node-1", "node-2", "node-4"} {
		c.engine("rm -fv " + c.container(host))
	}
	start := time.Now()
	c.pulumi("lab", "scripts/rebuild --yes")
	c.t.Logf("founding the swarm anew took %s", time.Since(start).Round(time.Second))
	if now := hostOutputs(c, "lab")["node-1"].HostKey; now == old {
		c.t.Error("node-1 has the host key of the machine that is gone")
	}
	c.until(2*time.Minute, "all services to run again", func() bool { return services(c) == running })
	well(c)
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}

// Most of the machines are dead, and among them the first manager, through which
// stacks are removed.
func testDestroyHalfDead(c *checkout) {
	for _, host := range []string{"node-1", "node-4"} {
		c.engine("kill " + c.container(host))
	}
	start := time.Now()
	c.pulumi("lab", "pulumi destroy --yes --skip-preview")
	c.t.Logf("destroy with two of three machines dead took %s", time.Since(start).Round(time.Second))
	if left := present(c, "lab"); len(left) > 0 {
		c.t.Errorf("the state still holds %v", left)
	}
	if out := c.run(".skep/bin/lab ls --json 2>/dev/null"); strings.TrimSpace(out) != "[]" {
		c.t.Errorf("machines are left: %s", out)
	}
}
