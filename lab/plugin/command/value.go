package command

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"google.golang.org/protobuf/types/known/structpb"
)

// unmarshal reads properties from the engine, with secrets and unknowns kept.
func unmarshal(label string, from *structpb.Struct) (resource.PropertyMap, error) {
	props, err := plugin.UnmarshalProperties(from, plugin.MarshalOptions{
		Label: label, KeepUnknowns: true, KeepSecrets: true, KeepResources: true, SkipNulls: true,
	})
	if err != nil {
		return nil, fmt.Errorf("read properties of %q: %w", label, err)
	}
	return props, nil
}

// marshal writes properties for the engine, with secrets and unknowns kept.
func marshal(label string, props resource.PropertyMap) (*structpb.Struct, error) {
	to, err := plugin.MarshalProperties(props, plugin.MarshalOptions{
		Label: label, KeepUnknowns: true, KeepSecrets: true, KeepResources: true, SkipNulls: true,
	})
	if err != nil {
		return nil, fmt.Errorf("write properties of %q: %w", label, err)
	}
	return to, nil
}

// reveal takes the secret marks off a value, at its top only.
func reveal(v resource.PropertyValue) resource.PropertyValue {
	for {
		switch {
		case v.IsSecret():
			v = v.SecretValue().Element
		case v.IsOutput() && v.OutputValue().Known:
			v = v.OutputValue().Element
		case v.IsOutput():
			return resource.MakeComputed(resource.NewProperty(""))
		default:
			return v
		}
	}
}

// revealAll takes every secret mark off a value.
func revealAll(v resource.PropertyValue) resource.PropertyValue {
	v = reveal(v)
	switch {
	case v.IsArray():
		list := make([]resource.PropertyValue, len(v.ArrayValue()))
		for i, e := range v.ArrayValue() {
			list[i] = revealAll(e)
		}
		return resource.NewProperty(list)
	case v.IsObject():
		m := resource.PropertyMap{}
		for k, e := range v.ObjectValue() {
			m[k] = revealAll(e)
		}
		return resource.NewProperty(m)
	default:
		return v
	}
}

// concealed says whether a value is secret or has a secret in it.
func concealed(v resource.PropertyValue) bool {
	return v.ContainsSecrets()
}

// textOf is the string under key; absent, null and unknown give false.
func textOf(props resource.PropertyMap, key resource.PropertyKey) (string, bool) {
	if v := reveal(props[key]); v.IsString() {
		return v.StringValue(), true
	}
	return "", false
}

// numberOf is the number under key, or fallback.
func numberOf(props resource.PropertyMap, key resource.PropertyKey, fallback float64) float64 {
	if v := reveal(props[key]); v.IsNumber() {
		return v.NumberValue()
	}
	return fallback
}

// flagOf is the boolean under key, or fallback.
func flagOf(props resource.PropertyMap, key resource.PropertyKey, fallback bool) bool {
	if v := reveal(props[key]); v.IsBool() {
		return v.BoolValue()
	}
	return fallback
}

// listOf is the list of strings under key; absent gives nil.
func listOf(props resource.PropertyMap, key resource.PropertyKey) []string {
	v := revealAll(props[key])
	if !v.IsArray() {
		return nil
	}
	list := make([]string, 0, len(v.ArrayValue()))
	for _, e := range v.ArrayValue() {
		if e.IsString() {
			list = append(list, e.StringValue())
		}
	}
	return list
}

// mapOf is the map of strings under key; absent gives nil.
func mapOf(props resource.PropertyMap, key resource.PropertyKey) map[string]string {
	v := revealAll(props[key])
	if !v.IsObject() {
		return nil
	}
	m := map[string]string{}
	for k, e := range v.ObjectValue() {
		if e.IsString() {
			m[string(k)] = e.StringValue()
		}
	}
	return m
}
