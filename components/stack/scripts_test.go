package stack

import (
	"testing"

	"skep/internal/scripttest"
)

func TestScripts(t *testing.T) {
	scripttest.Run(t, "../host/prelude.sh", "stack.sh", "stack-input.sh", "stack-judge.sh", "stack-waves.sh", "stack-paths.sh",
		"stack-objects.sh", "testdata/docker", "testdata/curl")
}
