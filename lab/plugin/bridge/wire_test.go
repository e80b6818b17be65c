package bridge

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// TestUnmarshalWhatTheEngineWrites reads properties that Pulumi's own code wrote.
func TestUnmarshalWhatTheEngineWrites(t *testing.T) {
	text := resource.NewStringProperty
	in, err := plugin.MarshalProperties(resource.PropertyMap{
		"null": resource.NewNullProperty(), "bool": resource.NewBoolProperty(true), "number": resource.NewNumberProperty(1.5),
		"text": text("t"), "list": resource.NewArrayProperty([]resource.PropertyValue{text("a")}),
		"object":  resource.NewObjectProperty(resource.PropertyMap{"a": text("b")}),
		"unknown": resource.MakeComputed(text("")), "secret": resource.MakeSecret(text("s")),
		"unknownList": resource.MakeComputed(resource.NewArrayProperty(nil)),
		"output":      resource.NewOutputProperty(resource.Output{Element: text("o"), Known: true}),
		"later":       resource.NewOutputProperty(resource.Output{Secret: true}),
		"sealed":      resource.MakeSecret(resource.MakeComputed(text(""))),
	}, plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepOutputValues: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := unmarshal(in, "properties")
	if err != nil {
		t.Fatal(err)
	}
	want := Values{
		"null": nil, "bool": true, "number": 1.5, "text": "t", "list": []any{"a"}, "object": Values{"a": "b"},
		"unknown": Unknown{}, "secret": "s", "unknownList": Unknown{}, "output": "o", "later": Unknown{}, "sealed": Unknown{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
}

// TestMarshalWhatTheEngineReads lets Pulumi's own code read what we write.
func TestMarshalWhatTheEngineReads(t *testing.T) {
	got, err := plugin.UnmarshalProperties(marshal(Values{
		"null": nil, "number": 2, "list": []string{"a"}, "object": map[string]any{"a": true}, "unknown": Unknown{}, "secret": secret{"s"},
	}), plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true})
	if err != nil {
		t.Fatal(err)
	}
	want := resource.PropertyMap{
		"null": resource.NewNullProperty(), "number": resource.NewNumberProperty(2),
		"list":    resource.NewArrayProperty([]resource.PropertyValue{resource.NewStringProperty("a")}),
		"object":  resource.NewObjectProperty(resource.PropertyMap{"a": resource.NewBoolProperty(true)}),
		"unknown": resource.MakeComputed(resource.NewStringProperty("")), "secret": resource.MakeSecret(resource.NewStringProperty("s")),
	}
	if !want.DeepEquals(got) {
		t.Errorf("properties are %v, want %v", got, want)
	}
}

func TestUnmarshalRefusesAssets(t *testing.T) {
	if _, err := unmarshal(marshal(Values{"a": Values{sigKey: resource.AssetSig, "text": "t"}}), "properties"); err == nil {
		t.Error("an asset was taken for something else")
	}
}
