package command

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

func TestLocalCommand(t *testing.T) {
	t.Parallel()
	r, dir := newRig(t, localCommandToken), t.TempDir()
	inputs := props(
		"create", `echo "$A $0 $(pwd)"; cat >&2`, "stdin", "in\n", "dir", dir,
		"environment", props("A", "1"), "interpreter", []any{"/bin/bash", "-c"},
	)
	state := r.mustCreate(inputs)
	if diff := cmp.Diff("1 /bin/bash "+dir, text(state, "stdout")); diff != "" {
		t.Error(diff)
	}
	if text(state, "stderr") != "in" {
		t.Errorf("stderr %q", text(state, "stderr"))
	}
	_, err := r.create(with(inputs, "create", "echo why; exit 3"))
	wantError(t, err, "exit status 3", `running "echo why; exit 3"`, "why")
	_, err = r.create(with(inputs, "dir", dir+"/none"))
	wantError(t, err, dir+"/none")
	_, err = r.create(with(inputs, "interpreter", []any{dir + "/nobody"}))
	wantError(t, err, dir+"/nobody")
}

func TestLocalLife(t *testing.T) {
	t.Parallel()
	r := newRig(t, localCommandToken)
	if state := r.mustCreate(props()); !state["stdout"].IsString() || text(state, "stdout") != "" {
		t.Errorf("state without create: %v", state)
	}
	show := `echo "$PULUMI_COMMAND_STDOUT"`
	inputs := props("create", "echo one", "update", show, "delete", `test "$PULUMI_COMMAND_STDOUT" = one`)
	state := r.mustCreate(inputs)
	updated, err := r.update(state, with(inputs, "logging", "none"), false)
	if err != nil || text(updated, "stdout") != "one" {
		t.Errorf("update = %v, %v", updated, err)
	}
	updated, err = r.update(state, with(inputs, "addPreviousOutputInEnv", false), false)
	if err != nil || text(updated, "stdout") != "" {
		t.Errorf("update = %v, %v", updated, err)
	}
	if err := r.delete(updated); err == nil {
		t.Error("delete did not see the output of the last run")
	}
	if err := r.delete(state); err != nil {
		t.Error(err)
	}
	background := r.mustCreate(props("create", "(sleep 1.2; echo late) & echo now"))
	if diff := cmp.Diff("now\nlate", text(background, "stdout")); diff != "" {
		t.Error(diff)
	}
	unread := props("create", "true", "stdin", strings.Repeat("x", 3<<20))
	r.mustCreate(unread)
}

func TestLocalTimeoutEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	r := newRig(t, localCommandToken)
	r.timeout = 1
	file := filepath.Join(t.TempDir(), "child")
	within(t, 900*time.Millisecond, func() {
		_, err := r.create(props("create", "sleep 60 & echo $! >'"+file+"'; sleep 60; true"))
		wantError(t, err, "context deadline exceeded")
	})
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child of the command is dead", func() bool { return dead(child) })
}

// dead says whether a process has ended; one that nobody waited for has too.
func dead(pid int) bool {
	stat, err := os.ReadFile("/proc/" + itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestLocalAssets(t *testing.T) {
	t.Parallel()
	r, dir := newRig(t, localCommandToken), t.TempDir()
	tree(t, dir, map[string]string{"src/index.js": "1", "src/secret.js": "2", "assets/logos/logo.svg": "3", "other": "4"})
	inputs := props("create", "echo new >src/made.js", "dir", dir,
		"assetPaths", []any{"assets/**", "src/**.js", "!**secret.*"}, "archivePaths", []any{"src/*"})
	_, preview, err := r.createAs(inputs, true)
	if err != nil || !preview["assets"].IsComputed() || !preview["archive"].IsComputed() {
		t.Errorf("preview %v, %v", preview, err)
	}
	state := r.mustCreate(inputs)
	got := map[string]string{}
	for path, asset := range state["assets"].ObjectValue() {
		got[string(path)] = strings.TrimPrefix(asset.AssetValue().Path, dir+"/")
	}
	want := map[string]string{
		"assets/logos/logo.svg": "assets/logos/logo.svg", "src/index.js": "src/index.js", "src/made.js": "src/made.js",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	members, _ := state["archive"].ArchiveValue().GetAssets()
	if len(members) != 3 || members["src/secret.js"] == nil {
		t.Errorf("archive %v", members)
	}
	_, err = r.create(with(inputs, "assetPaths", []any{"[z"}))
	wantError(t, err, "read glob")
}

func TestLocalRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, localRunToken)
	invoke := func(args resource.PropertyMap) (*pulumirpc.InvokeResponse, error) {
		return r.client.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: localRunToken, Args: r.wire(args)})
	}
	res, err := invoke(props("command", "cat; exit 0", "stdin", secret("x")))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.unwire(res.GetReturn()); text(got, "stdout") != "x" || text(got, "command") != "cat; exit 0" {
		t.Errorf("run = %v", got)
	}
	_, err = invoke(props("command", "exit 2"))
	wantError(t, err, "exit status 2")
	res, err = invoke(props("create", "x"))
	if err != nil || len(res.GetFailures()) != 2 {
		t.Errorf("failures %v, %v, want the unknown and the missing one", res.GetFailures(), err)
	}
}
