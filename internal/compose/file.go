// Package compose reads a stack's compose file, checks it against the policy,
// says what in it Swarm would drop in silence, and renders what `docker stack
// deploy` accepts. It is pure but for reading the stack's folder.
package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"

	"skep/internal/secret"
)

// FileName is the compose file of a stack's folder.
const FileName = "compose.yaml"

// largestFile bounds what is read: Swarm takes no object near this size, and a
// reader should not be drowned by a file that is no compose file.
const largestFile = 1 << 20

// File is one stack as its compose file describes it, with every variable
// filled in.
type File struct {
	// Stack is the stack's name: that of its folder.
	Stack string
	// Path is where the file was read, for messages.
	Path string

	folder    fs.FS
	vars      map[string]string
	model     map[string]any // compose-go's canonical form: plain maps and slices
	positions positions

	own      FileExtension
	services map[string]ServiceExtension
	volumes  map[string]VolumeExtension
	secrets  map[string]secret.Spec
	configs  map[string]ConfigExtension
	contents map[string]string // of configs, templates filled in

	pins    map[string]string // digests of images that name none, where known
	waves   [][]string
	waivers []*waiver
	faults  []Fault
	notes   []Note
}

// Load reads stacks/<stack>/compose.yaml below dir. Variables come from vars
// and the file's own declarations, never from the environment of whoever runs
// the program.
//
// The error is for a file that cannot be read as compose at all; what else is
// wrong with it comes from Check, with the faults of all other files.
func Load(dir, stack string, vars map[string]string) (*File, error) {
	folder := filepath.Join(dir, stack)
	path := filepath.Join(folder, FileName)
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("read stack %q: %w", stack, err)
	}
	defer func() { _ = root.Close() }() // it was only read
	content, err := readAll(root.FS(), FileName)
	if err != nil {
		return nil, fmt.Errorf("read stack %q: %s: %w", stack, path, err)
	}
	return Parse(path, stack, root.FS(), content, vars)
}

// LoadAll is Load for many stacks, which takes as many processors as there are.
// Stacks that cannot be read are in the error, and the others are there.
func LoadAll(dir string, stacks []string, vars map[string]string) ([]*File, error) {
	files, faults := make([]*File, len(stacks)), make([]error, len(stacks))
	var reading sync.WaitGroup
	for i, stack := range stacks {
		reading.Go(func() { files[i], faults[i] = Load(dir, stack, vars) })
	}
	reading.Wait()
	return slices.DeleteFunc(files, func(f *File) bool { return f == nil }), errors.Join(faults...)
}

// quiet keeps compose-go from warning of variables without a value: that is an
// error here.
var quiet = sync.OnceFunc(func() { logrus.SetOutput(io.Discard) })

// Parse is Load for a file that has been read already; folder holds what it
// refers to.
func Parse(path, stack string, folder fs.FS, content []byte, vars map[string]string) (*File, error) {
	places, err := readPositions(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", unread(path, err), err)
	}
	f := &File{Stack: stack, Path: path, folder: folder, positions: places}
	f.declareVariables(vars)
	lookup := &lookup{file: f, vars: f.vars}
	f.model, err = f.loadModel(lookup)
	lookup.report()
	if err != nil {
		f.refuseUnread(err)
		return nil, joined(f.faults)
	}
	f.readExtensions()
	f.checkIgnored()
	f.checkReferences()
	f.checkIngress()
	f.readConfigs()
	f.planWaves()
	f.checkAccepted()
	return f, nil
}

// unread is the place of an error of the YAML reader itself.
func unread(path string, err error) string {
	if at := yamlLine.FindStringSubmatch(err.Error()); at != nil {
		return path + ":" + at[1]
	}
	return path + ":1"
}

// refuseUnread takes over what compose-go says, each of its errors by itself.
func (f *File) refuseUnread(err error) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			f.refuseUnread(one)
		}
		return
	}
	line, column := f.positions.locate(err.Error())
	f.faults = append(f.faults, Fault{Place: Place{f.Path, line, column}, What: loaderText(f.Path, err)})
}

// loaderText is compose-go's message without the place that stands before it.
func loaderText(path string, err error) string {
	text := strings.TrimPrefix(err.Error(), "validating "+path+": ")
	return strings.TrimPrefix(strings.Join(strings.Fields(text), " "), path+": ")
}

// unmade stands for the file of a secret that names none: compose-go wants one,
// and ours come from elsewhere.
const unmade = "x-skep"

// loadModel lets compose-go read the file. Its reader is large and gets files
// from anywhere: one that makes it panic is a faulty file, not a dead program.
func (f *File) loadModel(l *lookup) (model map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("no compose file: %v", r)
		}
	}()
	var raw map[string]any
	if err := f.positions.root.Decode(&raw); err != nil {
		return nil, err
	}
	secrets := mapping(raw["secrets"])
	for name, declared := range secrets {
		if s := mapping(declared); declared == nil || s != nil && s["file"] == nil && s["environment"] == nil && s["external"] == nil {
			secrets[name] = filled(s, map[string]any{"file": unmade})
		}
	}
	quiet()
	model, err = loader.LoadModelWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  filepath.Dir(f.Path),
		ConfigFiles: []types.ConfigFile{{Filename: f.Path, Config: raw}},
	}, func(o *loader.Options) {
		o.SetProjectName(f.Stack, true)
		o.ResolvePaths = false          // paths of this machine mean nothing to hosts
		o.SkipNormalization = true      // would add a default network and prefix names, as Swarm does itself
		o.SkipDefaultValues = true      // the file stays what its author wrote
		o.SkipResolveEnvironment = true // never the environment of the operator
		o.SkipInclude = true            // refused in checkIgnored
		o.SkipExtends = true            // refused there too
		o.Interpolate.LookupValue = l.value
	})
	for _, declared := range mapping(model["secrets"]) {
		if s := mapping(declared); s["file"] == unmade {
			delete(s, "file")
		}
	}
	return model, err
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

// readAll reads a file of the stack's folder.
func readAll(folder fs.FS, name string) ([]byte, error) {
	file, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(file, largestFile+1))
	if err == nil && len(content) > largestFile {
		err = errors.New("larger than 1 MiB")
	}
	return content, err
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

// list is a value that is a list, or nothing.
func list(value any) []any {
	l, _ := value.([]any)
	return l
}

// mapping is a value that is a mapping, or nothing.
func mapping(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

// text is a value that is text, or nothing.
func text(value any) string {
	s, _ := value.(string)
	return s
}
