package compose

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"skep/internal/decode"
	"skep/internal/golden"
	"skep/internal/secret"
)

// The JSON Schema and the reference of x-skep are made from the types that the
// program decodes into; -update rewrites both.
var (
	schemaPath    = filepath.Join("..", "..", "docs", "x-skep.schema.json")
	referencePath = filepath.Join("..", "..", "docs", "stacks-reference.md")
)

// extensions are the types by where they stand.
var extensions = []struct {
	section, title, doc string
	of                  any
}{
	{"", "At the top of the file", "", FileExtension{}},
	{"services", "At a service", "", ServiceExtension{}},
	{"volumes", "At a volume", "", VolumeExtension{}},
	{"secrets", "At a secret", "Needs one of `generate`, `from`, `bcrypt`, `argon2` and `template`.", secret.Spec{}},
	{"configs", "At a config", "", ConfigExtension{}},
}

// schemaOf is the JSON Schema of a type that decode.Into fills.
func schemaOf(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Struct:
		properties := map[string]any{}
		for i := range t.NumField() {
			field := t.Field(i)
			properties[field.Tag.Get("json")] = annotated(schemaOf(field.Type), field)
		}
		return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	case reflect.Map:
		if t.Elem().Kind() == reflect.String {
			return map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}}
		}
		return map[string]any{"type": "object", "additionalProperties": map[string]any{"type": []any{"string", "number", "boolean", "null"}}}
	case reflect.Int:
		return map[string]any{"type": "integer"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	default:
		return map[string]any{"type": "string"}
	}
}

func annotated(schema map[string]any, field reflect.StructField) map[string]any {
	schema["description"] = field.Tag.Get("doc")
	for _, bound := range []string{"minimum", "maximum"} {
		if n, err := strconv.Atoi(field.Tag.Get(bound)); err == nil {
			schema[bound] = n
		}
	}
	if values := field.Tag.Get("enum"); values != "" {
		schema["enum"] = anySlice(strings.Split(values, ","))
	}
	if pattern := field.Tag.Get("pattern"); pattern != "" {
		schema["pattern"] = pattern
	}
	if field.Name == "Waive" {
		schema["propertyNames"] = map[string]any{"enum": anySlice(RuleNames())}
	}
	return schema
}

// wholeSchema is that of a compose file, as far as x-skep goes.
func wholeSchema() map[string]any {
	properties := map[string]any{}
	for _, e := range extensions {
		extension := schemaOf(reflect.TypeOf(e.of))
		if e.section == "secrets" {
			var one []any
			for _, key := range []string{"generate", "from", "bcrypt", "argon2", "template"} {
				one = append(one, map[string]any{"required": []any{key}})
			}
			extension["oneOf"] = one
		}
		if e.section == "" {
			properties[extensionKey] = extension
			continue
		}
		properties[e.section] = map[string]any{"additionalProperties": map[string]any{
			"properties": map[string]any{extensionKey: extension},
		}}
	}
	return map[string]any{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "A compose file of Skep",
		"description": "What may stand under x-skep, beside all of the compose specification.",
		"allOf":       []any{map[string]any{"$ref": "https://raw.githubusercontent.com/compose-spec/compose-spec/main/schema/compose-spec.json"}},
		"properties":  properties,
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSchemaIsKept(t *testing.T) { golden.Compare(t, schemaPath, asJSON(t, wholeSchema())) }

func TestReferenceIsKept(t *testing.T) { golden.Compare(t, referencePath, reference()) }

// reference is the page of x-skep, the rules and the keys that Swarm ignores.
func reference() string {
	var b strings.Builder
	b.WriteString("# Stacks: reference\n\n<!-- Made by `go test ./internal/compose -update` from the types and tables in internal/compose. -->\n\n" +
		"[stacks.md](stacks.md) tells how stacks work. [x-skep.schema.json](x-skep.schema.json) is the same as a JSON Schema; a compose file that\n" +
		"begins with `# yaml-language-server: $schema=../../docs/x-skep.schema.json` is completed and checked by editors.\n\n## x-skep\n")
	for _, e := range extensions {
		fmt.Fprintf(&b, "\n### %s\n\n", e.title)
		if e.doc != "" {
			b.WriteString(e.doc + "\n\n")
		}
		b.WriteString("| key | type | meaning |\n|---|---|---|\n")
		writeKeys(&b, "", reflect.TypeOf(e.of))
	}
	b.WriteString("\n## Rules\n\nA rule is waived at a service or for the file, with a reason: `x-skep: {waive: {read-only: \"it unpacks plugins beside its program\"}}`.\n\n| rule | why |\n|---|---|\n")
	for _, r := range slices.Concat(policy, togetherRules) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", r.name, r.why)
	}
	b.WriteString("\n## Keys that are refused\n\nSwarm drops them, or refuses the file half-way.\n\n| key of a service | instead |\n|---|---|\n")
	for _, key := range slices.Sorted(maps.Keys(refused)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", key, refused[key])
	}
	b.WriteString("\n## Keys that are named and left out\n\n| key of a service | why |\n|---|---|\n")
	for _, key := range slices.Sorted(maps.Keys(dropped)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", key, dropped[key])
	}
	return b.String()
}

func writeKeys(b *strings.Builder, prefix string, t reflect.Type) {
	for i := range t.NumField() {
		field := t.Field(i)
		inner := field.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		kind := map[reflect.Kind]string{reflect.Int: "number", reflect.Bool: "true or false", reflect.String: "text", reflect.Map: "mapping", reflect.Struct: "mapping"}[inner.Kind()]
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, field.Tag.Get("json"), kind, strings.ReplaceAll(field.Tag.Get("doc"), "|", "\\|"))
		if inner.Kind() == reflect.Struct {
			writeKeys(b, prefix+field.Tag.Get("json")+".", inner)
		}
	}
}

