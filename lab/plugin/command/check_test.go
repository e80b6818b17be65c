package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

var checkLines = []line{
	{1, "missing_connection", testMissingConnection},
	{2, "unknown_input", testUnknownInput},
	{3, "unknown_field_in_connection", testUnknownFieldInConnection},
	{4, "defaults_filled", testDefaultsFilled},
	{5, "connection_comes_back_secret", testConnectionSecret},
	{6, "unknown_host_passes", testUnknownHostPasses},
	{7, "logging_values", testLoggingValues},
	{8, "copy_source", testCopySource},
}

// oneFailure checks that there is one failure and what it says.
func oneFailure(t *testing.T, failures []string, property string, parts ...string) {
	t.Helper()
	if len(failures) != 1 || !strings.HasPrefix(failures[0], property+": ") {
		t.Errorf("failures %q, want one on %q", failures, property)
		return
	}
	for _, part := range parts {
		if !strings.Contains(failures[0], part) {
			t.Errorf("failure %q lacks %q", failures[0], part)
		}
	}
}

func testMissingConnection(t *testing.T) {
	for _, token := range []string{remoteCommandToken, copyToRemoteToken} {
		r := newRig(t, token)
		_, failures := r.check(props("source", textAsset(t, "x"), "remotePath", "/x"))
		if token == remoteCommandToken {
			_, failures = r.check(props("create", "true"))
		}
		oneFailure(t, failures, "connection", "Missing required field 'connection'")
	}
}

func testUnknownInput(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	_, failures := r.check(props("connection", props("host", "h"), "bogus", "x"))
	oneFailure(t, failures, "bogus", "Unrecognized field 'bogus' on 'remote.CommandInputs'")
	r = newRig(t, localCommandToken)
	_, failures = r.check(props("connection", "x"))
	oneFailure(t, failures, "connection", "Unrecognized field 'connection' on 'local.CommandInputs'")
}

func testUnknownFieldInConnection(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	_, failures := r.check(props("connection", props("host", "h", "hots", "x")))
	oneFailure(t, failures, "connection", "Unrecognized field 'hots'")
	_, failures = r.check(props("connection", props("user", "u")))
	oneFailure(t, failures, "connection", "Missing required field 'host'")
	_, failures = r.check(props("connection", props("host", "h", "proxy", props("host", "p", "proxy", props("host", "q")))))
	oneFailure(t, failures, "connection", "Unrecognized field 'proxy' on 'remote.ProxyConnection'")
	_, failures = r.check(props("connection", props("host", "h", "port", "22")))
	oneFailure(t, failures, "connection", "'port'", "a number")
}

func testDefaultsFilled(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	inputs, failures := r.check(props("connection", props("host", "h", "port", 2222.0, "proxy", props("host", "p"))))
	if failures != nil {
		t.Fatal(failures)
	}
	want := map[string]any{
		"host": "h", "user": "root", "port": 2222.0, "dialErrorLimit": 10.0, "perDialTimeout": 15.0,
		"proxy": map[string]any{
			"host": "p", "user": "root", "port": 22.0, "dialErrorLimit": 10.0, "perDialTimeout": 15.0,
		},
	}
	got := revealAll(inputs["connection"]).ObjectValue().Mappable()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func testConnectionSecret(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	inner := props("host", "h", "privateKey", secret("k"))
	for name, connection := range map[string]resource.PropertyValue{
		"plain":              resource.NewProperty(inner),
		"secret":             resource.MakeSecret(resource.NewProperty(props("host", "h", "privateKey", "k"))),
		"secret in a secret": resource.MakeSecret(resource.NewProperty(inner)),
	} {
		inputs, failures := r.check(resource.PropertyMap{"connection": connection})
		if failures != nil {
			t.Fatal(failures)
		}
		got := inputs["connection"]
		if !got.IsSecret() || got.SecretValue().Element.ContainsSecrets() {
			t.Errorf("a %s connection came back as %v, want one secret", name, got)
		}
	}
}

func testUnknownHostPasses(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	inputs, failures := r.check(props("connection", props("host", unknown, "hostKey", unknown), "create", unknown))
	if failures != nil {
		t.Fatal(failures)
	}
	if connection := revealAll(inputs["connection"]); !connection.IsObject() ||
		!connection.ObjectValue()["host"].IsComputed() {
		t.Errorf("connection = %v, want an unknown host", connection)
	}
	if !inputs["create"].IsComputed() {
		t.Errorf("create = %v, want unknown", inputs["create"])
	}
	if _, failures = r.check(resource.PropertyMap{"connection": unknown}); failures != nil {
		t.Errorf("an unknown connection: %q", failures)
	}
}

func testLoggingValues(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	connection := props("host", "h")
	_, failures := r.check(props("connection", connection, "logging", "loud"))
	oneFailure(t, failures, "logging", "loud", logBoth)
	for _, value := range []string{logStdout, logStderr, logBoth, logNone} {
		if _, failures := r.check(props("connection", connection, "logging", value)); failures != nil {
			t.Errorf("logging %q: %q", value, failures)
		}
	}
}

func testCopySource(t *testing.T) {
	r := newRig(t, copyToRemoteToken)
	base := props("connection", props("host", "h"), "remotePath", "/x")
	_, failures := r.check(with(base, "source", "a string"))
	oneFailure(t, failures, "source", "an asset or an archive")
	uri := resource.NewProperty(&resource.Asset{Sig: resource.AssetSig, Hash: "x", URI: "https://example.com/x"})
	_, failures = r.check(with(base, "source", uri))
	oneFailure(t, failures, "source", "URI")
	assets, err := resource.NewAssetArchive(map[string]any{"x": textAsset(t, "x").AssetValue()})
	if err != nil {
		t.Fatal(err)
	}
	_, failures = r.check(with(base, "source", resource.NewProperty(assets)))
	oneFailure(t, failures, "source", "a path to a file or a folder")
	for _, source := range []resource.PropertyValue{unknown, textAsset(t, "x"), resource.MakeSecret(textAsset(t, "x"))} {
		if _, failures := r.check(with(base, "source", source)); failures != nil {
			t.Errorf("source %v: %q", source, failures)
		}
	}
}
