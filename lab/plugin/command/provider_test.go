package command

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
)

var providerLines = []line{
	{60, "cancel", testCancel},
	{61, "handshake_and_schema", testHandshakeAndSchema},
	{62, "state_of_the_original", testStateOfTheOriginal},
}

func testCancel(t *testing.T) {
	f := newFake(t, nil)
	for _, tt := range []struct {
		token      string
		connection resource.PropertyMap
	}{{remoteCommandToken, f.connection()}, {localCommandToken, nil}} {
		r := newRig(t, tt.token)
		inputs := props("create", "trap '' TERM; echo begun; sleep 20; true")
		if tt.connection != nil {
			inputs = with(inputs, "connection", tt.connection)
		}
		failed := make(chan error, 1)
		go func() {
			_, err := r.create(inputs)
			failed <- err
		}()
		eventually(t, "the command runs", func() bool { return r.engine.log(pulumirpc.LogSeverity_INFO) == "begun" })
		if _, err := r.client.Cancel(t.Context(), &emptypb.Empty{}); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-failed:
			wantError(t, err, "context canceled")
		case <-time.After(5 * time.Second):
			t.Errorf("%s: the command was not cancelled", tt.token)
		}
	}
	eventually(t, "the connection is closed", func() bool { return f.open.Load() == 0 })
}

func testHandshakeAndSchema(t *testing.T) {
	r, ctx := newRig(t, remoteCommandToken), t.Context()
	shake, err := r.client.Handshake(ctx, &pulumirpc.ProviderHandshakeRequest{})
	if err != nil || !shake.GetAcceptSecrets() || !shake.GetAcceptResources() || !shake.GetAcceptOutputs() {
		t.Errorf("Handshake = %v, %v", shake, err)
	}
	info, err := r.client.GetPluginInfo(ctx, &emptypb.Empty{})
	if err != nil || info.GetVersion() != "1.2.1" {
		t.Errorf("GetPluginInfo = %v, %v", info, err)
	}
	config := r.wire(props("version", "1.2.1"))
	checked, err := r.client.CheckConfig(ctx, &pulumirpc.CheckRequest{News: config})
	if err != nil || len(checked.GetFailures()) > 0 || r.unwire(checked.GetInputs())["version"].StringValue() != "1.2.1" {
		t.Errorf("CheckConfig = %v, %v", checked, err)
	}
	diff, err := r.client.DiffConfig(ctx, &pulumirpc.DiffRequest{News: config})
	if err != nil || diff.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("DiffConfig = %v, %v", diff, err)
	}
	configured, err := r.client.Configure(ctx, &pulumirpc.ConfigureRequest{Args: config})
	if err != nil || !configured.GetAcceptSecrets() || !configured.GetAcceptResources() ||
		!configured.GetAcceptOutputs() || !configured.GetSupportsPreview() {
		t.Errorf("Configure = %v, %v", configured, err)
	}
	testSchema(t, r)
	testRead(t, r)
}

func testSchema(t *testing.T, r *rig) {
	res, err := r.client.GetSchema(t.Context(), &pulumirpc.GetSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	type typed struct {
		Properties map[string]any
		Required   []string
	}
	var schema struct {
		Name, Version string
		Types         map[string]typed
		Resources     map[string]struct {
			typed
			InputProperties map[string]map[string]any
			RequiredInputs  []string
		}
		Functions map[string]any
	}
	if err := json.Unmarshal([]byte(res.GetSchema()), &schema); err != nil {
		t.Fatal(err)
	}
	command := schema.Resources[remoteCommandToken]
	if schema.Name != "command" || schema.Version != "1.2.1" || len(schema.Resources) != 3 ||
		command.InputProperties["connection"]["secret"] != true ||
		command.InputProperties["triggers"]["replaceOnChanges"] != true ||
		command.Properties["stdout"] == nil || schema.Functions[localRunToken] == nil {
		t.Errorf("schema %s", res.GetSchema())
	}
	if diff := cmp.Diff([]string{"connection"}, command.RequiredInputs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"host"}, schema.Types["command:remote:ProxyConnection"].Required); diff != "" {
		t.Error(diff)
	}
}

// testRead checks that a refresh sees what is stored, and an import nothing.
func testRead(t *testing.T, r *rig) {
	state, inputs := with(full(), "stdout", "x", "stderr", ""), full()
	res, err := r.client.Read(t.Context(), &pulumirpc.ReadRequest{
		Id: "box1", Urn: r.urn(), Properties: r.wire(state), Inputs: r.wire(inputs),
	})
	if err != nil || res.GetId() != "box1" || !r.unwire(res.GetProperties()).DeepEquals(state) ||
		!r.unwire(res.GetInputs()).DeepEquals(inputs) {
		t.Errorf("Read = %v, %v", res, err)
	}
	_, err = r.client.Read(t.Context(), &pulumirpc.ReadRequest{Id: "box1", Urn: r.urn()})
	wantError(t, err, "nothing to import")
	_, err = r.client.Check(t.Context(), &pulumirpc.CheckRequest{Urn: "urn:pulumi:a::b::command:remote:CopyFile::c"})
	wantError(t, err, `"command:remote:CopyFile"`)
}

// testStateOfTheOriginal compares what the official provider leaves in the
// inputs of a state with what this one makes of the same program.
func testStateOfTheOriginal(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	marked := func(m resource.PropertyMap) resource.PropertyMap {
		m = m.Copy()
		m["privateKey"] = resource.MakeSecret(m["privateKey"])
		return m
	}
	base := without(connectionTo("192.0.2.1:22", "root", ""), "hostKey")
	proxied := with(base, "proxy", without(base, "hostKey"))
	for _, tt := range []struct {
		name       string
		connection resource.PropertyMap
	}{
		{"v1.0, without host keys", base},
		{"v1.1, with a host key", with(base, "hostKey", hostKey().line)},
		{"v1.2, with a proxy", proxied},
		{"a secret in the secret", marked(base)},
	} {
		old := props("connection", tt.connection, "create", "c", "delete", "d", "triggers", []any{"t", 1.0},
			"environment", props("A", "1"), "stdin", secret("s"), "logging", "none", "addPreviousOutputInEnv", false)
		// The SDK sends the connection with defaults; a plain program without.
		for name, sent := range map[string]resource.PropertyMap{
			"defaults": tt.connection,
			"bare":     without(tt.connection, "user", "port", "dialErrorLimit", "perDialTimeout"),
		} {
			news, failures := r.check(with(old, "connection", sent))
			if failures != nil {
				t.Fatal(failures)
			}
			if res, kinds := r.diff(old, news); res.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
				t.Errorf("%s, %s: %v", tt.name, name, kinds)
			}
			// The other way round: what goes into the state is what came.
			if !canonical(news).DeepEquals(canonical(old)) {
				t.Errorf("%s, %s: inputs %v, want %v", tt.name, name, news, old)
			}
		}
	}
	f := newFake(t, nil)
	inputs := props("connection", f.connection(), "create", "true")
	if want := with(inputs, "stdout", "", "stderr", ""); !r.mustCreate(inputs).DeepEquals(want) {
		t.Error("a state has more or less than the inputs, stdout and stderr")
	}
}
