package command

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// The references that a schema uses for types which are not plain.
const (
	anyRef     = "pulumi.json#/Any"
	assetRef   = "pulumi.json#/Asset"
	archiveRef = "pulumi.json#/Archive"
)

// GetSchema describes the resources as far as this provider has them, made
// from the same shapes that Check uses.
func (p *provider) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (*pulumirpc.GetSchemaResponse, error) {
	types, resources := map[string]any{}, map[string]any{}
	for token, k := range p.kinds {
		inputs := properties(k.shape(), types)
		outputs := maps.Clone(inputs)
		required := requiredOf(k.shape())
		if _, runs := k.(script); runs {
			outputs["stdout"], outputs["stderr"] = typed("string"), typed("string")
			required = append(required, "stdout", "stderr")
		}
		if token == localCommandToken {
			addFiles(outputs)
		}
		resources[token] = map[string]any{
			"inputProperties": inputs, "requiredInputs": requiredOf(k.shape()),
			"properties": outputs, "required": required,
		}
	}
	run := properties(localRunShape(), types)
	result := maps.Clone(run)
	result["stdout"], result["stderr"] = typed("string"), typed("string")
	addFiles(result)
	schema, err := json.Marshal(map[string]any{
		"name": name, "version": version, "types": types, "resources": resources,
		"functions": map[string]any{localRunToken: map[string]any{
			"inputs":  map[string]any{"properties": run, "required": requiredOf(localRunShape())},
			"outputs": map[string]any{"properties": result, "required": []string{"command", "stdout", "stderr"}},
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return &pulumirpc.GetSchemaResponse{Schema: string(schema)}, nil
}

func typed(name string) map[string]any { return map[string]any{"type": name} }

func listType(items map[string]any) map[string]any {
	return map[string]any{"type": "array", "items": items}
}

// addFiles adds the outputs of what gathers files.
func addFiles(outputs map[string]any) {
	outputs["archive"] = map[string]any{"$ref": archiveRef}
	outputs["assets"] = map[string]any{"type": "object", "additionalProperties": map[string]any{"$ref": assetRef}}
}

func requiredOf(s shape) []string {
	required := []string{}
	for _, key := range slices.Sorted(maps.Keys(s.fields)) {
		if s.fields[key].required {
			required = append(required, string(key))
		}
	}
	return required
}

// properties describes the fields of a shape and adds the object types that
// they use to types.
func properties(s shape, types map[string]any) map[string]any {
	all := map[string]any{}
	for key, f := range s.fields {
		property := f.typeOf(types)
		if f.secret {
			property["secret"] = true
		}
		if key == triggersKey {
			property["replaceOnChanges"] = true
		}
		if f.fallback.HasValue() {
			property["default"] = f.fallback.V
		}
		all[string(key)] = property
	}
	return all
}

func (f field) typeOf(types map[string]any) map[string]any {
	switch f.form {
	case formNumber:
		return typed("number")
	case formInteger:
		return typed("integer")
	case formFlag:
		return typed("boolean")
	case formTextList:
		return listType(typed("string"))
	case formTextMap:
		return map[string]any{"type": "object", "additionalProperties": typed("string")}
	case formAnyList:
		return listType(map[string]any{"$ref": anyRef})
	case formSource:
		return map[string]any{"$ref": assetRef}
	case formObject:
		token := name + ":" + strings.ReplaceAll(f.shape.name, ".", ":")
		types[token] = map[string]any{
			"type": "object", "properties": properties(*f.shape, types), "required": requiredOf(*f.shape),
		}
		return map[string]any{"$ref": "#/types/" + token}
	default:
		return typed("string")
	}
}
