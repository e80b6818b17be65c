package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

var lifeLines = []line{
	{33, "update_runs_update", testUpdateRunsUpdate},
	{34, "update_runs_create", testUpdateRunsCreate},
	{35, "previous_output", testPreviousOutput},
	{36, "update_preview", testUpdatePreview},
	{37, "failed_update_keeps_state", testFailedUpdate},
	{38, "no_delete_script", testNoDeleteScript},
	{39, "delete_uses_stored_connection", testDeleteUsesStored},
	{40, "failed_delete", testFailedDelete},
	{41, "replace_order", testReplaceOrder},
	{42, "deleted_with", testDeletedWith},
}

func testUpdateRunsUpdate(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	inputs := props("connection", f.connection(), "create", "echo created", "update", "echo updated")
	state, err := r.update(r.mustCreate(inputs), with(inputs, "logging", "none"), false)
	if err != nil {
		t.Fatal(err)
	}
	if text(state, "stdout") != "updated" || text(state, "logging") != "none" {
		t.Errorf("state %v", state)
	}
}

func testUpdateRunsCreate(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	inputs := props("connection", f.connection(), "create", "echo created; echo x >&2", "delete", "echo 1")
	old := r.mustCreate(inputs)
	state, err := r.update(with(old, "stdout", "old"), with(inputs, "delete", "echo 2"), false)
	if err != nil || text(state, "stdout") != "created" || text(state, "delete") != "echo 2" {
		t.Errorf("state %v, %v", state, err)
	}
	// With neither command there is nothing to run, and the outputs stay.
	state, err = r.update(old, props("connection", f.connection()), false)
	if err != nil || text(state, "stdout") != "created" || text(state, "stderr") != "x" {
		t.Errorf("state %v, %v", state, err)
	}
	if n := f.accepted.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

func testPreviousOutput(t *testing.T) {
	show := `echo "$PULUMI_COMMAND_STDOUT/$PULUMI_COMMAND_STDERR"`
	accepting := newFake(t, nil)
	refusing := newFake(t, func(f *fakeSSH) { f.acceptsEnv = func(string) bool { return false } })
	for _, tt := range []struct {
		name    string
		server  *fakeSSH
		wanted  any
		want    string
		warning bool
	}{
		{"accepted", accepting, nil, "old out/old err", false},
		{"asked for", accepting, true, "old out/old err", false},
		{"refused", refusing, nil, "/", true},
		{"not wanted", accepting, false, "/", false},
	} {
		r := newRig(t, remoteCommandToken)
		inputs := props("connection", tt.server.connection(), "create", show)
		if tt.wanted != nil {
			inputs = with(inputs, "addPreviousOutputInEnv", tt.wanted)
		}
		old := with(inputs, "stdout", "old out", "stderr", "old err")
		state, err := r.update(old, inputs, false)
		if err != nil || text(state, "stdout") != tt.want {
			t.Errorf("%s: stdout %q, %v, want %q", tt.name, text(state, "stdout"), err, tt.want)
		}
		warnings := r.engine.log(pulumirpc.LogSeverity_WARNING)
		if strings.Contains(warnings, previousStdout) != tt.warning || strings.Contains(warnings, "old out") {
			t.Errorf("%s: warnings %q", tt.name, warnings)
		}
	}
}

func testUpdatePreview(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	inputs := props("connection", f.connection(), "create", "echo x")
	state, err := r.update(with(inputs, "stdout", "a", "stderr", "b"), with(inputs, "create", "echo y"), true)
	if err != nil {
		t.Fatal(err)
	}
	if !state["stdout"].IsComputed() || !state["stderr"].IsComputed() || text(state, "create") != "echo y" {
		t.Errorf("state %v, want the new inputs and unknown outputs", state)
	}
	if n := f.accepted.Load(); n != 0 {
		t.Errorf("%d connections, want none", n)
	}
}

func testFailedUpdate(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	inputs := props("connection", f.connection(), "create", "exit 4")
	state, err := r.update(with(inputs, "stdout", "a", "stderr", "b"), inputs, false)
	wantError(t, err, "status 4")
	if state != nil {
		t.Errorf("state %v, want none", state)
	}
	e := newEngine(t)
	if e == nil {
		return
	}
	e.up(plan{Create: "echo one", Connection: f.connection()})
	e.failingUp(plan{Create: "exit 4", Connection: f.connection()}, "status 4")
	if diff := cmp.Diff("echo one", e.state("box").Inputs["create"]); diff != "" {
		t.Error(diff)
	}
	// The next run of the same program tries again.
	e.failingUp(plan{Create: "exit 4", Connection: f.connection()}, "status 4")
}

func testNoDeleteScript(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	unreachable := connectionTo(closedPort(t), "root", hostKey().line)
	if err := r.delete(props("connection", unreachable, "create", "true", "stdout", "", "stderr", "")); err != nil {
		t.Error(err)
	}
	f := newFake(t, nil)
	if err := r.delete(props("connection", f.connection(), "create", "true")); err != nil {
		t.Error(err)
	}
	if n := f.accepted.Load(); n != 0 {
		t.Errorf("%d connections, want none", n)
	}
}

func testDeleteUsesStored(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	stored, other := newFake(t, nil), newFake(t, nil)
	state := props("connection", stored.connection(), "delete", `test "$PULUMI_COMMAND_STDOUT" = out`,
		"stdout", "out", "stderr", "")
	_, err := r.client.Delete(t.Context(), &pulumirpc.DeleteRequest{
		Id: "x", Urn: r.urn(), Properties: r.wire(state),
		OldInputs: r.wire(props("connection", other.connection(), "delete", "exit 9")),
	})
	if err != nil {
		t.Error(err)
	}
	if stored.accepted.Load() != 1 || other.accepted.Load() != 0 {
		t.Errorf("%d and %d connections, want 1 and 0", stored.accepted.Load(), other.accepted.Load())
	}
}

func testFailedDelete(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	wantError(t, r.delete(props("connection", f.connection(), "delete", "exit 5")), "status 5")
	e := newEngine(t)
	if e == nil {
		return
	}
	e.up(plan{Create: "echo one", Delete: "exit 5", Connection: f.connection()})
	e.failingUp(plan{}, "status 5")
	if e.state("box") == nil {
		t.Error("the resource left the state though its delete failed")
	}
}

// recorder is a server that notes the commands it gets, in order.
func recorder(t *testing.T) (*fakeSSH, func() []string) {
	commands := make(chan string, 100)
	f := newFake(t, func(f *fakeSSH) {
		f.run = func(s *fakeSession) {
			commands <- s.command
			s.exit(0)
		}
	})
	return f, func() []string {
		var all []string
		for len(commands) > 0 {
			all = append(all, <-commands)
		}
		return all
	}
}

func testReplaceOrder(t *testing.T) {
	e := newEngine(t)
	if e == nil {
		t.Skip("the order is up to the engine")
	}
	f, commands := recorder(t)
	for _, tt := range []struct {
		first bool
		want  []string
	}{{false, []string{"make", "make", "undo"}}, {true, []string{"make", "undo", "make"}}} {
		p := plan{
			Create: "make", Update: "change", Delete: "undo", Triggers: []string{"a"},
			Connection: f.connection(), DeleteBeforeReplace: tt.first,
		}
		e.up(p)
		p.Triggers = []string{"b"}
		e.up(p)
		if diff := cmp.Diff(tt.want, commands()); diff != "" {
			t.Errorf("DeleteBeforeReplace %v: %s", tt.first, diff)
		}
		p.IgnoreChanges, p.Create = []string{"create"}, "other"
		e.up(p)
		if again := commands(); again != nil {
			t.Errorf("an up with an ignored change ran %q", again)
		}
		e.up(plan{})
		if diff := cmp.Diff([]string{"undo"}, commands()); diff != "" {
			t.Errorf("ignored change, then destroy: %s", diff)
		}
	}
}

func testDeletedWith(t *testing.T) {
	e := newEngine(t)
	if e == nil {
		t.Skip("DeletedWith is up to the engine")
	}
	f, commands := recorder(t)
	e.up(plan{Create: "make", Delete: "undo", Connection: f.connection(), DeletedWithHost: true})
	accepted := f.accepted.Load()
	if out, err := e.pulumi(plan{}, "refresh", "--yes", "--skip-preview", "--expect-no-changes"); err != nil {
		t.Errorf("refresh: %v\n%s", err, out)
	}
	e.up(plan{})
	if f.accepted.Load() != accepted {
		t.Errorf("the host was dialled for %q though it went away with the resource", commands())
	}
	if e.state("box") != nil {
		t.Error("the resource is still in the state")
	}
}
