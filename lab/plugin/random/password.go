//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package random

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/bcrypt"

	"skep/lab/plugin/bridge"
)

const (
	lowers   = "abcdefghijklmnopqrstuvwxyz"
	uppers   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	numerals = "0123456789"
	specials = "!@#$%&*()-_=+[]{}<>:?"
	// bcryptMax is how many bytes of a password bcrypt looks at.
	bcryptMax = 72
)

// minima are the inputs that ask for a number of characters of one sort.
var minima = []string{"minUpper", "minLower", "minNumeric", "minSpecial"}

func textFields() bridge.Fields {
	length := required(bridge.Int, "The length of the string desired. The minimum value for length is 1 and, length "+
		"must also be >= (`min_upper` + `min_lower` + `min_numeric` + `min_special`).")
	length.Check = positive
	fs := bridge.Fields{
		"length": length, "overrideSpecial": optional(bridge.String, nil),
		"upper": optional(bridge.Bool, true), "lower": optional(bridge.Bool, true),
		"special": optional(bridge.Bool, true),
		// number is the old name of numeric: each follows the other.
		"number":  &bridge.Field{Type: bridge.Bool, Optional: true, Computed: true, ForceNew: true},
		"numeric": &bridge.Field{Type: bridge.Bool, Optional: true, Computed: true, ForceNew: true},
	}
	for _, name := range minima {
		fs[name] = optional(bridge.Int, 0)
	}
	return fs
}

func randomPassword() *bridge.Resource {
	fields := textFields()
	fields["result"], fields["bcryptHash"] = madeSecret(), madeSecret()
	return &bridge.Resource{
		Token: "random:index/randomPassword:RandomPassword", Meta: `{"schema_version":"3"}`,
		Fields: fields, Customize: numericOnce,
		Create: func(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
			text, err := characters(in)
			if err != nil {
				return "", nil, err
			}
			hash, err := hashOf(text)
			return "none", bridge.Values{"id": "none", "result": text, "bcryptHash": hash}, err
		},
		Import: func(_ context.Context, text string) (string, bridge.Values, error) {
			hash, err := hashOf(text)
			state := imported(text)
			state["id"], state["bcryptHash"] = "none", hash
			return "none", state, err
		},
	}
}

func randomString() *bridge.Resource {
	fields := textFields()
	fields["result"] = made(bridge.String)
	return &bridge.Resource{
		Token: "random:index/randomString:RandomString", Meta: `{"schema_version":"2"}`,
		Fields: fields, Customize: numericOnce,
		Create: func(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
			text, err := characters(in)
			if err != nil {
				return "", nil, err
			}
			return text, bridge.Values{"id": text, "result": text}, nil
		},
		Import: func(_ context.Context, text string) (string, bridge.Values, error) {
			state := imported(text)
			state["id"] = text
			return text, state, nil
		},
	}
}

func imported(text string) bridge.Values {
	state := bridge.Values{
		"result": text, "length": len(text),
		"special": true, "upper": true, "lower": true, "number": true, "numeric": true,
	}
	for _, name := range minima {
		state[name] = 0
	}
	return state
}

// numericOnce keeps the two names of one input the same.
func numericOnce(p *bridge.Plan) error {
	number, numeric := p.Config["number"], p.Config["numeric"]
	switch {
	case number != nil && numeric != nil && number != numeric:
		return errors.New("Number and numeric are both configured with different values: " +
			"Number is deprecated, use numeric instead")
	case number == nil && numeric == nil:
		number = true
	case number == nil:
		number = numeric
	}
	p.Set("number", number)
	p.Set("numeric", number)
	return nil
}

// characters makes a text that holds at least the wanted number of each sort.
func characters(in bridge.Values) (string, error) {
	special := specials
	if own := in.String("overrideSpecial"); own != "" {
		special = own
	}
	sets := map[string]string{"minUpper": uppers, "minLower": lowers, "minNumeric": numerals, "minSpecial": special}
	var all string
	for name, set := range map[string]string{"upper": uppers, "lower": lowers, "numeric": numerals, "special": special} {
		if in.Bool(name) {
			all += set
		}
	}
	var text []byte
	for _, name := range minima {
		text = append(text, pick(sets[name], in.Int(name))...)
	}
	rest := in.Int("length") - len(text)
	switch {
	case rest < 0:
		return "", fmt.Errorf("make a text of %d characters: at least %d are asked for by name", in.Int("length"), len(text))
	case rest > 0 && all == "":
		return "", errors.New("make a text: every sort of character is switched off")
	}
	text = append(text, pick(all, rest)...)
	for i := len(text) - 1; i > 0; i-- {
		j := below(i + 1)
		text[i], text[j] = text[j], text[i]
	}
	return string(text), nil
}

func pick(set string, n int) []byte {
	out := make([]byte, max(n, 0))
	for i := range out {
		out[i] = set[below(len(set))]
	}
	return out
}

// below is a random number from 0 to n-1.
func below(n int) int {
	v, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // crypto/rand never fails on the systems that we run on
	}
	return int(v.Int64())
}

func hashOf(text string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(text)[:min(len(text), bcryptMax)], bcrypt.DefaultCost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return string(hash), nil
}
