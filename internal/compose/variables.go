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
	vars    map[string]string
	missing []string
}

func (l *lookup) value(name string) (string, bool) {
	value, known := l.vars[name]
	if !known && !slices.Contains(l.missing, name) {
		l.missing = append(l.missing, name)
	}
	return value, known
}

// report names variables without a value, unless the file gives a default.
func (l *lookup) report(f *File) {
	for _, name := range l.missing {
		if line, column, bare := f.positions.bare(name); bare && f.positions.node("x-skep", "variables", name) == nil {
			f.faults = append(f.faults, Fault{
				Place: Place{f.Path, line, column}, What: fmt.Sprintf("variable ${%s} has no value", name),
				Remedy: fmt.Sprintf("set it under skep:variables in the stack's config, declare it under x-skep.variables, or give a default, ${%s:-…}", name),
			})
		}
	}
}
