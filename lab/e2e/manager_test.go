package e2e

import (
	"strings"
	"time"
)

// A majority of the managers goes, in one change. They have to give back their
// votes while they are still in the mesh, and after others have theirs.
func testManagersGo(c *checkout) {
	c.edit("Pulumi.lab.yaml", "    - {name: node-2, id: 2, role: manager}\n    - {name: node-3, id: 3, role: manager}\n", "")
	c.edit("Pulumi.lab.yaml", "    - {name: node-4, id: 4, ", "    - {name: node-5, id: 5, role: manager}\n    - {name: node-4, id: 4, role: manager, ")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	if got := c.on("node-5", `docker node ls --format "{{.Hostname}} {{.Status}} {{.ManagerStatus}}" | sort | sed "s/Leader/Reachable/" | xargs`); got != "node-1 Ready Reachable node-4 Ready Reachable node-5 Ready Reachable" {
		c.t.Errorf("the swarm has nodes %q", got)
	}
	for _, gone := range []string{"node-2", "node-3"} {
		if left := c.container(gone); left != "" {
			c.t.Errorf("the machine of %s is still there: %s", gone, left)
		}
	}
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}

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
	// The swarm's three commands and the deploys of the stack and of Traefik know
	// another connection, and the stack has another limit.
	if !strings.Contains(out, "~ 6 updated") {
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
