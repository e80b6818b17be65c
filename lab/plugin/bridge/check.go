package bridge

import (
	"fmt"
	"sort"
	"strings"
)

// Keys that the bridge keeps beside a resource's own properties.
const (
	defaultsKey = "__defaults"
	metaKey     = "__meta"
)

// checker collects what is wrong with inputs, in the words of the bridge.
type checker struct {
	// name is the resource's, for the hint where to look.
	name string
	// framework is for providers of the newer kind: what they do not know
	// they do not see.
	framework bool
	failures  []string
}

// object checks the values of one object. Prefix and tfPrefix are the path of
// the object and upstream's key of it, with a dot, or empty.
func (c *checker) object(fields Fields, values Values, prefix, tfPrefix string) {
	for _, name := range sorted(fields) {
		f := fields[name]
		path := prefix + name
		c.together(fields, values, name, path)
		v := values[name]
		switch {
		case v == nil && f.Required && !f.AutoName:
			c.missing(f, fields.upstream(name), path)
		case v == nil:
		case !f.input():
			c.fail(path, fmt.Sprintf("Value for unconfigurable attribute. Can't configure a value for %q: its value "+
				"will be decided automatically based on the result of applying this configuration.", fields.upstream(name)))
		default:
			tf := tfPrefix + fields.upstream(name)
			if f.Type == Object {
				tf += ".0" // upstream it is a list of one
			}
			c.value(f, v, tf, path)
		}
	}
	for _, name := range sorted(values) {
		if !c.framework && fields[name] == nil && !strings.HasPrefix(name, "__") {
			c.fail(prefix+name, "Invalid or unknown key")
		}
	}
}

// together checks what properties say about one another.
func (c *checker) together(fields Fields, values Values, name, path string) {
	f, tf := fields[name], fields.upstream(name)
	if len(f.ExactlyOneOf) > 0 {
		given, all := present(values, f.ExactlyOneOf), upstreams(fields, f.ExactlyOneOf)
		switch {
		case len(given) == 0:
			c.fail(path, fmt.Sprintf("Invalid combination of arguments. %q: one of `%s` must be specified", tf, all))
		case len(given) > 1:
			c.fail(path, fmt.Sprintf("Invalid combination of arguments. %q: only one of `%s` can be specified, but `%s` were specified.",
				tf, all, upstreams(fields, given)))
		}
	}
	if values[name] == nil {
		return
	}
	for _, other := range f.RequiredWith {
		if values[other] == nil {
			c.fail(path, fmt.Sprintf("Missing required argument. %q: all of `%s` must be specified",
				tf, upstreams(fields, append([]string{name}, f.RequiredWith...))))
			break
		}
	}
	for _, other := range f.ConflictsWith {
		if values[other] != nil && known(values[other]) {
			c.fail(path, fmt.Sprintf("Conflicting configuration arguments. %q: conflicts with %s", tf, fields.upstream(other)))
			break
		}
	}
}

func (c *checker) value(f *Field, v any, tf, path string) {
	if _, unknown := v.(Unknown); unknown {
		return
	}
	switch f.Type {
	case List, Set:
		list, ok := v.([]any)
		if !ok {
			list = []any{v} // the bridge wraps what should be a list
		}
		for i, e := range list {
			c.value(f.Elem, e, fmt.Sprintf("%s.%d", tf, i), fmt.Sprintf("%s[%d]", path, i))
		}
	case Map:
		m, ok := v.(Values)
		if !ok {
			c.fail(path, "Attribute must be a map")
			return
		}
		for _, k := range sorted(m) {
			c.value(f.Elem, m[k], tf+"."+k, path+"."+k)
		}
	case Object:
		m, ok := v.(Values)
		if !ok {
			c.fail(path, fmt.Sprintf("Expected Object Type. Expected object, got %s", kindName(v)))
			return
		}
		c.object(f.Fields, m, path+".", tf+".")
	default:
		c.scalar(f, v, tf, path)
	}
}

func (c *checker) scalar(f *Field, v any, tf, path string) {
	switch v.(type) {
	case []any:
		c.fail(path, "Attribute must be a single value, not a list")
		return
	case Values:
		c.fail(path, "Attribute must be a single value, not a map")
		return
	}
	v, err := coerce(f, v)
	if err == nil && f.Check != nil && v != nil {
		err = f.Check(tf, v)
	}
	if err != nil {
		c.fail(path, err.Error())
	}
}

func (c *checker) missing(f *Field, tf, path string) {
	if !c.framework {
		c.fail(path, fmt.Sprintf("Missing required argument. The argument %q is required, but no definition was found.", tf))
		return
	}
	reason := fmt.Sprintf("Missing required property '%s'", path)
	if f.Description != "" {
		reason += ": " + f.Description
	}
	c.failures = append(c.failures, reason)
}

func (c *checker) fail(path, reason string) {
	c.failures = append(c.failures, fmt.Sprintf("%s. Examine values at '%s.%s'.", reason, c.name, path))
}

func kindName(v any) string {
	switch v.(type) {
	case bool:
		return "bool"
	case float64:
		return "int"
	case []any:
		return "slice"
	default:
		return "string"
	}
}

func present(values Values, names []string) []string {
	var out []string
	for _, n := range names {
		if values[n] != nil {
			out = append(out, n)
		}
	}
	return out
}

// upstreams is the sorted upstream names, joined as upstream joins them.
func upstreams(fields Fields, names []string) string {
	set := map[string]bool{}
	for _, n := range names {
		set[fields.upstream(n)] = true
	}
	return strings.Join(sorted(set), ",")
}

func sorted[M ~map[string]V, V any](m M) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// withoutNulls drops inputs that were given as null: they count as not given.
func withoutNulls(v Values) Values {
	out := Values{}
	for k, e := range v {
		switch e := e.(type) {
		case nil:
		case Values:
			out[k] = withoutNulls(e)
		default:
			out[k] = e
		}
	}
	return out
}
