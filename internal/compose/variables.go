package compose

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// declareVariables gathers what the file may use: what it is given, its own
// stack's name, and what its x-skep.variables declares. A value of the config
// goes before a default of the file.
func (f *File) declareVariables(given map[string]string) {
	f.vars = maps.Clone(given)
	if f.vars == nil {
		f.vars = map[string]string{}
	}
	f.vars["STACK"] = f.Stack
	declared := f.positions.node("x-skep", "variables")
	if declared == nil || declared.Kind != yaml.MappingNode {
		return // another kind is reported where x-skep is decoded
	}
	for i := 0; i+1 < len(declared.Content); i += 2 {
		name, value := declared.Content[i].Value, resolve(declared.Content[i+1])
		_, known := f.vars[name]
		switch {
		case name == "STACK" || name == "DOMAIN":
			f.refuse(fmt.Sprintf("variable %s is Skep's own", name), "choose another name", "x-skep", "variables", name)
		case !variableName.MatchString(name):
			f.refuse(fmt.Sprintf("%q is no name of a variable", name), "use letters, digits and _", "x-skep", "variables", name)
		case value.Kind == yaml.ScalarNode && value.Tag != "!!null" && !known:
			f.vars[name] = value.Value
		case value.Tag == "!!null" && !known:
			f.refuse(fmt.Sprintf("variable %s has no default and no value", name),
				fmt.Sprintf("set it under skep:variables in the stack's config (pulumi config set --path skep:variables.%s VALUE)", name), "x-skep", "variables", name)
		}
	}
}

// lookup gives compose-go the variables and remembers those it asked for in vain.
type lookup struct {
	file    *File
	vars    map[string]string
	missing []string
}

// instead is the value of a variable that has none: the file can be read
// further with it, for its other faults, as text and as number.
const instead = "1"

func (l *lookup) value(name string) (string, bool) {
	if value, known := l.vars[name]; known {
		return value, true
	}
	// One that has a default wherever it is used is not missing.
	if _, _, bare := l.file.positions.bare(name); !bare {
		return "", false
	}
	if !slices.Contains(l.missing, name) {
		l.missing = append(l.missing, name)
	}
	return instead, true
}

// report names the variables without a value.
func (l *lookup) report() {
	for _, name := range l.missing {
		if l.file.positions.node("x-skep", "variables", name) != nil {
			continue // reported where it is declared
		}
		line, column, _ := l.file.positions.bare(name)
		l.file.faults = append(l.file.faults, Fault{
			Place: Place{l.file.Path, line, column}, What: fmt.Sprintf("variable ${%s} has no value", name),
			Remedy: fmt.Sprintf("set it under skep:variables in the stack's config, declare it under x-skep.variables, or give a default, ${%s:-…}", name),
		})
	}
}
