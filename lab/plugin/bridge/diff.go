package bridge

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// changes is what differs, by property path.
type changes map[string]pulumirpc.PropertyDiff_Kind

const (
	added    = pulumirpc.PropertyDiff_ADD
	deleted  = pulumirpc.PropertyDiff_DELETE
	modified = pulumirpc.PropertyDiff_UPDATE
)

// changes compares the plan with the state.
func (p *Plan) changes() changes {
	out := changes{}
	for name, f := range p.resource.Fields {
		for path, kind := range diffValue(name, f, p.Prior[name], p.Planned[name], f.ForceNew || p.replace[name]) {
			out[path] = kind
		}
	}
	return out
}

// diffValue compares one value with what it shall become. Upstream does not
// tell a missing value from an empty one, except a scalar that was not there.
func diffValue(path string, f *Field, old, new any, replace bool) changes {
	_, unknown := new.(Unknown)
	switch {
	case unknown && absent(old):
		return one(path, added, replace)
	case unknown:
		return one(path, modified, replace)
	case absent(new) && zero(old), absent(old) && (absent(new) || new == ""):
		return nil
	case absent(old):
		return one(path, added, replace)
	case absent(new):
		return one(path, deleted, replace)
	}
	switch f.Type {
	case List, Set:
		return diffList(path, f, asList(old), asList(new), replace)
	case Map, Object:
		return diffMembers(path, f, old, new, replace)
	default:
		if reflect.DeepEqual(old, new) {
			return nil
		}
		return one(path, modified, replace)
	}
}

// diffList compares lists by position and sets by their elements: one that is
// gone is named by its old position, a new one by its new position.
func diffList(path string, f *Field, old, new []any, replace bool) changes {
	out := changes{}
	for i := range max(len(old), len(new)) {
		var was, is any
		if i < len(old) {
			was = old[i]
		}
		if i < len(new) {
			is = new[i]
		}
		if f.Type == Set {
			if indexOf(f, new, was) >= 0 {
				was = nil
			}
			if indexOf(f, old, is) >= 0 {
				is = nil
			}
		}
		for p, kind := range diffValue(fmt.Sprintf("%s[%d]", path, i), f.Elem, was, is, replace) {
			out[p] = kind
		}
	}
	return out
}

func diffMembers(path string, f *Field, old, new any, replace bool) changes {
	was, _ := old.(Values)
	is, _ := new.(Values)
	names := map[string]bool{}
	for name := range was {
		names[name] = true
	}
	for name := range is {
		names[name] = true
	}
	out := changes{}
	for name := range names {
		member := f.Elem
		if f.Type == Object {
			member = f.Fields[name]
		}
		if member == nil || name == defaultsKey {
			continue
		}
		for p, kind := range diffValue(path+"."+name, member, was[name], is[name], replace) {
			out[p] = kind
		}
	}
	return out
}

func one(path string, kind pulumirpc.PropertyDiff_Kind, replace bool) changes {
	if replace {
		kind = map[pulumirpc.PropertyDiff_Kind]pulumirpc.PropertyDiff_Kind{
			added:    pulumirpc.PropertyDiff_ADD_REPLACE,
			deleted:  pulumirpc.PropertyDiff_DELETE_REPLACE,
			modified: pulumirpc.PropertyDiff_UPDATE_REPLACE,
		}[kind]
	}
	return changes{path: kind}
}

func replaces(kind pulumirpc.PropertyDiff_Kind) bool {
	return kind == pulumirpc.PropertyDiff_ADD_REPLACE ||
		kind == pulumirpc.PropertyDiff_DELETE_REPLACE ||
		kind == pulumirpc.PropertyDiff_UPDATE_REPLACE
}

// absent tells whether there is nothing at all.
func absent(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case Values:
		return len(v) == 0
	default:
		return false
	}
}

func asList(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// identity is equal for values that are equal upstream: the order of a set,
// empty members and the bridge's own keys do not count.
func identity(f *Field, v any) string {
	text, err := json.Marshal(canonical(f, v))
	if err != nil {
		return fmt.Sprint(v) // not reached: values are what JSON can hold
	}
	return string(text)
}

// identityIn is the identity of an element of a set.
func identityIn(set *Field, element any) string {
	if s, ok := element.(string); ok && set.Fold != nil {
		element = set.Fold(s)
	}
	return identity(set.Elem, element)
}

func canonical(f *Field, v any) any {
	switch v := v.(type) {
	case Unknown:
		return map[string]bool{"unknown": true}
	case []any:
		if f.Elem == nil {
			return v
		}
		out := make([]string, len(v))
		for i, e := range v {
			out[i] = identityIn(f, e)
		}
		if f.Type == Set {
			sort.Strings(out)
		}
		return out
	case Values:
		out := map[string]string{}
		for name, e := range v {
			member := f.Elem
			if f.Type == Object {
				member = f.Fields[name]
			}
			if member != nil && name != defaultsKey && !zero(e) {
				out[name] = identity(member, e)
			}
		}
		return out
	default:
		return v
	}
}
