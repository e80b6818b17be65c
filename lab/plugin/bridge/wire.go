package bridge

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"google.golang.org/protobuf/types/known/structpb"
)

// The engine writes what JSON cannot hold as texts and objects with these
// marks (sdk/v3/go/common/resource/plugin/rpc.go). That package would do the
// work, but it links git, TPM and keyring code into every plugin.
const (
	unknownString = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
	sigKey        = resource.SigKey
	secretSig     = resource.SecretSig
	outputSig     = resource.OutputValueSig
)

// unknowns are the marks for values of all types that are not known yet.
var unknowns = map[string]bool{
	unknownString:                          true,
	"1c4a061d-8072-4f0a-a4cb-0ff528b18fe7": true, // bool
	"3eeb2bf0-c639-47a8-9e75-3b44932eb421": true, // number
	"6a19a0b0-7e62-4c92-b797-7f8e31da9cc2": true, // array
	"030794c1-ac77-496b-92df-f27374a8bd58": true, // asset
	"e48ece36-62e2-4504-bad9-02848725956a": true, // archive
	"dd056dcd-154b-4c76-9bd3-c8f88648b5ff": true, // object
}

// unmarshal reads properties without what only the engine needs: it is told in
// Configure that this provider does not keep secrets, so it keeps them itself.
func unmarshal(in *structpb.Struct, label string) (Values, error) {
	out := Values{}
	for name, v := range in.GetFields() {
		value, err := unmarshalValue(v)
		if err != nil {
			return nil, fmt.Errorf("read %s: property %q: %w", label, name, err)
		}
		out[name] = value
	}
	return out, nil
}

func unmarshalValue(v *structpb.Value) (any, error) {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_BoolValue:
		return kind.BoolValue, nil
	case *structpb.Value_NumberValue:
		return kind.NumberValue, nil
	case *structpb.Value_StringValue:
		if unknowns[kind.StringValue] {
			return Unknown{}, nil
		}
		return kind.StringValue, nil
	case *structpb.Value_ListValue:
		list := make([]any, len(kind.ListValue.GetValues()))
		for i, e := range kind.ListValue.GetValues() {
			value, err := unmarshalValue(e)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case *structpb.Value_StructValue:
		return unmarshalObject(kind.StructValue)
	default:
		return nil, nil
	}
}

func unmarshalObject(in *structpb.Struct) (any, error) {
	fields := in.GetFields()
	mark, special := fields[sigKey]
	if !special {
		return unmarshal(in, "object")
	}
	value, has := fields["value"]
	switch {
	case mark.GetStringValue() == outputSig && !has:
		return Unknown{}, nil
	case mark.GetStringValue() == outputSig, mark.GetStringValue() == secretSig && has:
		return unmarshalValue(value)
	default:
		return nil, fmt.Errorf("read value of kind %q: no property of these resources can hold one", mark.GetStringValue())
	}
}

// secret is a value that marshal marks as secret.
type secret struct{ value any }

func marshal(v Values) *structpb.Struct {
	out := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for name, e := range v {
		out.Fields[name] = marshalValue(e)
	}
	return out
}

func marshalValue(v any) *structpb.Value {
	switch v := normal(v).(type) {
	case bool:
		return structpb.NewBoolValue(v)
	case float64:
		return structpb.NewNumberValue(v)
	case string:
		return structpb.NewStringValue(v)
	case Unknown:
		return structpb.NewStringValue(unknownString)
	case []any:
		list := make([]*structpb.Value, len(v))
		for i, e := range v {
			list[i] = marshalValue(e)
		}
		return structpb.NewListValue(&structpb.ListValue{Values: list})
	case Values:
		return structpb.NewStructValue(marshal(v))
	case secret:
		return structpb.NewStructValue(marshal(Values{sigKey: secretSig, "value": v.value}))
	default:
		return structpb.NewNullValue()
	}
}
