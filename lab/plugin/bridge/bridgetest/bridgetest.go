// Package bridgetest calls a provider as the engine does, with properties in
// the form that travels.
package bridgetest

import (
	"context"
	"sort"
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// Unknown is how a value that is not known yet travels.
const Unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

// Map is properties as they travel. Nested maps are map[string]any.
type Map = map[string]any

// Secret is how a secret value travels.
func Secret(v any) Map {
	return Map{"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": v}
}

// Engine plays the engine for one resource.
type Engine struct {
	T      testing.TB
	Server pulumirpc.ResourceProviderServer
	// Type and Name are the resource's.
	Type, Name string
}

// Resource is what the engine's state holds of a resource.
type Resource struct {
	ID            string
	Inputs, State Map
}

// URN is the resource's in some stack.
func (e *Engine) URN() string { return "urn:pulumi:test::skep::" + e.Type + "::" + e.Name }

// Configure gives the provider its configuration.
func (e *Engine) Configure(config Map) error {
	_, err := e.Server.Configure(e.context(), &pulumirpc.ConfigureRequest{Args: e.fields(config), AcceptSecrets: true})
	return err
}

// Check returns the inputs with defaults, and what is wrong with them.
func (e *Engine) Check(olds, news Map) (Map, []string) {
	e.T.Helper()
	out, err := e.Server.Check(e.context(), &pulumirpc.CheckRequest{
		Urn: e.URN(), Olds: e.fields(olds), News: e.fields(news), RandomSeed: []byte("seed"),
	})
	if err != nil {
		e.T.Fatalf("check %s: %v", e.Name, err)
	}
	var failures []string
	for _, f := range out.GetFailures() {
		failures = append(failures, f.GetReason())
	}
	return out.GetInputs().AsMap(), failures
}

// Valid is Check of inputs that must be right.
func (e *Engine) Valid(olds, news Map) Map {
	e.T.Helper()
	inputs, failures := e.Check(olds, news)
	if len(failures) > 0 {
		e.T.Fatalf("check %s: %s", e.Name, strings.Join(failures, "; "))
	}
	return inputs
}

// Preview says what is known of a resource before it is made.
func (e *Engine) Preview(inputs Map) (Map, error) {
	out, err := e.Server.Create(e.context(), &pulumirpc.CreateRequest{
		Urn: e.URN(), Properties: e.fields(inputs), Preview: true,
	})
	return out.GetProperties().AsMap(), err
}

// TryCreate checks and makes a resource.
func (e *Engine) TryCreate(inputs Map) (*Resource, error) {
	e.T.Helper()
	checked := e.Valid(nil, inputs)
	out, err := e.Server.Create(e.context(), &pulumirpc.CreateRequest{Urn: e.URN(), Properties: e.fields(checked)})
	return &Resource{ID: out.GetId(), Inputs: checked, State: out.GetProperties().AsMap()}, err
}

// Create is TryCreate of what must succeed.
func (e *Engine) Create(inputs Map) *Resource {
	e.T.Helper()
	r, err := e.TryCreate(inputs)
	if err != nil {
		e.T.Fatalf("create %s: %v", e.Name, err)
	}
	return r
}

// TryDiff compares a resource with new inputs.
func (e *Engine) TryDiff(r *Resource, inputs Map, ignored ...string) (*pulumirpc.DiffResponse, error) {
	e.T.Helper()
	return e.Server.Diff(e.context(), &pulumirpc.DiffRequest{
		Urn: e.URN(), Id: r.ID, Olds: e.fields(r.State), OldInputs: e.fields(r.Inputs),
		News: e.fields(e.Valid(r.Inputs, inputs)), IgnoreChanges: ignored,
	})
}

// Diff writes the changes as text, such as "name:UPDATE tags[0]:ADD", and ""
// for none.
func (e *Engine) Diff(r *Resource, inputs Map, ignored ...string) string {
	e.T.Helper()
	out, err := e.TryDiff(r, inputs, ignored...)
	if err != nil {
		e.T.Fatalf("diff %s: %v", e.Name, err)
	}
	if some := out.GetChanges() == pulumirpc.DiffResponse_DIFF_SOME; some != (len(out.GetDetailedDiff()) > 0) {
		e.T.Errorf("diff %s: changes is %v but the details are %v", e.Name, out.GetChanges(), out.GetDetailedDiff())
	}
	var all []string
	for path, d := range out.GetDetailedDiff() {
		all = append(all, path+":"+d.GetKind().String())
	}
	sort.Strings(all)
	return strings.Join(all, " ")
}

// TryUpdate changes a resource in place.
func (e *Engine) TryUpdate(r *Resource, inputs Map) (*Resource, error) {
	e.T.Helper()
	checked := e.Valid(r.Inputs, inputs)
	out, err := e.Server.Update(e.context(), &pulumirpc.UpdateRequest{
		Urn: e.URN(), Id: r.ID, Olds: e.fields(r.State), News: e.fields(checked),
	})
	return &Resource{ID: r.ID, Inputs: checked, State: out.GetProperties().AsMap()}, err
}

// Update is TryUpdate of what must succeed.
func (e *Engine) Update(r *Resource, inputs Map) *Resource {
	e.T.Helper()
	out, err := e.TryUpdate(r, inputs)
	if err != nil {
		e.T.Fatalf("update %s: %v", e.Name, err)
	}
	return out
}

// Refresh reads a resource anew. The ID of one that is gone is empty.
func (e *Engine) Refresh(r *Resource) *Resource {
	e.T.Helper()
	return e.read(&pulumirpc.ReadRequest{
		Urn: e.URN(), Id: r.ID, Inputs: e.fields(r.Inputs), Properties: e.fields(r.State),
	})
}

// TryImport reads a resource that the state does not hold yet.
func (e *Engine) TryImport(id string) (*Resource, error) {
	out, err := e.Server.Read(e.context(), &pulumirpc.ReadRequest{Urn: e.URN(), Id: id})
	return &Resource{ID: out.GetId(), Inputs: out.GetInputs().AsMap(), State: out.GetProperties().AsMap()}, err
}

// Import is TryImport of what must succeed.
func (e *Engine) Import(id string) *Resource {
	e.T.Helper()
	return e.read(&pulumirpc.ReadRequest{Urn: e.URN(), Id: id})
}

func (e *Engine) read(req *pulumirpc.ReadRequest) *Resource {
	e.T.Helper()
	out, err := e.Server.Read(e.context(), req)
	if err != nil {
		e.T.Fatalf("read %s: %v", e.Name, err)
	}
	return &Resource{ID: out.GetId(), Inputs: out.GetInputs().AsMap(), State: out.GetProperties().AsMap()}
}

// TryDelete removes a resource.
func (e *Engine) TryDelete(r *Resource) error {
	_, err := e.Server.Delete(e.context(), &pulumirpc.DeleteRequest{Urn: e.URN(), Id: r.ID, Properties: e.fields(r.State)})
	return err
}

// Delete is TryDelete of what must succeed.
func (e *Engine) Delete(r *Resource) {
	e.T.Helper()
	if err := e.TryDelete(r); err != nil {
		e.T.Fatalf("delete %s: %v", e.Name, err)
	}
}

// Invoke calls a data source. Failures of its check are the error text.
func (e *Engine) Invoke(token string, args Map) (Map, string) {
	out, err := e.Server.Invoke(e.context(), &pulumirpc.InvokeRequest{Tok: token, Args: e.fields(args)})
	if err != nil {
		return nil, err.Error()
	}
	var failures []string
	for _, f := range out.GetFailures() {
		failures = append(failures, f.GetReason())
	}
	return out.GetReturn().AsMap(), strings.Join(failures, "; ")
}

func (e *Engine) context() context.Context { return e.T.Context() }

func (e *Engine) fields(m Map) *structpb.Struct {
	if m == nil {
		return nil
	}
	s, err := structpb.NewStruct(m)
	if err != nil {
		e.T.Fatalf("write properties %v: %v", m, err)
	}
	return s
}
