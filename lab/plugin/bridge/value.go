//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package bridge

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
)

// Values is the properties of a resource or of an object by name. A value is
// nil, bool, float64, string, []any, Values or Unknown.
type Values map[string]any

// Unknown is a value that is known only once the resources it comes from exist.
type Unknown struct{}

// String returns a property that is a string, or "".
func (v Values) String(name string) string { s, _ := v[name].(string); return s }

// Bool returns a property that is a bool, or false.
func (v Values) Bool(name string) bool { b, _ := v[name].(bool); return b }

// Int returns a property that is a whole number, or 0.
func (v Values) Int(name string) int { n, _ := v[name].(float64); return int(n) }

// Strings returns a property that is a list or set of strings.
func (v Values) Strings(name string) []string {
	list, _ := v[name].([]any)
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Objects returns a property that is a list or set of objects.
func (v Values) Objects(name string) []Values {
	list, _ := v[name].([]any)
	var out []Values
	for _, e := range list {
		if o, ok := e.(Values); ok {
			out = append(out, o)
		}
	}
	return out
}

// Has tells whether a property has a value, known or not.
func (v Values) Has(name string) bool { return v[name] != nil }

// normal turns what a resource's function returned into values as Pulumi knows
// them.
func normal(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case []string:
		return normalList(v)
	case []int:
		return normalList(v)
	case []Values:
		return normalList(v)
	case []any:
		return normalList(v)
	case map[string]any:
		return normal(Values(v))
	case map[string]string:
		out := Values{}
		for k, e := range v {
			out[k] = e
		}
		return out
	case Values:
		out := make(Values, len(v))
		for k, e := range v {
			out[k] = normal(e)
		}
		return out
	default:
		return v
	}
}

func normalList[T any](list []T) []any {
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = normal(e)
	}
	return out
}

// clone is v with the same elements in a map of its own.
func (v Values) clone() Values {
	out := make(Values, len(v))
	for k, e := range v {
		out[k] = e
	}
	return out
}

// known tells whether a value has no unknown part.
func known(v any) bool {
	switch v := v.(type) {
	case Unknown:
		return false
	case []any:
		for _, e := range v {
			if !known(e) {
				return false
			}
		}
	case Values:
		for _, e := range v {
			if !known(e) {
				return false
			}
		}
	}
	return true
}

// coerce turns a scalar into the type of its field where upstream accepts it:
// the text of a number or truth value, and any scalar for a text.
func coerce(f *Field, v any) (any, error) {
	switch f.Type {
	case String:
		switch v := v.(type) {
		case bool:
			return strconv.FormatBool(v), nil
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64), nil
		}
	case Bool:
		if s, ok := v.(string); ok {
			b, err := strconv.ParseBool(s)
			if err != nil {
				return nil, fmt.Errorf("cannot parse '' as bool: %w", err)
			}
			return b, nil
		}
	case Int, Float:
		if s, ok := v.(string); ok {
			n, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return nil, fmt.Errorf("cannot parse '' as number: %w", err)
			}
			v = n
		}
		if n, ok := v.(float64); ok && f.Type == Int && n != math.Trunc(n) {
			return nil, fmt.Errorf("Attribute must be a whole number, got %v", n)
		}
	}
	return v, nil
}

// zero tells whether a value is what upstream makes of a missing one.
func zero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case Values:
		return len(v) == 0
	case Unknown:
		return false
	default:
		return reflect.ValueOf(v).IsZero()
	}
}
