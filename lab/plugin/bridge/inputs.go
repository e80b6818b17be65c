package bridge

import "strings"

// refreshedInputs takes over into the old inputs what the refreshed state says
// about them. Inputs that were not given are not added.
func refreshedInputs(fields Fields, olds, state Values) Values {
	out := Values{}
	stillDefault := map[string]bool{}
	list, kept := olds[defaultsKey].([]any)
	for _, e := range list {
		if name, ok := e.(string); ok {
			stillDefault[name] = true
		}
	}
	for name, old := range olds {
		if strings.HasPrefix(name, "__") {
			continue
		}
		now := state[name]
		if now == nil {
			delete(stillDefault, name)
			continue
		}
		v, same := refreshedInput(fields[name], old, now)
		if !same {
			delete(stillDefault, name)
		}
		out[name] = v
	}
	if kept && len(stillDefault) > 0 {
		out[defaultsKey] = normal(sorted(stillDefault))
	}
	return out
}

func refreshedInput(f *Field, old, now any) (v any, same bool) {
	if f == nil {
		return now, false
	}
	switch old := old.(type) {
	case []any:
		if now, ok := now.([]any); ok && f.Elem != nil {
			return refreshedList(f, old, now)
		}
	case Values:
		now, ok := now.(Values)
		if ok && f.Type == Object {
			out := refreshedInputs(f.Fields, old, now)
			return out, len(diffValue("", f, old, now, false)) == 0
		}
		if ok {
			out := Values{}
			for k := range old {
				if v, has := now[k]; has {
					out[k] = v
				}
			}
			return out, identity(f, old) == identity(f, out)
		}
	case string:
		// The state of such an input cannot be turned back into the input.
		if now, ok := now.(string); ok && f.State != nil {
			return old, f.State(old) == now
		}
	}
	return now, identity(f, old) == identity(f, now)
}

// refreshedList keeps the user's order of a set: the service has its own.
func refreshedList(f *Field, old, now []any) (any, bool) {
	rest := append([]any{}, now...)
	out, same := []any{}, len(old) == len(now)
	for i, e := range old {
		at := i
		if f.Type == Set {
			at = indexOf(f, rest, e)
		}
		if at < 0 || at >= len(rest) {
			same = false
			continue
		}
		v, equal := refreshedInput(f.Elem, e, rest[at])
		if f.Type == Set {
			rest = append(rest[:at:at], rest[at+1:]...)
		}
		same = same && equal
		out = append(out, v)
	}
	return out, same
}

func indexOf(set *Field, list []any, element any) int {
	want := identityIn(set, element)
	for i, e := range list {
		if identityIn(set, e) == want {
			return i
		}
	}
	return -1
}

// importedInputs makes inputs of a state that no program described yet: every
// input that is required or says more than its default.
func importedInputs(fields Fields, state Values) Values {
	out := Values{defaultsKey: []any{}}
	for name, v := range state {
		f := fields[name]
		if f == nil || v == nil || !f.input() {
			continue
		}
		v = importedInput(f, v)
		if !f.Required && saysNothing(f, v) {
			continue
		}
		out[name] = v
	}
	return out
}

func importedInput(f *Field, v any) any {
	switch v := v.(type) {
	case []any:
		if f.Elem == nil {
			return v
		}
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = importedInput(f.Elem, e)
		}
		return out
	case Values:
		if f.Type == Object {
			return importedInputs(f.Fields, v)
		}
		out := v.clone()
		out[defaultsKey] = []any{}
		return out
	default:
		return v
	}
}

// saysNothing tells whether a value is the default of its field, or where it
// has none, the zero value.
func saysNothing(f *Field, v any) bool {
	if f.Default != nil {
		return v == normal(f.Default)
	}
	if m, ok := v.(Values); ok {
		_, only := m[defaultsKey]
		return len(m) == 0 || only && len(m) == 1
	}
	return zero(v)
}
