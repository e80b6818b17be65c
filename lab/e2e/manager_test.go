package e2e

import (
	"strings"
	"time"
)

// The first manager is dead, and what does not need it goes on: a stack is
// changed through another one, which is said, and nothing is done to the rest.
func testDeadManager(c *checkout) {
	c.engine("kill " + c.container("node-1"))
	c.until(60*time.Second, "the swarm to notice", func() bool {
		out, err := c.try(`.skep/bin/lab ssh node-2 'docker node ls --format "{{.Hostname}} {{.Status}}"'`)
		return err == nil && strings.Contains(out, "node-1 Down")
	})
	c.edit("stacks/whoami/compose.yaml", "memory: 48M", "memory: 40M")
	start := time.Now()
	out := c.pulumi("lab", "pulumi preview")
	c.t.Logf("a preview with a dead manager: %s", time.Since(start).Round(100*time.Millisecond))
	if !strings.Contains(out, "the swarm is reached through node-2, since node-1: no SSH server answers") {
		c.t.Errorf("preview does not say who speaks for the dead manager:\n%s", tail(out))
	}
	out = c.pulumi("lab", "pulumi up --yes --skip-preview")
	// The swarm's two commands and the deploys of the stack and of Traefik know
	// another connection, and the stack has another limit.
	if !strings.Contains(out, "~ 5 updated") {
		c.t.Errorf("a dead manager changes more than who speaks for it:\n%s", tail(out))
	}
	if got := c.on("node-2", `docker service inspect whoami_whoami --format "{{.Spec.TaskTemplate.Resources.Limits.MemoryBytes}}"`); got != "41943040" {
		c.t.Errorf("the service's memory limit is %s", got)
	}
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")

	c.engine("start " + c.container("node-1"))
	c.until(90*time.Second, "node-1 to be back", func() bool {
		out, err := c.try(`.skep/bin/lab ssh node-1 'docker node ls --format "{{.Hostname}} {{.Status}}"'`)
		return err == nil && strings.Count(out, "Ready") == 3
	})
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}
