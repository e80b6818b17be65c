package swarm

import (
	"testing"

	"skep/internal/scripttest"
)

func TestScripts(t *testing.T) {
	scripttest.Run(t, "../host/prelude.sh", "swarm-found.sh", "swarm-admit.sh", "swarm-join.sh", "swarm-settle.sh",
		"swarm-settle-nodes.sh", "swarm-settle-tasks.sh", "swarm-settle-keys.sh", "testdata/docker", "testdata/engine")
}