// What the schema takes, the program takes, and the other way round.
func TestSchemaAndDecoderAgree(t *testing.T) {
	for _, e := range extensions {
		for _, c := range agreement[e.section] {
			schema := mapping(mapping(wholeSchema()["properties"])[extensionKey])
			if e.section != "" {
				section := mapping(mapping(wholeSchema()["properties"])[e.section])
				schema = mapping(mapping(mapping(section["additionalProperties"])["properties"])[extensionKey])
			}
			compiler := jsonschema.NewCompiler()
			var document, value any
			for text, into := range map[string]*any{asJSON(t, schema): &document, c.text: &value} {
				parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				*into = parsed
			}
			if err := compiler.AddResource("x.json", document); err != nil {
				t.Fatal(err)
			}
			compiled, err := compiler.Compile("x.json")
			if err != nil {
				t.Fatal(err)
			}
			into := reflect.New(reflect.TypeOf(e.of))
			decoded := decode.Into("x", c.text, into.Interface())
			if spec, is := into.Interface().(*secret.Spec); is && decoded == nil {
				decoded = spec.Validate()
			}
			if invalid := compiled.Validate(value); (invalid == nil) != c.good || (decoded == nil) != c.good {
				t.Errorf("%s %s: want good %t; the schema says %v, the decoder %v", e.section, c.text, c.good, invalid, decoded)
			}
		}
	}
}

type agreed struct {
	text string
	good bool
}

var agreement = map[string][]agreed{
	"": {
		{`{}`, true}, {`{"variables": {"A": "x", "B": 3, "C": null, "D": true}}`, true}, {`{"waive": {"read-only": "why"}}`, true},
		{`{"zone": "core"}`, true}, {`{"zone": 3}`, false}, {`{"variable": {}}`, false}, {`{"variables": ["A"]}`, false}, {`{"waive": {"read-only": 3}}`, false},
	},
	"services": {
		{`{"env_from_secrets": {"A": "b"}, "waive": {"user": "why"}}`, true}, {`{"env_from_secrets": ["A"]}`, false}, {`{"host": "a"}`, false},
		{`{"auth": "sso", "access": "mesh", "bare": true}`, true}, {`{"auth": true}`, false}, {`{"bare": "yes"}`, false},
	},
	"volumes": {{`{"host": "node-1", "delete": true}`, true}, {`{"host": 3}`, false}, {`{"delete": "yes"}`, false}, {`{"hosts": "a"}`, false}},
	"secrets": {
		{`{"generate": {}}`, true}, {`{"generate": {"length": 40, "format": "hex"}, "rotate": 2}`, true}, {`{"generate": {"charset": "ab"}}`, true},
		{`{"from": "config:a.b"}`, true}, {`{"from": "stack:a.b"}`, true}, {`{"bcrypt": "a"}`, true}, {`{"argon2": "a"}`, true}, {`{"template": "{{ .a }}"}`, true},
		{`{}`, false}, {`{"generate": {}, "from": "config:a"}`, false}, {`{"from": "env:a"}`, false}, {`{"generate": {"length": 7}}`, false},
		{`{"generate": {"length": 1025}}`, false}, {`{"generate": {"format": "b32"}}`, false}, {`{"generate": {"len": 9}}`, false},
		{`{"generate": {}, "rotate": -1}`, false}, {`{"generate": {"length": "9"}}`, false}, {`{"rotate": 1}`, false},
	},
	"configs": {{`{"template": true}`, true}, {`{"template": "true"}`, false}, {`{"templates": true}`, false}},
}
