// Package compose reads a stack's compose file, says what in it Swarm would
// drop in silence, and renders what `docker stack deploy` accepts. It is pure
// but for reading the one file.
package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// FileName is the compose file of a stack's folder.
const FileName = "compose.yaml"

// File is one stack as its compose file describes it, with every variable
// filled in.
type File struct {
	// Stack is the stack's name: that of its folder.
	Stack string
	// Path is where the file was read, for messages.
	Path string
	// model is compose-go's canonical form: plain maps and slices.
	model map[string]any
	lines lines
}

// Load reads stacks/<stack>/compose.yaml below dir. Variables come from vars
// only, never from the environment of whoever runs the program; one that vars
// does not have and the file gives no default for is an error.
func Load(dir, stack string, vars map[string]string) (*File, error) {
	path := filepath.Join(dir, stack, FileName)
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read stack %q: %w", stack, err)
	}
	return Parse(path, stack, content, vars)
}

// Parse is Load for a file that has been read already.
func Parse(path, stack string, content []byte, vars map[string]string) (*File, error) {
	positions, err := readLines(content)
	if err != nil {
		return nil, fmt.Errorf("read stack %q: %s: %w", stack, path, err)
	}
	lookup := &lookup{vars: vars}
	model, err := loader.LoadModelWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  filepath.Dir(path),
		ConfigFiles: []types.ConfigFile{{Filename: path, Content: content}},
	}, lookup.options(stack))
	if err != nil {
		return nil, fmt.Errorf("read stack %q: %s: %w", stack, path, err)
	}
	file := &File{Stack: stack, Path: path, model: model, lines: positions}
	if err := errors.Join(lookup.faults(file), file.ignoredBySwarm()); err != nil {
		return nil, err
	}
	return file, nil
}

// lookup gives compose-go the variables and remembers those it asked for in vain.
type lookup struct {
	vars    map[string]string
	missing []string
}

func (l *lookup) options(stack string) func(*loader.Options) {
	return func(o *loader.Options) {
		o.SetProjectName(stack, true)
		o.SkipNormalization = true      // would add a default network and prefix names, as Swarm does itself
		o.SkipDefaultValues = true      // the file stays what its author wrote
		o.SkipResolveEnvironment = true // never the environment of the operator
		o.SkipConsistencyCheck = false
		o.Interpolate = &interpolation.Options{LookupValue: l.value}
	}
}

func (l *lookup) value(name string) (string, bool) {
	value, known := l.vars[name]
	if !known && !slices.Contains(l.missing, name) {
		l.missing = append(l.missing, name)
	}
	return value, known
}

// faults reports variables without a value, unless the file gives a default.
func (l *lookup) faults(f *File) error {
	var faults []error
	for _, name := range l.missing {
		if line := f.lines.bare(name); line > 0 {
			faults = append(faults, fmt.Errorf("%s:%d: variable ${%s} has no value: declare it in the stack's config or give a default, ${%s:-…}",
				f.Path, line, name, name))
		}
	}
	return errors.Join(faults...)
}

// Services are the names of the stack's services, sorted.
func (f *File) Services() []string { return sortedKeys(f.section("services")) }

func (f *File) section(name string) map[string]any {
	section, _ := f.model[name].(map[string]any)
	return section
}

func (f *File) service(name string) map[string]any {
	service, _ := f.section("services")[name].(map[string]any)
	return service
}

// at is where in the file a key path stands, as path:line.
func (f *File) at(path ...string) string {
	if line := f.lines.of(path...); line > 0 {
		return fmt.Sprintf("%s:%d", f.Path, line)
	}
	return f.Path
}

func sortedKeys(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		if !strings.HasPrefix(name, "x-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
