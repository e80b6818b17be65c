package swarm

import (
	"testing"

	"skep/internal/scripttest"
)

func TestScripts(t *testing.T) {
	scripttest.Run(t, "../host/prelude.sh", "swarm-found.sh", "swarm-admit.sh", "swarm-join.sh", "swarm-settle.sh")
}
