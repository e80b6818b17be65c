package command

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

var diffLines = []line{
	{9, "no_change", testNoChange},
	{10, "script_inputs_update", testScriptInputsUpdate},
	{11, "connection_updates", testConnectionUpdates},
	{12, "environment_updates", testEnvironmentUpdates},
	{13, "trigger_element", testTriggerElement},
	{14, "triggers_come_and_go", testTriggersComeAndGo},
	{15, "never_delete_before_replace", testNeverDeleteBeforeReplace},
	{16, "ignore_changes", testIgnoreChanges},
	{17, "stdin_becomes_secret", testStdinBecomesSecret},
}

// full has a value for every input of remote.Command.
func full() resource.PropertyMap {
	return props(
		"connection", connectionTo("192.0.2.1:22", "root", hostKey().line),
		"create", "c", "update", "u", "delete", "d", "stdin", "in", "logging", "none",
		"addPreviousOutputInEnv", false,
		"environment", props("A", "1", "B", "2"),
		"triggers", []any{"one", "two"},
	)
}

func testNoChange(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	res, kinds := r.diff(full(), full())
	if res.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE || len(kinds) > 0 {
		t.Errorf("Diff = %v", res)
	}
	// Old engines send no old inputs: the state will do.
	state := r.wire(with(full(), "stdout", "x", "stderr", "y"))
	old, err := r.client.Diff(t.Context(), &pulumirpc.DiffRequest{Urn: r.urn(), Olds: state, News: r.wire(full())})
	if err != nil || old.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("Diff without old inputs = %v, %v", old, err)
	}
}

// wantUpdate checks that a change is one update and no replacement.
func wantUpdate(t *testing.T, r *rig, news resource.PropertyMap, want map[string]string, top string) {
	t.Helper()
	res, kinds := r.diff(full(), news)
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{top}, res.GetDiffs()); diff != "" {
		t.Error(diff)
	}
	if res.GetChanges() != pulumirpc.DiffResponse_DIFF_SOME || len(res.GetReplaces()) > 0 {
		t.Errorf("Diff = %v, want an update", res)
	}
}

func testScriptInputsUpdate(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	for key, value := range map[string]any{
		"create": "x", "update": "x", "delete": "x", "stdin": "x", "logging": "stdout", "addPreviousOutputInEnv": true,
	} {
		wantUpdate(t, r, with(full(), key, value), map[string]string{key: "UPDATE"}, key)
		wantUpdate(t, r, without(full(), resource.PropertyKey(key)), map[string]string{key: "DELETE"}, key)
	}
}

func testConnectionUpdates(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	base := revealAll(full()["connection"]).ObjectValue()
	for key, value := range map[string]any{"host": "192.0.2.2", "port": 23.0, "user": "x", "privateKey": "x"} {
		wantUpdate(t, r, with(full(), "connection", with(base, key, value)),
			map[string]string{"connection": "UPDATE"}, "connection")
	}
}

func testEnvironmentUpdates(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	for _, tt := range []struct {
		environment resource.PropertyMap
		want        map[string]string
	}{
		{props("A", "1", "B", "3"), map[string]string{"environment.B": "UPDATE"}},
		{props("A", "1"), map[string]string{"environment.B": "DELETE"}},
		{props("A", "1", "B", "2", "C", "3"), map[string]string{"environment.C": "ADD"}},
	} {
		wantUpdate(t, r, with(full(), "environment", tt.environment), tt.want, "environment")
	}
}

// The replacement by the SDK's option is tested with a real engine, in line 41.
func testTriggerElement(t *testing.T) {
	for _, token := range []string{remoteCommandToken, localCommandToken, copyToRemoteToken} {
		r := newRig(t, token)
		for _, tt := range []struct {
			triggers []any
			want     map[string]string
		}{
			{[]any{"one", "2"}, map[string]string{"triggers[1]": "UPDATE"}},
			{[]any{"one", "two", 3.0}, map[string]string{"triggers[2]": "ADD"}},
			{[]any{"one"}, map[string]string{"triggers[1]": "DELETE"}},
		} {
			res, kinds := r.diff(props("triggers", []any{"one", "two"}), props("triggers", tt.triggers))
			if diff := cmp.Diff(tt.want, kinds); diff != "" {
				t.Error(diff)
			}
			if res.GetChanges() != pulumirpc.DiffResponse_DIFF_SOME || len(res.GetReplaces()) > 0 {
				t.Errorf("Diff = %v, want an update", res)
			}
		}
	}
}

func testTriggersComeAndGo(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	none := without(full(), triggersKey)
	for _, tt := range []struct {
		old, new resource.PropertyMap
		want     string
	}{{none, full(), "ADD_REPLACE"}, {full(), none, "DELETE_REPLACE"}} {
		res, kinds := r.diff(tt.old, tt.new)
		if diff := cmp.Diff(map[string]string{"triggers": tt.want}, kinds); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"triggers"}, res.GetReplaces()); diff != "" {
			t.Error(diff)
		}
	}
}

func testNeverDeleteBeforeReplace(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	for _, news := range []resource.PropertyMap{full(), without(full(), triggersKey), with(full(), "create", "x")} {
		if res, _ := r.diff(full(), news); res.GetDeleteBeforeReplace() {
			t.Errorf("Diff = %v", res)
		}
	}
}

func testIgnoreChanges(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	res, _ := r.diff(full(), with(full(), "create", "x"), "create")
	if res.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("Diff = %v, want none", res)
	}
	_, kinds := r.diff(full(), with(full(), "create", "x", "stdin", "y"), "create")
	if diff := cmp.Diff(map[string]string{"stdin": "UPDATE"}, kinds); diff != "" {
		t.Error(diff)
	}
}

// Decided: an update, as the official provider. Without one the outputs in
// the state would keep the text in plain.
func testStdinBecomesSecret(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	wantUpdate(t, r, with(full(), "stdin", secret("in")), map[string]string{"stdin": "UPDATE"}, "stdin")
	// A connection is secret however it is marked, so there it is no change.
	marked := revealAll(full()["connection"]).ObjectValue()
	marked["privateKey"] = resource.MakeSecret(marked["privateKey"])
	res, _ := r.diff(full(), with(full(), "connection", marked))
	if res.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("a secret in a secret connection: %v", res)
	}
}
