package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"skep/lab/plugin/bridge"
	"skep/lab/plugin/bridge/bridgetest"
)

type m = bridgetest.Map

type list = []any

// toy is a provider with one of everything. Its objects live in a map.
type toy struct {
	things map[string]bridge.Values
	create func(ctx context.Context, in bridge.Values) (string, bridge.Values, error)
}

func (y *toy) provider() bridge.Provider {
	text := &bridge.Field{Type: bridge.String}
	return bridge.Provider{
		Name: "toy", Version: "1.2.3",
		Config: bridge.Fields{"key": {Type: bridge.String, Optional: true, Secret: true}, "n": {Type: bridge.Int, Optional: true}},
		Resources: []*bridge.Resource{{
			Token: "toy:index/thing:Thing",
			Fields: bridge.Fields{
				"name":   {Type: bridge.String, Required: true, AutoName: true},
				"fixed":  {Type: bridge.String, Optional: true, ForceNew: true},
				"list":   {Type: bridge.List, Optional: true, Elem: text},
				"set":    {Type: bridge.Set, Optional: true, Elem: text},
				"map":    {Type: bridge.Map, Optional: true, Elem: text},
				"flag":   {Type: bridge.Bool, Optional: true},
				"count":  {Type: bridge.Int, Optional: true, Default: 3},
				"hashed": {Type: bridge.String, Optional: true, State: strings.ToUpper},
				"object": {Type: bridge.Object, Optional: true, Fields: bridge.Fields{
					"a": {Type: bridge.String, Optional: true}, "b": {Type: bridge.String, Optional: true},
				}},
				"made":   {Type: bridge.String, Computed: true},
				"secret": {Type: bridge.String, Computed: true, Secret: true},
			},
			Create: func(ctx context.Context, in bridge.Values) (string, bridge.Values, error) {
				if y.create != nil {
					return y.create(ctx, in)
				}
				y.things["1"] = in
				return "1", bridge.Values{"made": "here", "secret": "s3cret"}, nil
			},
			Read: func(_ context.Context, id string, _ bridge.Values) (bridge.Values, error) {
				thing, ok := y.things[id]
				if !ok {
					return nil, bridge.ErrGone
				}
				return thing, nil
			},
			Update: func(_ context.Context, id string, _, in bridge.Values) (bridge.Values, error) {
				y.things[id] = in
				return nil, nil
			},
			Delete: func(_ context.Context, id string, _ bridge.Values) error {
				if _, ok := y.things[id]; !ok {
					return bridge.ErrGone
				}
				delete(y.things, id)
				return nil
			},
		}},
	}
}

func newToy(t *testing.T) (*toy, *bridgetest.Engine) {
	t.Helper()
	y := &toy{things: map[string]bridge.Values{}}
	e := &bridgetest.Engine{T: t, Server: bridge.New(nil, y.provider()), Type: "toy:index/thing:Thing", Name: "x"}
	if err := e.Configure(m{}); err != nil {
		t.Fatal(err)
	}
	return y, e
}

func TestAutomaticNameStays(t *testing.T) {
	_, e := newToy(t)
	first := e.Valid(nil, m{})
	name, _ := first["name"].(string)
	if !strings.HasPrefix(name, "x-") || len(name) != len("x-1234567") {
		t.Errorf("automatic name is %q", name)
	}
	if diff := cmp.Diff(m{"__defaults": list{"count", "name"}, "count": 3.0, "name": name}, first); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	again, err := e.Server.Check(t.Context(), &pulumirpc.CheckRequest{
		Urn: e.URN(), Olds: object(t, first), News: object(t, m{}), RandomSeed: []byte("another seed"),
	})
	if err != nil || again.GetInputs().AsMap()["name"] != name {
		t.Errorf("the name changed from %q: %v, %v", name, again.GetInputs().AsMap(), err)
	}
	// A name that was chosen and is not any more is no default to keep.
	chosen := e.Valid(nil, m{"name": "chosen"})
	if got := e.Valid(chosen, m{}); got["name"] == "chosen" {
		t.Error("a chosen name was kept as if it had been automatic")
	}
}

func TestConfiguredNames(t *testing.T) {
	_, e := newToy(t)
	const (
		disable = pulumirpc.CheckRequest_AutonamingOptions_DISABLE
		enforce = pulumirpc.CheckRequest_AutonamingOptions_ENFORCE
		propose = pulumirpc.CheckRequest_AutonamingOptions_PROPOSE
	)
	for mode, want := range map[pulumirpc.CheckRequest_AutonamingOptions_Mode]any{disable: nil, enforce: "mine", propose: "mine"} {
		out, err := e.Server.Check(t.Context(), &pulumirpc.CheckRequest{
			Urn: e.URN(), News: object(t, m{}), Autonaming: &pulumirpc.CheckRequest_AutonamingOptions{Mode: mode, ProposedName: "mine"},
		})
		if got := out.GetInputs().AsMap()["name"]; got != want || (want == nil) != (err != nil) {
			t.Errorf("%v: name is %v, error %v; want %v", mode, got, err, want)
		}
	}
}

