package bridgetest

import (
	"encoding/json"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/lab/plugin/bridge"
)

// sdk is what sdkgolden wrote about one resource or function.
type sdk struct {
	Inputs, Required, Outputs, Secrets []string
	Types                              map[string][]string
}

// Golden compares a provider's tables with what the official SDK says: a
// property that is missing, misnamed or wrongly required fails the test.
func Golden(t *testing.T, p bridge.Provider, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]sdk{}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	got := map[string]sdk{}
	for _, r := range p.Resources {
		got[typeName(r.Token)] = described(r.Fields, true)
	}
	for _, f := range p.Functions {
		d := described(f.Fields, false)
		d.Outputs = append(d.Outputs, "id")
		sort.Strings(d.Outputs)
		// The SDK's functions say nothing of what is required.
		d.Required, d.Secrets = nil, nil
		got[typeName(f.Token)] = d
	}
	if provider, has := want["Provider"]; has {
		config := described(p.Config, true)
		if diff := cmp.Diff(provider.Inputs, config.Inputs); diff != "" {
			t.Errorf("configuration (-sdk +table):\n%s", diff)
		}
		if diff := cmp.Diff(provider.Secrets, config.Secrets); diff != "" {
			t.Errorf("secret configuration (-sdk +table):\n%s", diff)
		}
		delete(want, "Provider")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables (-sdk +table):\n%s", diff)
	}
}

func described(fields bridge.Fields, resource bool) sdk {
	d := sdk{Types: map[string][]string{}}
	for name, f := range fields {
		if f.Required || f.Optional {
			d.Inputs = append(d.Inputs, name)
		}
		if f.Required && !f.AutoName {
			d.Required = append(d.Required, name)
		}
		if f.Secret && resource {
			d.Secrets = append(d.Secrets, name)
		}
		d.Outputs = append(d.Outputs, name)
		if object := objectOf(f); object != nil {
			for nested := range object.Fields {
				d.Types[name] = append(d.Types[name], nested)
			}
			sort.Strings(d.Types[name])
		}
	}
	for _, list := range [][]string{d.Inputs, d.Required, d.Outputs, d.Secrets} {
		sort.Strings(list)
	}
	if len(d.Types) == 0 {
		d.Types = nil
	}
	return d
}

func objectOf(f *bridge.Field) *bridge.Field {
	for f != nil && f.Type != bridge.Object {
		f = f.Elem
	}
	return f
}

func typeName(token string) string {
	return token[strings.LastIndex(token, ":")+1:]
}
