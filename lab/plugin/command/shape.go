package command

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// form is the form that the value of a field has.
type form int

const (
	formText form = iota
	formNumber
	formInteger
	formFlag
	formTextList
	formTextMap
	formAnyList
	formObject
	formSource // an asset or an archive
)

// field describes one input of a resource.
type field struct {
	form     form
	required bool
	// secret says that the field is secret even when it came in plain.
	secret bool
	// fallback is what an absent field becomes; the zero value means nothing.
	fallback resource.PropertyValue
	// oneOf lists the only texts that are allowed, if not empty.
	oneOf []string
	// shape is what the fields of a formObject are.
	shape *shape
	// check looks at a known value and says what is wrong with it.
	check func(resource.PropertyValue) string
}

// shape describes the inputs of a resource or of an object in them.
type shape struct {
	name   string
	fields map[resource.PropertyKey]field
}

// fill checks props against the shape, fills in what is absent and marks what
// is secret. Failures name the top-level property, as the official provider's do.
func (s shape) fill(props resource.PropertyMap) (resource.PropertyMap, []*pulumirpc.CheckFailure) {
	filled := resource.PropertyMap{}
	var failures []*pulumirpc.CheckFailure
	fail := func(key resource.PropertyKey, reason string) {
		failures = append(failures, &pulumirpc.CheckFailure{Property: string(key), Reason: reason})
	}
	for _, key := range props.StableKeys() {
		// Names that start so are the engine's own.
		if _, known := s.fields[key]; !known && !strings.HasPrefix(string(key), "__") {
			fail(key, fmt.Sprintf("Unrecognized field '%s' on '%s'", key, s.name))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.fields)) {
		f, value := s.fields[key], props[key]
		if !reveal(value).HasValue() {
			switch {
			case f.required:
				fail(key, fmt.Sprintf("Missing required field '%s' on '%s'", key, s.name))
			case f.fallback.HasValue():
				filled[key] = f.fallback
			}
			continue
		}
		value, reasons := f.fill(fmt.Sprintf("'%s' on '%s'", key, s.name), value)
		for _, reason := range reasons {
			fail(key, reason)
		}
		filled[key] = value
	}
	return filled, failures
}

// fill checks one value and gives it back with what belongs in it. A secret
// field comes back as one secret with no others inside: two ways of marking
// the same connection are not a difference.
func (f field) fill(where string, value resource.PropertyValue) (resource.PropertyValue, []string) {
	hide := concealed(value) && value.IsSecret()
	bare := reveal(value)
	if f.secret {
		hide, bare = true, revealAll(value)
	}
	reasons := f.faults(where, bare)
	if len(reasons) == 0 && f.form == formObject && bare.IsObject() {
		object, failures := f.shape.fill(bare.ObjectValue())
		for _, failure := range failures {
			reasons = append(reasons, failure.GetReason())
		}
		bare = resource.NewProperty(object)
	}
	if hide {
		bare = resource.MakeSecret(bare)
	}
	return bare, reasons
}

// faults says what is wrong with a value that is not null.
func (f field) faults(where string, v resource.PropertyValue) []string {
	if v.IsComputed() {
		return nil
	}
	if !f.form.fits(v) {
		return []string{fmt.Sprintf("Field %s must be %s; got %s", where, f.form, v.TypeString())}
	}
	if len(f.oneOf) > 0 && !slices.Contains(f.oneOf, v.StringValue()) {
		return []string{fmt.Sprintf("Field %s must be one of %s; got %q",
			where, strings.Join(f.oneOf, ", "), v.StringValue())}
	}
	if f.check != nil {
		if reason := f.check(v); reason != "" {
			return []string{fmt.Sprintf("Field %s %s", where, reason)}
		}
	}
	return nil
}

// fits says whether a value has the form. Unknowns fit everywhere.
func (f form) fits(v resource.PropertyValue) bool {
	v = reveal(v)
	if v.IsComputed() {
		return true
	}
	switch f {
	case formText:
		return v.IsString()
	case formNumber:
		return v.IsNumber()
	case formInteger:
		return v.IsNumber() && v.NumberValue() == math.Trunc(v.NumberValue())
	case formFlag:
		return v.IsBool()
	case formTextList:
		return v.IsArray() && !slices.ContainsFunc(v.ArrayValue(), notText)
	case formTextMap:
		return v.IsObject() && !slices.ContainsFunc(slices.Collect(maps.Values(v.ObjectValue())), notText)
	case formAnyList:
		return v.IsArray()
	case formObject:
		return v.IsObject()
	case formSource:
		return v.IsAsset() || v.IsArchive()
	default:
		return false
	}
}

func notText(v resource.PropertyValue) bool { return !formText.fits(v) }

// String names the form with its article, for check failures.
func (f form) String() string {
	return [...]string{
		formText: "a string", formNumber: "a number", formInteger: "an integer", formFlag: "a boolean",
		formTextList: "a list of strings", formTextMap: "a map of strings", formAnyList: "a list",
		formObject: "an object", formSource: "an asset or an archive",
	}[f]
}