func TestDiffs(t *testing.T) {
	full := m{
		"name": "n", "fixed": "f", "list": list{"a", "b"}, "set": list{"a", "b"}, "map": m{"k": "v"}, "flag": true,
		"hashed": "h", "object": m{"a": "1", "b": "2"},
	}
	for _, test := range []struct {
		name     string
		old, new m
		want     string
	}{
		{"nothing", full, full, ""},
		{"all gone", full, m{"name": "n"}, "fixed:DELETE_REPLACE flag:DELETE hashed:DELETE list:DELETE map:DELETE object:DELETE set:DELETE"},
		{"all new", m{"name": "n"}, full, "fixed:ADD_REPLACE flag:ADD hashed:ADD list:ADD map:ADD object:ADD set:ADD"},
		{"zero for missing", m{"name": "n"}, m{"name": "n", "fixed": "", "list": list{}, "map": m{}}, ""},
		{"missing for zero", m{"name": "n", "flag": false}, m{"name": "n"}, ""},
		{"false where nothing was", m{"name": "n"}, m{"name": "n", "flag": false}, "flag:ADD"},
		{"null", m{"name": "n"}, m{"name": "n", "fixed": nil, "flag": nil}, ""},
		{"order of a list", full, with(full, "list", list{"b", "a"}), "list[0]:UPDATE list[1]:UPDATE"},
		{"order of a set", full, with(full, "set", list{"b", "a"}), ""},
		{"doubles in a set", full, with(full, "set", list{"b", "a", "b"}), ""},
		{"shorter set", full, with(full, "set", list{"b"}), "set[0]:DELETE"},
		{"map", full, with(full, "map", m{"k": "w", "l": "v"}), "map.k:UPDATE map.l:ADD"},
		{"object", full, with(full, "object", m{"a": "2", "b": "2"}), "object.a:UPDATE"},
		{"part of an object gone", full, with(full, "object", m{"a": "1"}), "object.b:DELETE"},
		{"what the state shows otherwise", full, with(full, "hashed", "H"), ""},
		{"default", full, with(full, "count", 3), ""},
		{"not the default", full, with(full, "count", 4), "count:UPDATE"},
		{"text for a number", full, with(full, "count", "3"), ""},
		{"unknown", full, with(full, "fixed", bridgetest.Unknown), "fixed:UPDATE_REPLACE"},
		{"partly unknown", full, with(full, "list", list{"a", bridgetest.Unknown}), "list[1]:UPDATE"},
		{"secret", full, with(full, "fixed", bridgetest.Secret("f")), ""},
	} {
		_, e := newToy(t)
		if got := e.Diff(e.Create(test.old), test.new); got != test.want {
			t.Errorf("%s: diff is %q, want %q", test.name, got, test.want)
		}
	}
}

func with(in m, name string, v any) m {
	out := m{}
	for k, e := range in {
		out[k] = e
	}
	out[name] = v
	return out
}

func TestLife(t *testing.T) {
	y, e := newToy(t)
	r := e.Create(m{"name": "n", "set": list{"b", "a"}, "hashed": "h"})
	if r.State["made"] != "here" || cmp.Diff(bridgetest.Secret("s3cret"), r.State["secret"]) != "" || r.State["hashed"] != "H" {
		t.Errorf("state is %v", r.State)
	}
	y.things["1"] = bridge.Values{"set": []any{"a", "b"}, "name": "drifted"}
	seen := e.Refresh(r)
	want := m{"name": "drifted", "set": list{"b", "a"}, "hashed": "h", "count": 3.0, "__defaults": list{"count"}}
	if diff := cmp.Diff(want, seen.Inputs); diff != "" {
		t.Errorf("refreshed inputs (-want +got):\n%s", diff)
	}
	if got := e.Diff(seen, m{"name": "n", "set": list{"b", "a"}, "hashed": "h"}); got != "name:UPDATE" {
		t.Errorf("diff after the drift is %q", got)
	}
	r = e.Update(seen, m{"name": "m"})
	if y.things["1"]["name"] != "m" || r.State["made"] != "here" {
		t.Errorf("after the update the thing is %v, the state %v", y.things["1"], r.State)
	}
	e.Delete(r)
	e.Delete(r)
	if got := e.Refresh(r); got.ID != "" {
		t.Error("the thing is still there")
	}
	if got := e.Import("1"); got.ID != "" {
		t.Error("import finds what is gone")
	}
}

