// Command sdkgolden reads the Go source of an official Pulumi SDK and writes
// as JSON which properties its resources have. The provider packages keep the
// answers in testdata/sdk.json and compare their tables with them, so that no
// SDK has to be compiled to test a plugin. To write one anew, in lab/:
//
//	go run ./plugin/sdkgolden -module github.com/pulumi/pulumi-random/sdk/v4@v4.19.2 -dir go/random \
//	    RandomBytes RandomPassword > plugin/random/testdata/sdk.json
//
// Functions are named by their result type, such as LookupZoneResult=getZone.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Properties is what the SDK says about one resource, function or nested type.
type Properties struct {
	Inputs   []string `json:"inputs,omitempty"`
	Required []string `json:"required,omitempty"`
	Outputs  []string `json:"outputs,omitempty"`
	Secrets  []string `json:"secrets,omitempty"`
	// Types are the nested objects, by the property that holds them.
	Types map[string][]string `json:"types,omitempty"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sdkgolden:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("sdkgolden", flag.ContinueOnError)
	module := flags.String("module", "", "module of the SDK with its version")
	dir := flags.String("dir", "", "directory of the package inside the module")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *module == "" || flags.NArg() == 0 {
		return errors.New("want -module, -dir and names of resources")
	}
	root, err := download(*module)
	if err != nil {
		return err
	}
	s, err := load(filepath.Join(root, *dir))
	if err != nil {
		return err
	}
	out := map[string]*Properties{}
	for _, name := range flags.Args() {
		result, function, isFunction := strings.Cut(name, "=")
		if isFunction {
			out[function] = s.function(result, function)
			continue
		}
		out[name] = s.resource(name)
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

func download(module string) (string, error) {
	text, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		return "", fmt.Errorf("download %q: %w", module, err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(text, &found); err != nil {
		return "", fmt.Errorf("download %q: %w", module, err)
	}
	return found.Dir, nil
}

// sdk is the struct types and the constructors of a package.
type sdk struct {
	structs map[string]*ast.StructType
	// source is the text of the function New<resource>.
	source map[string]string
}

func load(dir string) (*sdk, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	s := &sdk{structs: map[string]*ast.StructType{}, source: map[string]string{}}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse %q: %w", path, err)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && strings.HasPrefix(d.Name.Name, "New") {
					s.source[d.Name.Name] = string(text[positions.Position(d.Pos()).Offset:positions.Position(d.End()).Offset])
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if t, ok := spec.(*ast.TypeSpec); ok {
						if st, ok := t.Type.(*ast.StructType); ok {
							s.structs[t.Name.Name] = st
						}
					}
				}
			}
		}
	}
	return s, nil
}

var (
	requiredArgument = regexp.MustCompile(`invalid value for required argument '([A-Za-z0-9]+)'`)
	secretOutputs    = regexp.MustCompile(`(?s)AdditionalSecretOutputs\(\[\]string\{(.*?)\}\)`)
	quoted           = regexp.MustCompile(`"([^"]+)"`)
)

func (s *sdk) resource(name string) *Properties {
	args := strings.ToLower(name[:1]) + name[1:] + "Args"
	p := &Properties{Inputs: s.names(args), Outputs: s.names(name), Types: s.nested(name)}
	source := s.source["New"+name]
	for _, m := range requiredArgument.FindAllStringSubmatch(source, -1) {
		p.Required = append(p.Required, strings.ToLower(m[1][:1])+m[1][1:])
	}
	if m := secretOutputs.FindStringSubmatch(source); m != nil {
		for _, q := range quoted.FindAllStringSubmatch(m[1], -1) {
			p.Secrets = append(p.Secrets, q[1])
		}
	}
	slices.Sort(p.Required)
	return p
}

func (s *sdk) function(result, name string) *Properties {
	p := &Properties{Outputs: s.names(result), Types: s.nested(result)}
	for _, args := range []string{strings.TrimSuffix(result, "Result") + "Args", strings.ToUpper(name[:1]) + name[1:] + "Args"} {
		if p.Inputs == nil {
			p.Inputs = s.names(args)
		}
	}
	return p
}

// names are the properties of a struct type, sorted.
func (s *sdk) names(name string) []string {
	var out []string
	for tag := range s.tags(name) {
		out = append(out, tag)
	}
	slices.Sort(out)
	return out
}

// tags are the fields of a struct type by property.
func (s *sdk) tags(name string) map[string]*ast.Field {
	out := map[string]*ast.Field{}
	st := s.structs[name]
	if st == nil {
		return out
	}
	for _, f := range st.Fields.List {
		if f.Tag == nil {
			continue
		}
		if tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("pulumi"); tag != "" {
			out[tag] = f
		}
	}
	return out
}

// nested are the object types among the properties of a struct type.
func (s *sdk) nested(name string) map[string][]string {
	out := map[string][]string{}
	for tag, f := range s.tags(name) {
		t := typeName(f.Type)
		for _, suffix := range []string{"ArrayOutput", "PtrOutput", "Output"} {
			t = strings.TrimSuffix(t, suffix)
		}
		if names := s.names(t); len(names) > 0 {
			out[tag] = names
		}
	}
	return out
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.ArrayType:
		return typeName(e.Elt)
	default:
		return ""
	}
}
