package toolbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLean(t *testing.T) {
	const script = `#!/usr/bin/env bash
# What it does.
# shellcheck source=x
. x

# why
f() {
	# inside
	echo a # beside
	cat <<-END
		# Made by Skep.
		text
	END
	cat <<'EOF'
# kept
	EOF
EOF
	# gone
	grep x <<<"$y"
	# gone
	read -r z < <(cat <<"LAST"
# kept too
LAST
	)
	awk '
		# gone, a comment there too
		{ print }'
}
`
	const want = `#!/usr/bin/env bash
. x

f() {
	echo a # beside
	cat <<-END
		# Made by Skep.
		text
	END
	cat <<'EOF'
# kept
	EOF
EOF
	grep x <<<"$y"
	read -r z < <(cat <<"LAST"
# kept too
LAST
	)
	awk '
		{ print }'
}
`
	if diff := cmp.Diff(want, Lean(script)); diff != "" {
		t.Errorf("Lean (-want +got):\n%s", diff)
	}
	if twice := Lean(want); twice != want {
		t.Error("a lean script is not left as it is")
	}
}

// Every script of the program stays one that bash reads.
func TestLeanScriptsAreScripts(t *testing.T) {
	scripts, _ := filepath.Glob("../../components/*/*.sh")
	if len(scripts) < 10 {
		t.Fatalf("found only %d scripts", len(scripts))
	}
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lean := Lean(string(text))
		cmd := exec.Command("bash", "-n")
		cmd.Stdin = strings.NewReader(lean)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(lean, "dispatch") && strings.Contains(string(text), "dispatch") {
			t.Errorf("%s: %v: %s", path, err, out)
		}
	}
}

func TestPack(t *testing.T) {
	text := strings.Repeat("#!/bin/bash\necho something of length\n", 500) + "the end, without a line's end"
	packed, err := Pack(text)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := Pack(text); again != packed || len(packed) > len(text)/10 {
		t.Errorf("%d bytes are packed into %d, the same way each time: %v", len(text), len(packed), again == packed)
	}
	for line := range strings.Lines(packed) {
		if len(line) > width+1 {
			t.Errorf("a line has %d characters", len(line))
		}
	}
	cmd := exec.Command("sh", "-c", "base64 -d | gzip -d")
	cmd.Stdin = strings.NewReader(packed)
	out, err := cmd.Output()
	if diff := cmp.Diff(text, string(out)); err != nil || diff != "" {
		t.Errorf("unpacked by a shell: %v\n%s", err, diff)
	}
}
