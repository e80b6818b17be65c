package host

import (
	"testing"

	"skep/internal/scripttest"
)

func TestScripts(t *testing.T) {
	scripttest.Run(t, "prelude.sh", "firewall.sh", "farewell.sh", "enroll.sh", "testdata/probe.sh", "base.sh",
		"base-packages.sh", "base-admin.sh", "base-ssh.sh", "base-kernel.sh", "base-logs.sh", "base-time.sh",
		"base-engine.sh", "base-prune.sh", "base-upgrades.sh", "base-ranges.sh", "base-ingress.sh")
}
