package host

import (
	"testing"

	"skep/internal/scripttest"
)

func TestScripts(t *testing.T) {
	scripttest.Run(t, "prelude.sh", "farewell.sh", "enroll.sh", "testdata/probe.sh")
}
