// Package decode reads JSON into structs and reports every fault at once, each
// with the path of the key: encoding/json stops at the first and gives no path.
package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Into decodes text into the value that into points to. Structs take their
// keys from `json` tags, and a key that no field has is a fault. Faults start
// with path, as in "skep:hosts[2].size".
func Into(path, text string, into any) error {
	return value(path, json.RawMessage(text), reflect.ValueOf(into).Elem())
}

func value(path string, raw json.RawMessage, into reflect.Value) error {
	_, own := into.Addr().Interface().(interface{ UnmarshalText([]byte) error })
	switch {
	case own:
		return leaf(path, raw, into)
	case into.Kind() == reflect.Pointer && into.Type().Elem().Kind() == reflect.Struct && string(raw) != "null":
		into.Set(reflect.New(into.Type().Elem()))
		return value(path, raw, into.Elem())
	case into.Kind() == reflect.Struct:
		return object(path, raw, into)
	case into.Kind() == reflect.Slice:
		return list(path, raw, into)
	default:
		return leaf(path, raw, into)
	}
}

func object(path string, raw json.RawMessage, into reflect.Value) error {
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		return fmt.Errorf("%s: %s: need a mapping of keys", path, excerpt(raw))
	}
	fields := map[string]reflect.Value{}
	for i := range into.NumField() {
		name, _, _ := strings.Cut(into.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = into.Field(i)
	}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		field, known := fields[key]
		if !known {
			faults = append(faults, fmt.Errorf("%s.%s: unknown key: need one of %s",
				path, key, strings.Join(slices.Sorted(maps.Keys(fields)), ", ")))
			continue
		}
		faults = append(faults, value(path+"."+key, entries[key], field))
	}
	return errors.Join(faults...)
}

func list(path string, raw json.RawMessage, into reflect.Value) error {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return fmt.Errorf("%s: %s: need a list", path, excerpt(raw))
	}
	out := reflect.MakeSlice(into.Type(), len(items), len(items))
	var faults []error
	for i, item := range items {
		faults = append(faults, value(fmt.Sprintf("%s[%d]", path, i), item, out.Index(i)))
	}
	into.Set(out)
	return errors.Join(faults...)
}

func leaf(path string, raw json.RawMessage, into reflect.Value) error {
	if err := json.Unmarshal(raw, into.Addr().Interface()); err != nil {
		return fmt.Errorf("%s: %s: need %s", path, excerpt(raw), wanted(into))
	}
	return nil
}

func wanted(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Map:
		return "a mapping of text to text"
	}
	switch v.Type().String() {
	case "netip.Addr":
		return "an IP address"
	case "netip.Prefix":
		return "an address range such as 10.90.0.0/24"
	}
	if v.Kind() == reflect.Pointer {
		return wanted(reflect.New(v.Type().Elem()).Elem())
	}
	return v.Type().String()
}

// excerpt shows a value without letting a huge one drown the message.
func excerpt(raw json.RawMessage) string {
	const limit = 60
	if len(raw) > limit {
		return string(raw[:limit]) + "…"
	}
	return string(raw)
}
