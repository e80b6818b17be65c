package bridge

import (
	"errors"
	"fmt"
	"sort"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

const (
	autoNameRandom = 7
	autoNameMax    = 255
)

// naming is what an automatic name is made of.
type naming struct {
	name string
	seed []byte
	// mode and proposed are the user's `pulumi:autonaming` configuration.
	configured bool
	mode       pulumirpc.CheckRequest_AutonamingOptions_Mode
	proposed   string
}

// auto makes an automatic name: the resource's own, a dash and seven digits
// that depend on the engine's seed only, so that a preview says the truth.
func (n naming) auto() (string, error) {
	if !n.configured {
		return resource.NewUniqueName(n.seed, n.name+"-", autoNameRandom, autoNameMax, nil)
	}
	switch n.mode {
	case pulumirpc.CheckRequest_AutonamingOptions_DISABLE:
		return "", errors.New("automatic naming is disabled but no explicit name was provided")
	case pulumirpc.CheckRequest_AutonamingOptions_PROPOSE:
		if len(n.proposed) > autoNameMax {
			return "", fmt.Errorf("calculated name '%s' exceeds maximum length of %d", n.proposed, autoNameMax)
		}
	}
	return n.proposed, nil
}

// withDefaults returns the inputs with defaults filled in and the list of what
// was filled. A value that was a default before is kept: an automatic name
// must not change with every run.
func withDefaults(fields Fields, olds, news Values, n naming) (Values, error) {
	out := news.clone()
	filled := []string{}
	for _, name := range sorted(fields) {
		f := fields[name]
		if !f.input() || f.Deprecated || out[name] != nil || excluded(f, out) {
			continue
		}
		v, err := defaultOf(f, olds, name, n)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out[name] = v
			filled = append(filled, name)
		}
	}
	for name, v := range out {
		if f := fields[name]; f != nil {
			out[name] = withNestedDefaults(f, v)
		}
	}
	sort.Strings(filled)
	out[defaultsKey] = normal(filled)
	return out, nil
}

func defaultOf(f *Field, olds Values, name string, n naming) (any, error) {
	if f.Default == nil && !f.AutoName {
		return nil, nil
	}
	if old := olds[name]; old != nil && wasDefault(olds, name) {
		return old, nil
	}
	if f.AutoName {
		return n.auto()
	}
	return normal(f.Default), nil
}

// wasDefault tells whether an old input came from a default. Where no list was
// kept, every old value may have.
func wasDefault(olds Values, name string) bool {
	list, kept := olds[defaultsKey].([]any)
	if !kept {
		return true
	}
	for _, e := range list {
		if e == name {
			return true
		}
	}
	return false
}

// excluded tells whether another input rules this one out.
func excluded(f *Field, values Values) bool {
	for _, other := range append(append([]string{}, f.ConflictsWith...), f.ExactlyOneOf...) {
		if values[other] != nil {
			return true
		}
	}
	return false
}

// withNestedDefaults adds the (empty) lists of defaults that the bridge keeps
// in objects inside objects. Nothing that we play has defaults there.
func withNestedDefaults(f *Field, v any) any {
	switch v := v.(type) {
	case []any:
		if f.Elem == nil {
			return v
		}
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = withNestedDefaults(f.Elem, e)
		}
		return out
	case Values:
		if f.Type != Object {
			return v
		}
		out := v.clone()
		for name, e := range out {
			if nested := f.Fields[name]; nested != nil {
				out[name] = withNestedDefaults(nested, e)
			}
		}
		out[defaultsKey] = []any{}
		return out
	default:
		return v
	}
}