func TestSecretsNeedAnEngineThatTakesThem(t *testing.T) {
	_, e := newToy(t)
	if _, err := e.Server.Configure(t.Context(), &pulumirpc.ConfigureRequest{}); err != nil {
		t.Fatal(err)
	}
	if r := e.Create(m{}); r.State["secret"] != "s3cret" {
		t.Errorf("secret is %v", r.State["secret"])
	}
}

// The object exists but is not complete: the engine must learn its id.
func TestHalfMade(t *testing.T) {
	y, e := newToy(t)
	y.create = func(context.Context, bridge.Values) (string, bridge.Values, error) {
		return "7", bridge.Values{"made": "half"}, errors.New("no more")
	}
	_, err := e.TryCreate(m{})
	rpc, ok := rpcerror.FromError(err)
	if !ok || len(rpc.Details()) != 1 {
		t.Fatalf("error is %v", err)
	}
	detail, ok := rpc.Details()[0].(*pulumirpc.ErrorResourceInitFailed)
	if !ok || detail.GetId() != "7" || detail.GetProperties().AsMap()["made"] != "half" {
		t.Errorf("detail is %v", rpc.Details()[0])
	}
	y.create = func(context.Context, bridge.Values) (string, bridge.Values, error) {
		return "", nil, errors.New("nothing was made")
	}
	if _, err = e.TryCreate(m{}); err == nil || err.Error() != "1 error occurred:\n\t* nothing was made\n\n" {
		t.Errorf("error is %v", err)
	}
}

func TestCallsEnd(t *testing.T) {
	y, e := newToy(t)
	y.create = func(ctx context.Context, _ bridge.Values) (string, bridge.Values, error) {
		<-ctx.Done()
		return "", nil, ctx.Err()
	}
	_, err := e.Server.Create(t.Context(), &pulumirpc.CreateRequest{Urn: e.URN(), Properties: object(t, m{}), Timeout: 0.01})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a timeout the error is %v", err)
	}
	started := make(chan struct{})
	create := y.create
	y.create = func(ctx context.Context, in bridge.Values) (string, bridge.Values, error) {
		close(started)
		return create(ctx, in)
	}
	go func() {
		<-started
		_, _ = e.Server.Cancel(context.Background(), &emptypb.Empty{})
	}()
	if _, err = e.TryCreate(m{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel the error is %v", err)
	}
}

func TestSchema(t *testing.T) {
	_, e := newToy(t)
	out, err := e.Server.GetSchema(t.Context(), &pulumirpc.GetSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Name      string
		Resources map[string]struct {
			RequiredInputs  []string
			InputProperties map[string]map[string]any
			Properties      map[string]map[string]any
		}
		Types map[string]any
	}
	if err := json.Unmarshal([]byte(out.GetSchema()), &schema); err != nil {
		t.Fatal(err)
	}
	thing := schema.Resources["toy:index/thing:Thing"]
	if schema.Name != "toy" || len(thing.RequiredInputs) != 0 || thing.Properties["secret"]["secret"] != true ||
		thing.InputProperties["made"] != nil || thing.InputProperties["count"]["type"] != "integer" {
		t.Errorf("schema is %+v", schema)
	}
	if _, has := schema.Types["toy:index/ThingObject:ThingObject"]; !has {
		t.Errorf("types are %v", schema.Types)
	}
}

func TestUnknownTypes(t *testing.T) {
	_, e := newToy(t)
	urn := "urn:pulumi:test::skep::toy:index/other:Other::x"
	_, err := e.Server.Check(t.Context(), &pulumirpc.CheckRequest{Urn: urn})
	if err == nil || !strings.Contains(err.Error(), "unrecognized resource type (Check): toy:index/other:Other") {
		t.Errorf("error is %v", err)
	}
	_, err = e.Server.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: "toy:index/get:get"})
	if err == nil || !strings.Contains(err.Error(), "unrecognized data function (Invoke): toy:index/get:get") {
		t.Errorf("error is %v", err)
	}
}

func TestDiffConfig(t *testing.T) {
	_, e := newToy(t)
	for _, test := range []struct {
		olds, news m
		want       []string
	}{{m{"n": "1"}, m{"n": "1"}, nil}, {m{"n": "1"}, m{"n": "2", "key": "k"}, []string{"key", "n"}}} {
		out, err := e.Server.DiffConfig(t.Context(), &pulumirpc.DiffRequest{Olds: object(t, test.olds), News: object(t, test.news)})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, out.GetDiffs()); diff != "" || len(out.GetReplaces()) > 0 {
			t.Errorf("%v to %v (-want +got):\n%s", test.olds, test.news, diff)
		}
	}
}

func object(t *testing.T, v m) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(v)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
