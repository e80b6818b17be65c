package bridge

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// packageSchema is the part of a Pulumi package schema that the tables know.
// It is not what the SDKs are made from: it has no documentation and no
// resources that we do not play.
func packageSchema(p Provider) map[string]any {
	types := map[string]any{}
	resources := map[string]any{}
	for _, r := range p.Resources {
		w := &schemaWriter{token: r.Token, types: types}
		inputs, required := w.properties(r.Fields, "", (*Field).input)
		outputs, _ := w.properties(r.Fields, "", func(*Field) bool { return true })
		resources[r.Token] = map[string]any{
			"inputProperties": inputs, "requiredInputs": required, "properties": outputs,
		}
	}
	functions := map[string]any{}
	for _, f := range p.Functions {
		w := &schemaWriter{token: f.Token, types: types}
		inputs, required := w.properties(f.Fields, "", (*Field).input)
		outputs, _ := w.properties(f.Fields, "", func(*Field) bool { return true })
		functions[f.Token] = map[string]any{
			"inputs":  map[string]any{"type": "object", "properties": inputs, "required": required},
			"outputs": map[string]any{"type": "object", "properties": outputs},
		}
	}
	config, _ := (&schemaWriter{token: p.Name + ":config/config:Config", types: types}).
		properties(p.Config, "", (*Field).input)
	return map[string]any{
		"name": p.Name, "version": p.Version, "types": types,
		"meta":      map[string]any{"moduleFormat": "(.*)(?:/[^/]*)"},
		"config":    map[string]any{"variables": config},
		"provider":  map[string]any{"inputProperties": config},
		"resources": resources, "functions": functions,
	}
}

type schemaWriter struct {
	token string
	types map[string]any
}

func (w *schemaWriter) properties(fields Fields, path string, want func(*Field) bool) (map[string]any, []string) {
	out, required := map[string]any{}, []string{}
	for _, name := range sorted(fields) {
		f := fields[name]
		if !want(f) {
			continue
		}
		property := w.property(f, path+strings.ToUpper(name[:1])+name[1:])
		if f.Secret {
			property["secret"] = true
		}
		out[name] = property
		if f.Required && !f.AutoName {
			required = append(required, name)
		}
	}
	return out, required
}

func (w *schemaWriter) property(f *Field, path string) map[string]any {
	switch f.Type {
	case List, Set:
		return map[string]any{"type": "array", "items": w.property(f.Elem, path)}
	case Map:
		return map[string]any{"type": "object", "additionalProperties": w.property(f.Elem, path)}
	case Object:
		pkg, _, name := tokens.Type(w.token).Package(), tokens.Type(w.token).Module(), tokens.Type(w.token).Name()
		token := string(pkg) + ":index/" + string(name) + path + ":" + string(name) + path
		properties, required := w.properties(f.Fields, path, func(*Field) bool { return true })
		w.types[token] = map[string]any{"type": "object", "properties": properties, "required": required}
		return map[string]any{"$ref": "#/types/" + token}
	default:
		return map[string]any{"type": map[Type]string{
			String: "string", Bool: "boolean", Int: "integer", Float: "number",
		}[f.Type]}
	}
}
