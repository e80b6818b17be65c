package stack

import (
	"testing"

	"skep/internal/scripttest"
)

func TestScripts(t *testing.T) {
	scripttest.Run(t, "../host/prelude.sh", "stack.sh")
}
