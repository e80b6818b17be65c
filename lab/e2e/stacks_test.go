package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ledgerFile is the test's stack, with a database whose data must survive all.
const ledgerFile = "stacks/ledger/compose.yaml"

// TestStacks is the life of a stack with data, while a client writes to it.
func TestStacks(t *testing.T) {
	c := newCheckout(t)
	c.ends()
	c.steps([]step{
		{"a stack with database, migration and application comes up", testStackUp},
		{"second up changes nothing and restarts nothing", testStackAgain},
		{"its secrets are nowhere to be read", testStackCanaries},
		{"a changed config restarts who mounts it", testStackConfig},
		{"a rotated password loses nothing", testStackRotate},
		{"a version that does not come to run is taken back", testStackBroken},
		{"deploys one after the other fail no request", testStackDeploys},
		{"a stack that goes leaves its volume", testStackGoes},
	})
}

func testStackUp(c *checkout) {
	c.run("cp -r lab/e2e/testdata/stacks/ledger stacks/")
	c.edit("Pulumi.lab.yaml", "skep:stacks: [whoami]", "skep:stacks: [whoami, ledger]")
	c.run("scripts/tools --packages-for lab && .skep/bin/lab up")
	c.pulumi("lab", "pulumi stack init lab && pulumi up --yes --skip-preview")
	c.until(time.Minute, "the client to write", func() bool { return told(c).Kept > 100 })
	if got := c.on("node-1", `docker network inspect ledger_inside --format "{{range .IPAM.Config}}{{.Subnet}}{{end}}"`); got != "10.96.1.0/24" {
		c.t.Errorf("the network that asks for a range has %s", got)
	}
}

// written is what the stack's client tells.
type written struct {
	Kept, Failed int
	Lost         []int64
	Faults       map[string]int
}

// told asks the client, which reads back all that it was ever promised.
func told(c *checkout) (w written) {
	c.t.Helper()
	out := c.on("node-1", `docker exec "$(docker ps -q --filter name=ledger_writer)" /ledger check http://127.0.0.1:8081/report`)
	if err := json.Unmarshal([]byte(out), &w); err != nil {
		c.t.Fatalf("read the client's report: %v: %s", err, out)
	}
	if len(w.Lost) > 0 {
		c.t.Errorf("%d entries were acknowledged and are lost", len(w.Lost))
	}
	return w
}

// since is what the client tells of the time after before.
func since(c *checkout, before written) written {
	c.t.Helper()
	after := told(c)
	after.Kept, after.Failed = after.Kept-before.Kept, after.Failed-before.Failed
	c.t.Logf("client since: %d kept, %d failed, %d lost of all; faults so far: %v", after.Kept, after.Failed, len(after.Lost), after.Faults)
	if after.Kept == 0 {
		c.t.Error("the client wrote nothing in the meantime, so this shows nothing")
	}
	return after
}

func testStackAgain(c *checkout) {
	before := tasks(c)
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	if diff := cmp.Diff(before, tasks(c)); diff != "" {
		c.t.Errorf("an up without changes restarted tasks:\n%s", diff)
	}
}

// values are the stack's secrets, as a container has them.
func values(c *checkout) []string {
	c.t.Helper()
	return strings.Fields(c.on("node-2", `id=$(docker ps -q --filter name=ledger_db); pid=$(docker inspect --format "{{.State.Pid}}" "$id"); cat /proc/$pid/root/run/secrets/admin`))
}

func testStackCanaries(c *checkout) {
	all := values(c)
	if len(all) != 1 || len(all[0]) < 40 {
		c.t.Fatal("there is no secret to look for")
	}
	secret := all[0]
	for what, text := range map[string]string{
		"the preview":       c.pulumi("lab", "pulumi preview --diff"),
		"the state":         c.pulumi("lab", "pulumi stack export"),
		"the stack outputs": c.pulumi("lab", "pulumi stack output --json"),
	} {
		if strings.Contains(text, secret) {
			c.t.Errorf("%s holds a secret", what)
		}
	}
	for _, host := range hosts {
		hits := c.on(host, fmt.Sprintf(`{ journalctl --no-pager -q; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr "\0" "\n" | grep -v grep; } | grep -cF -f <(printf "%%s\n" "%s") || true`, secret))
		if hits != "0" {
			c.t.Errorf("%s: %s lines of logs or process lists hold a secret", host, hits)
		}
		if left := c.on(host, "find /run/skep -type f -size +0 2>/dev/null | head"); left != "" {
			c.t.Errorf("%s: a deploy left %s", host, left)
		}
	}
}

// running are the tasks of one service of the stack.
func running(c *checkout, service string) string {
	return c.on("node-1", "docker service ps -q --no-trunc --filter desired-state=running ledger_"+service+" | sort")
}

