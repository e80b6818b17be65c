package bridge

import (
	"context"
	"errors"
	"strings"
	"unicode"
)

// ErrGone is returned by a resource's functions when the object does not
// exist (any more).
var ErrGone = errors.New("object is gone")

// Type is the type of a property.
type Type int

// The types of properties.
const (
	String Type = iota
	Bool
	Int
	Float
	List
	// Set is a list without order and without doubles.
	Set
	// Map has keys of the user's choice.
	Map
	// Object has the keys of Field.Fields. Upstream it is a list of at most one.
	Object
)

// Fields is the properties of a resource or of an object, by their Pulumi names.
type Fields map[string]*Field

// Field describes one property.
type Field struct {
	Type Type
	// Elem describes the elements of a List, Set or Map.
	Elem *Field
	// Fields are the properties of an Object.
	Fields Fields

	// Required and Optional make the property an input, Computed an output.
	// A property that is none of them is not known.
	Required, Optional, Computed bool
	// ForceNew makes a change replace the resource. It counts for properties
	// of a resource, not for those of an object inside.
	ForceNew bool
	// Secret marks the output as secret.
	Secret bool
	// Default is the value of an input that is not given.
	Default any
	// AutoName fills the property from the resource's name.
	AutoName bool
	// Deprecated inputs get no default.
	Deprecated bool

	// TF is the name upstream, where it is not the Pulumi name in snake case.
	TF string
	// Description is appended to the message about a missing property.
	Description string
	// ConflictsWith, ExactlyOneOf and RequiredWith name other properties.
	ConflictsWith, ExactlyOneOf, RequiredWith []string

	// Check says what is wrong with a known value. Name is the upstream name.
	Check func(name string, value any) error
	// State is how the state shows a string input, such as its hash.
	State func(string) string
	// Same tells whether two different values mean the same.
	Same func(prior, planned any, plan *Plan) bool
	// Fold is how the elements of a set of strings are compared.
	Fold func(string) string
}

func (f *Field) input() bool { return f.Required || f.Optional }

// Resource describes one resource type.
type Resource struct {
	// Token is the type, such as "digitalocean:index/tag:Tag".
	Token  string
	Fields Fields
	// Meta is what the official provider keeps in the output __meta.
	Meta string
	// DeleteBeforeReplace is for objects of which two cannot exist at once.
	DeleteBeforeReplace bool

	// Customize looks at a plan as a whole. It may return an error, make
	// outputs unknown and force a replacement.
	Customize func(plan *Plan) error

	Create func(ctx context.Context, in Values) (id string, out Values, err error)
	// Read returns what the object is now, or ErrGone. Outputs that it does
	// not name stay as they are.
	Read func(ctx context.Context, id string, state Values) (Values, error)
	// Update changes the object. Nil for resources that can only be replaced.
	Update func(ctx context.Context, id string, prior, planned Values) (Values, error)
	// Delete removes the object; ErrGone is success.
	Delete func(ctx context.Context, id string, state Values) error
	// Import turns what a user names into an id and the state that Read starts
	// from. Nil takes the id as it is.
	Import func(ctx context.Context, id string) (string, Values, error)
}

// Function describes one data source.
type Function struct {
	Token  string
	Fields Fields
	// Read returns the id and the outputs.
	Read func(ctx context.Context, args Values) (id string, out Values, err error)
}

// Provider describes a provider.
type Provider struct {
	// Name and Version are those of the official package.
	Name, Version string
	// Config is the provider's own configuration.
	Config Fields
	// Env names the environment variables that a configuration key is taken
	// from when it is not set, first one first. Such a value never reaches
	// the state.
	Env map[string][]string
	// Framework is for providers of the newer kind: defaults are part of the
	// plan, not of the inputs, and there is no list of them.
	Framework bool
	// Configure gets the configuration once it is complete.
	Configure func(config Values) error
	Resources []*Resource
	Functions []*Function
}

// snake is the name that upstream uses for a Pulumi name.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func (fs Fields) upstream(name string) string {
	if f := fs[name]; f != nil && f.TF != "" {
		return f.TF
	}
	return snake(name)
}
