package compose

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing in a compose file that must change before anything is
// touched.
type Fault struct {
	// Place is where it stands.
	Place
	// Service is whose it is; empty for the file's own.
	Service string
	// Rule is the policy's rule that it breaks; empty where no rule is meant and
	// no waiver helps.
	Rule string
	// What is wrong, and what to do instead.
	What, Remedy string
}

// Error has the place first, so that a terminal can jump there.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.Place.String() + ": ")
	if f.Service != "" {
		fmt.Fprintf(&b, "service %q: ", f.Service)
	}
	b.WriteString(f.What)
	if f.Remedy != "" {
		b.WriteString(": " + f.Remedy)
	}
	if f.Rule != "" {
		fmt.Fprintf(&b, " (rule %s)", f.Rule)
	}
	return b.String()
}

// Note is what an operator should know and need not change.
type Note struct {
	// Place is what it is about.
	Place
	// Text says it.
	Text string
}

// String has the place first.
func (n Note) String() string { return n.Place.String() + ": " + n.Text }

// at is where a key path stands, or its deepest part that is in the file.
func (f *File) at(path ...string) Place {
	line, column, _ := f.positions.of(path...)
	return Place{Path: f.Path, Line: line, Column: column}
}

// refuse notes a fault that no waiver helps against.
func (f *File) refuse(what, remedy string, path ...string) {
	fault := Fault{Place: f.at(path...), What: what, Remedy: remedy}
	if len(path) > 1 && path[0] == "services" {
		fault.Service = path[1]
	}
	f.faults = append(f.faults, fault)
}

// tell notes what the operator should know.
func (f *File) tell(text string, path ...string) {
	f.notes = append(f.notes, Note{Place: f.at(path...), Text: text})
}

// joined makes one error of faults, in the order of files and lines.
func joined(faults []Fault) error {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		if a.Path != b.Path {
			return strings.Compare(a.Path, b.Path)
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	all := make([]error, 0, len(faults))
	seen := map[string]bool{}
	for _, fault := range faults {
		if text := fault.Error(); !seen[text] {
			seen[text] = true
			all = append(all, fault)
		}
	}
	return errors.Join(all...)
}

// Faults are those of an error of Parse or Check, each by itself.
func Faults(err error) []Fault {
	var one Fault
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []Fault
		for _, err := range many.Unwrap() {
			all = append(all, Faults(err)...)
		}
		return all
	}
	if errors.As(err, &one) {
		return []Fault{one}
	}
	return nil
}
