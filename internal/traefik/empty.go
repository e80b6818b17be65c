package traefik

import (
	"reflect"
	"slices"
	"strings"

	"github.com/traefik/paerser/parser"
)

// empties finds labels that leave something empty where Traefik wants content:
// in a file, that would make it refuse the whole file.
func (s *source) empties() []error {
	var faults []error
	walk(reflect.ValueOf(&s.conf).Elem(), nil, false, func(path []string) {
		faults = append(faults, fault(s.at(path...), "label traefik.%s… says nothing: give it a value or leave it out", strings.Join(path, ".")))
	})
	return faults
}

// walk calls found with the path of each struct that is there and holds nothing,
// though it may not be empty.
func walk(value reflect.Value, path []string, mayBeEmpty bool, found func(path []string)) {
	switch value.Kind() {
	case reflect.Pointer:
		if value.Elem().Kind() == reflect.Struct {
			walk(value.Elem(), path, mayBeEmpty, found)
		}
	case reflect.Struct:
		if value.IsZero() && !mayBeEmpty && len(path) > 0 {
			found(path)
			return
		}
		for i := range value.NumField() {
			field := value.Type().Field(i)
			name := field.Tag.Get(parser.TagLabelSliceAsStruct)
			if name == "" {
				name = field.Name
			}
			if !value.Field(i).IsZero() {
				walk(value.Field(i), append(slices.Clone(path), name), field.Tag.Get(parser.TagFile) == parser.TagLabelAllowEmpty, found)
			}
		}
	case reflect.Map:
		if value.Type().Elem().Kind() != reflect.Pointer {
			return
		}
		keys := value.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			walk(value.MapIndex(key), append(slices.Clone(path), key.String()), false, found)
		}
	case reflect.Slice:
		for i := range value.Len() {
			if value.Index(i).Kind() == reflect.Struct {
				walk(value.Index(i), path, true, found)
			}
		}
	}
}
