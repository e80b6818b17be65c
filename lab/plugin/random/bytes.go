//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package random

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"skep/lab/plugin/bridge"
)

const atLeastOne = "Invalid Attribute Value. Attribute %s value must be at least 1, got: %v"

func positive(name string, v any) error {
	if n, ok := v.(float64); ok && n < 1 {
		return fmt.Errorf(atLeastOne, name, n)
	}
	return nil
}

// randomBytes is the source of keys. The id is the value itself in base64 and,
// as with the official plugin, plain in the state: ids cannot be secret.
func randomBytes() *bridge.Resource {
	length := required(bridge.Int, "The number of bytes requested. The minimum value for length is 1.")
	length.Check = positive
	return &bridge.Resource{
		Token: "random:index/randomBytes:RandomBytes",
		Fields: bridge.Fields{
			"length": length, "base64": madeSecret(), "hex": madeSecret(),
		},
		Create: func(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
			out := bytesOf(entropy(in.Int("length")))
			return out.String("base64"), out, nil
		},
		Import: func(_ context.Context, id string) (string, bridge.Values, error) {
			b, err := base64.StdEncoding.DecodeString(id)
			if err != nil {
				return "", nil, fmt.Errorf("parse base64 string: %w", err)
			}
			return id, bytesOf(b), nil
		},
	}
}

func bytesOf(b []byte) bridge.Values {
	return bridge.Values{
		"length": len(b),
		"base64": base64.StdEncoding.EncodeToString(b),
		"hex":    hex.EncodeToString(b),
	}
}

func randomID() *bridge.Resource {
	return &bridge.Resource{
		Token: "random:index/randomId:RandomId",
		Fields: bridge.Fields{
			"byteLength": required(bridge.Int, "The number of random bytes to produce. The minimum value is 1, which produces eight bits of randomness."),
			"prefix":     optional(bridge.String, nil),
			"b64Url":     made(bridge.String), "b64Std": made(bridge.String),
			"hex": made(bridge.String), "dec": made(bridge.String),
		},
		Create: func(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
			out := idOf(entropy(in.Int("byteLength")), in.String("prefix"))
			return out.String("id"), out, nil
		},
		Import: func(_ context.Context, id string) (string, bridge.Values, error) {
			prefix := ""
			if i := strings.LastIndex(id, ","); i >= 0 {
				prefix, id = id[:i], id[i+1:]
			}
			b, err := base64.RawURLEncoding.DecodeString(id)
			if err != nil {
				return "", nil, fmt.Errorf("decode random id: %w", err)
			}
			return id, idOf(b, prefix), nil
		},
	}
}

func idOf(b []byte, prefix string) bridge.Values {
	id := base64.RawURLEncoding.EncodeToString(b)
	out := bridge.Values{
		"id":         id,
		"byteLength": len(b),
		"b64Url":     prefix + id,
		"b64Std":     prefix + base64.StdEncoding.EncodeToString(b),
		"hex":        prefix + hex.EncodeToString(b),
		"dec":        prefix + new(big.Int).SetBytes(b).String(),
	}
	if prefix != "" {
		out["prefix"] = prefix
	}
	return out
}

// entropy is n random bytes.
func entropy(n int) []byte {
	b := make([]byte, max(n, 0))
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return b
}
