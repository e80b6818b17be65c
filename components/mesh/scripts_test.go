package mesh

import (
	"testing"

	"skep/internal/scripttest"
)

func TestScripts(t *testing.T) {
	scripttest.Run(t, "../host/prelude.sh", "mesh.sh", "swarm-watch.sh", "without.sh", "../../internal/wireguard/testdata/node-1.conf")
}