func testStackConfig(c *checkout) {
	db, web, writer, before := running(c, "db"), running(c, "web"), running(c, "writer"), told(c)
	start := time.Now()
	c.edit("stacks/ledger/greeting.txt", "good day", "good evening")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	c.t.Logf("a changed config took %s", time.Since(start).Round(100*time.Millisecond))
	if running(c, "db") != db || running(c, "writer") != writer {
		c.t.Error("services that do not mount the config were restarted")
	}
	if running(c, "web") == web {
		c.t.Error("the service that mounts the config was not restarted")
	}
	if after := since(c, before); after.Failed > 0 {
		c.t.Errorf("%d requests failed", after.Failed)
	}
	objects := c.on("node-1", `docker config ls --format "{{.Name}}" | grep -c ledger_greeting`)
	if objects != "1" {
		c.t.Errorf("%s generations of the config are left, want the one in use", objects)
	}
}

func testStackRotate(c *checkout) {
	before, old := told(c), c.on("node-1", `docker secret ls --format "{{.Name}}" | grep ledger_app`)
	c.edit(ledgerFile, "rotate: 1", "rotate: 2")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	if now := c.on("node-1", `docker secret ls --format "{{.Name}}" | grep ledger_app`); now == old || strings.Contains(now, "\n") {
		c.t.Errorf("secrets of the application are %q, and were %q", now, old)
	}
	// Some may be refused while old tasks have the old password; what was
	// acknowledged stays, and told has looked for all of it.
	since(c, before)
}

func testStackBroken(c *checkout) {
	before := told(c)
	c.edit(ledgerFile, `LEDGER_VERSION: "1"`, `LEDGER_VERSION: "broken", LEDGER_BREAK: health`)
	out, err := c.try(inStack("lab", "pulumi up --yes --skip-preview"))
	if err == nil {
		c.t.Fatal("a deploy that does not come to run is no failure")
	}
	for _, want := range []string{"service web:", "a task on node-", "exit code", `version "broken" starts`, "the version before this deploy serves"} {
		if !strings.Contains(out, want) {
			c.t.Errorf("the fault lacks %q:\n%s", want, tail(out))
		}
	}
	if after := since(c, before); after.Failed > 0 {
		c.t.Errorf("%d requests failed", after.Failed)
	}
	c.edit(ledgerFile, `LEDGER_VERSION: "broken", LEDGER_BREAK: health`, `LEDGER_VERSION: "1"`)
	// The same for a migration, which says a secret in its last words.
	c.edit(ledgerFile, "command: [migrate]\n", "command: [migrate]\n    environment: {LEDGER_BREAK: migrate}\n")
	out, err = c.try(inStack("lab", "pulumi up --yes --skip-preview"))
	if err == nil || !strings.Contains(out, "password [secret]") || !strings.Contains(out, "service migrate:") {
		c.t.Errorf("a failed migration (%v) is not told, or tells too much:\n%s", err, tail(out))
	}
	c.edit(ledgerFile, "command: [migrate]\n    environment: {LEDGER_BREAK: migrate}\n", "command: [migrate]\n")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
}

// deploys is how often testStackDeploys deploys; SKEP_LAB_DEPLOYS may ask for more.
func deploys() int {
	count := 3
	if _, err := fmt.Sscan(os.Getenv("SKEP_LAB_DEPLOYS"), &count); err != nil {
		return 3
	}
	return count
}

func testStackDeploys(c *checkout) {
	before := told(c)
	visitors := client(c.t, c.read(authority(c, "lab")), addresses(c))
	stop := load(visitors, "https://ledger.skep.test/version", 50)
	for i := range deploys() {
		c.edit(ledgerFile, fmt.Sprintf("LEDGER_VERSION: \"%d\"", i+1), fmt.Sprintf("LEDGER_VERSION: \"%d\"", i+2))
		c.pulumi("lab", "pulumi up --yes --skip-preview")
	}
	outside, after := stop(), since(c, before)
	c.t.Logf("%d deploys at 50 requests a second: %d of %d requests failed, and of %d through the ingress %d", deploys(), after.Failed, after.Kept+after.Failed, outside.ok+outside.failed, outside.failed)
	if outside.failed > 0 || outside.ok < 100 {
		c.t.Errorf("through the ingress, %d requests failed and %d did not: %v", outside.failed, outside.ok, outside.faults)
	}
	if after.Failed > 0 {
		c.t.Errorf("%d requests failed over %d deploys", after.Failed, deploys())
	}
}

func testStackGoes(c *checkout) {
	c.edit("Pulumi.lab.yaml", "skep:stacks: [whoami, ledger]", "skep:stacks: [whoami]")
	out := c.pulumi("lab", "pulumi up --yes --skip-preview")
	if !strings.Contains(out, "volume ledger_data stays on node-2") {
		c.t.Errorf("it is not told where the data is:\n%s", tail(out))
	}
	for _, kind := range []string{"service", "network", "secret", "config"} {
		if left := c.on("node-1", fmt.Sprintf("docker %s ls --format '{{.Name}}' | grep ledger || true", kind)); left != "" {
			c.t.Errorf("%ss are left: %s", kind, left)
		}
	}
	if volume := c.on("node-2", "docker volume ls -q | grep ledger || true"); volume != "ledger_data" {
		c.t.Errorf("volumes on node-2: %q, want the data", volume)
	}
}
