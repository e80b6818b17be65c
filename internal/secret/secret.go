// Package secret makes the values of a stack's secrets. All of them come from
// the stack's seed, from config or from other stacks, and the same sources
// always give the same values: a hash has a salt that derives from the seed, so
// that a second run changes nothing.
package secret

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"skep/internal/keys"
)

// Spec says where a secret's value comes from: exactly one of Generate, From,
// Bcrypt, Argon2 and Template.
type Spec struct {
	Generate *Generate `json:"generate" doc:"Make a random value."`
	From     string    `json:"from" pattern:"^(config:[A-Za-z0-9_.-]+|stack:[a-z0-9-]+\\.[A-Za-z0-9_.-]+)$" doc:"Take the value from the encrypted config, config:KEY (a key below skep:secrets), or from another stack of this file's cluster, stack:NAME.SECRET."`
	Bcrypt   string    `json:"bcrypt" doc:"The bcrypt hash of the named secret of this file, of cost 10."`
	Argon2   string    `json:"argon2" doc:"The argon2id hash of the named secret of this file, as PHC text (3 passes, 64 MiB, 4 lanes)."`
	Template string    `json:"template" doc:"Text in which {{ .NAME }} stands for the value of another secret of this file ({{ .NAME | urlquery }} for a URL)."`
	Rotate   int       `json:"rotate" minimum:"0" doc:"Raise it to have another value generated. The old one stays until all services run with the new one."`
}

// Generate describes a random value.
type Generate struct {
	Length  int    `json:"length" minimum:"8" maximum:"1024" doc:"Characters of the value, 8 to 1024; for base64, random bytes before encoding. Not for uuid. Default 32."`
	Format  string `json:"format" enum:"alnum,hex,base64,uuid" doc:"alnum (the default), hex, base64 or uuid."`
	Charset string `json:"charset" doc:"The characters to choose from, instead of format."`
}

// DefaultLength is the length of a generated value that names none: 190 bits
// of letters and digits.
const DefaultLength = 32

// MaxSize is the largest object that every Swarm in use takes (500 KiB, before
// Docker 23).
const MaxSize = 500 << 10

// Sources are where values come from.
type Sources struct {
	// Seed is the stack's.
	Seed keys.Seed
	// Config is the encrypted config's map.
	Config map[string]string
	// Stacks are the values of other stacks, by NAME.SECRET.
	Stacks map[string]string
}

var fromForm = regexp.MustCompile(`^(config:[A-Za-z0-9_.-]+|stack:[a-z0-9-]+\.[A-Za-z0-9_.-]+)$`)

// ConfigKey is the key of the encrypted config that the secret comes from.
func (s Spec) ConfigKey() (string, bool) { return strings.CutPrefix(s.From, "config:") }

// Stack is the stack and the secret of it that the secret comes from.
func (s Spec) Stack() (stack, name string, ok bool) {
	ref, ok := strings.CutPrefix(s.From, "stack:")
	stack, name, _ = strings.Cut(ref, ".")
	return stack, name, ok
}

// Validate says what is wrong with a spec by itself.
func (s Spec) Validate() error {
	var kinds []string
	if s.Generate != nil {
		kinds = append(kinds, "generate")
	}
	for kind, value := range map[string]string{"from": s.From, "bcrypt": s.Bcrypt, "argon2": s.Argon2, "template": s.Template} {
		if value != "" {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	switch {
	case len(kinds) == 0:
		return fmt.Errorf("it says not where its value comes from: need one of generate, from, bcrypt, argon2, template")
	case len(kinds) > 1:
		return fmt.Errorf("%s together: need one of them", strings.Join(kinds, " and "))
	case s.Rotate < 0:
		return fmt.Errorf("rotate: %d: need 0 or more", s.Rotate)
	case s.Rotate > 0 && s.Generate == nil:
		return fmt.Errorf("rotate: only a generated secret rotates; %s follows its source", kinds[0])
	case s.From != "" && !fromForm.MatchString(s.From):
		return fmt.Errorf("from: %q: need config:KEY or stack:NAME.SECRET", s.From)
	case s.Generate != nil:
		return s.Generate.validate()
	case s.Template != "":
		_, err := parseTemplate(s.Template)
		return err
	}
	return nil
}

// Needs are the secrets of the same file that the value is made from.
func (s Spec) Needs() []string {
	switch {
	case s.Bcrypt != "":
		return []string{s.Bcrypt}
	case s.Argon2 != "":
		return []string{s.Argon2}
	case s.Template != "":
		return templateNames(s.Template)
	}
	return nil
}

// Order sorts the names so that each comes after those it needs. It fails for
// one that is not there and for a circle, naming the secret at fault.
func Order(specs map[string]Spec) (order []string, faulty string, err error) {
	const visiting, done = 1, 2
	state := map[string]int{}
	var visit func(name string) (string, error)
	visit = func(name string) (string, error) {
		switch state[name] {
		case visiting:
			return name, fmt.Errorf("it is made from itself")
		case done:
			return "", nil
		}
		state[name] = visiting
		for _, need := range specs[name].Needs() {
			if _, there := specs[need]; !there {
				return name, fmt.Errorf("there is no secret %q in the file", need)
			}
			if faulty, err := visit(need); err != nil {
				return faulty, err
			}
		}
		state[name] = done
		order = append(order, name)
		return "", nil
	}
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		if faulty, err := visit(name); err != nil {
			return nil, faulty, err
		}
	}
	return order, "", nil
}

// Error is a secret that cannot be made. It never holds a value.
type Error struct {
	// Name is the secret's.
	Name string
	// Err is why.
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("secret %q: %v", e.Name, e.Err) }

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

// Values makes all values.
func Values(specs map[string]Spec, from Sources) (map[string]string, error) {
	order, faulty, err := Order(specs)
	if err != nil {
		return nil, &Error{faulty, err}
	}
	values := map[string]string{}
	for _, name := range order {
		value, err := specs[name].value(name, from, values)
		if err == nil {
			err = usable(value)
		}
		if err != nil {
			return nil, &Error{name, err}
		}
		values[name] = value
	}
	return values, nil
}

func (s Spec) value(name string, from Sources, made map[string]string) (string, error) {
	key, inConfig := s.ConfigKey()
	switch {
	case s.Generate != nil:
		return s.Generate.value(from.Seed, name, s.Rotate)
	case s.Bcrypt != "":
		return bcryptHash(made[s.Bcrypt], from.Seed.StackSalt("bcrypt", name, made[s.Bcrypt]))
	case s.Argon2 != "":
		return argon2Hash(made[s.Argon2], from.Seed.StackSalt("argon2", name, made[s.Argon2])), nil
	case s.Template != "":
		return fillTemplate(s.Template, made)
	case inConfig:
		value, there := from.Config[key]
		if !there {
			return "", fmt.Errorf("skep:secrets has no key %q", key)
		}
		return value, nil
	default:
		ref := strings.TrimPrefix(s.From, "stack:")
		value, there := from.Stacks[ref]
		if !there {
			return "", fmt.Errorf("no stack has the secret %q", ref)
		}
		return value, nil
	}
}

// usable says whether Swarm takes the value and gives it back byte for byte.
func usable(value string) error {
	switch {
	case value == "":
		return fmt.Errorf("its value is empty, which Swarm does not take")
	case len(value) > MaxSize:
		return fmt.Errorf("its value has %d bytes; Swarm takes %d", len(value), MaxSize)
	}
	return nil
}
