// Package pulumitest runs a Pulumi program against an in-memory engine,
// records what it registered, and fails on what the real engine would refuse
// or what would leak: a URN used twice, a resource without a component, a
// secret outside a secret. (The SDK's mock monitor cannot carry a secret that
// is still unknown, so previews are the lab's tests to compare.)
package pulumitest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Canary marks a secret value that tests feed in. It must be wherever it goes
// inside a secret property, and never in a command line.
const Canary = "CANARY-7f3a"

// TB is the part of testing.TB that this package needs.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Setenv(key, value string)
}

// Answer fills in what a provider would compute for a resource, from its inputs.
type Answer func(name string, inputs resource.PropertyMap) resource.PropertyMap

// Program is a program to run and the world it meets.
type Program struct {
	// Run is the program.
	Run pulumi.RunFunc
	// Config is the stack's, by full key: "skep:domain".
	Config map[string]string
	// Secrets are the keys of Config that are secret.
	Secrets []string
	// Answers are the computed outputs by type token.
	Answers map[string]Answer
	// Calls answer function invokes by token; any other fails the test.
	Calls map[string]func(args resource.PropertyMap) resource.PropertyMap
}

// Graph is what a program registered.
type Graph struct {
	// Resources are all registrations, components included, in their order.
	Resources []pulumi.MockResourceArgs

	mu      sync.Mutex
	program Program
	faults  []string
	seen    map[string]bool
}

// Start runs the program and returns what it registered and how it ended.
// Faults of the graph itself fail the test.
func Start(t TB, p Program) (*Graph, error) {
	t.Helper()
	g := &Graph{program: p, seen: map[string]bool{}}
	all, err := json.Marshal(p.Config)
	if err != nil {
		t.Fatalf("write config: %v", err)
	}
	t.Setenv(pulumi.EnvConfig, string(all))
	err = pulumi.RunErr(p.Run, pulumi.WithMocks("skep", "test", g), func(i *pulumi.RunInfo) {
		i.Config, i.ConfigSecretKeys = p.Config, p.Secrets
	})
	for _, fault := range g.faults {
		t.Errorf("%s", fault)
	}
	return g, err
}

// Run is Start for a program that must succeed.
func Run(t TB, p Program) *Graph {
	t.Helper()
	g, err := Start(t, p)
	if err != nil {
		t.Fatalf("run program: %v", err)
	}
	return g
}

// NewResource implements pulumi.MockResourceMonitor.
func (g *Graph) NewResource(a pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	parent := resource.URN(a.RegisterRPC.GetParent())
	// The mock engine takes what the real one refuses: two resources of one URN.
	key := string(parent.QualifiedType()) + "$" + a.TypeToken + "::" + a.Name
	if g.seen[key] {
		g.faults = append(g.faults, "duplicate URN "+key)
	}
	g.seen[key] = true
	if a.Custom && !strings.HasPrefix(a.TypeToken, "pulumi:providers:") && parent.QualifiedType() == resource.RootStackType {
		g.faults = append(g.faults, fmt.Sprintf("%s %q has no component parent", a.TypeToken, a.Name))
	}
	g.faults = append(g.faults, leaks(a)...)
	g.Resources = append(g.Resources, a)
	state := a.Inputs.Copy()
	if answer := g.program.Answers[a.TypeToken]; answer != nil {
		for name, value := range answer(a.Name, a.Inputs) {
			state[name] = value
		}
	}
	return a.Name + "-id", state, nil
}

// Call implements pulumi.MockResourceMonitor.
func (g *Graph) Call(a pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if answer := g.program.Calls[a.Token]; answer != nil {
		return answer(a.Args), nil
	}
	return nil, fmt.Errorf("unexpected invoke of %s", a.Token)
}

// leaks finds the canary outside of secrets, and inside command lines even there.
func leaks(a pulumi.MockResourceArgs) []string {
	var faults []string
	if strings.Contains(fmt.Sprint(a.Inputs.Mappable()), Canary) && strings.Contains(plainText(resource.NewObjectProperty(a.Inputs)), Canary) {
		faults = append(faults, fmt.Sprintf("%s %q holds a secret that is not marked as one", a.TypeToken, a.Name))
	}
	for _, line := range []resource.PropertyKey{"create", "update", "delete", "environment", "triggers"} {
		if strings.Contains(fullText(a.Inputs[line]), Canary) {
			faults = append(faults, fmt.Sprintf("%s %q passes a secret in %q", a.TypeToken, a.Name, line))
		}
	}
	return faults
}

// plainText is all text of a value but for what stands inside secrets.
func plainText(v resource.PropertyValue) string {
	return walk(v, func(resource.PropertyValue) string { return "" })
}

// fullText is all text of a value.
func fullText(v resource.PropertyValue) string {
	return walk(v, func(secret resource.PropertyValue) string { return fullText(secret.SecretValue().Element) })
}

func walk(v resource.PropertyValue, secret func(resource.PropertyValue) string) string {
	var parts []string
	switch {
	case v.IsSecret():
		return secret(v)
	case v.IsOutput():
		if v.OutputValue().Secret {
			return ""
		}
		return walk(v.OutputValue().Element, secret)
	case v.IsString():
		return v.StringValue()
	case v.IsArray():
		for _, e := range v.ArrayValue() {
			parts = append(parts, walk(e, secret))
		}
	case v.IsObject():
		for _, e := range v.ObjectValue() {
			parts = append(parts, walk(e, secret))
		}
	}
	return strings.Join(parts, "\n")
}

// Text is a property's text, inside a secret or not.
func Text(a pulumi.MockResourceArgs, key string) string {
	return fullText(a.Inputs[resource.PropertyKey(key)])
}

// Secret says whether a property is marked as a secret.
func Secret(a pulumi.MockResourceArgs, key string) bool {
	v := a.Inputs[resource.PropertyKey(key)]
	return v.IsSecret() || v.IsOutput() && v.OutputValue().Secret
}

// Named returns the resource called name of the given type, or fails the test.
func (g *Graph) Named(t TB, token, name string) pulumi.MockResourceArgs {
	t.Helper()
	for _, r := range g.Resources {
		if r.Name == name && r.TypeToken == token {
			return r
		}
	}
	t.Fatalf("no %s named %q", token, name)
	return pulumi.MockResourceArgs{}
}

// OfType returns the resources of a type in their order.
func (g *Graph) OfType(token string) []pulumi.MockResourceArgs {
	var found []pulumi.MockResourceArgs
	for _, r := range g.Resources {
		if r.TypeToken == token {
			found = append(found, r)
		}
	}
	return found
}
