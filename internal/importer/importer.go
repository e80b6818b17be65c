// Package importer turns a compose file that people have into a stack's: what
// can be changed safely is changed, and what needs a decision is marked with a
// comment. Comments of the file stay where they are.
package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"testing/fstest"

	"go.yaml.in/yaml/v3"

	"skep/internal/compose"
)

// Source is what is imported.
type Source struct {
	// Path is the file's, for messages.
	Path string
	// Content is the file.
	Content []byte
	// Folder is where it lies: what it refers to is read there.
	Folder fs.FS
	// Stack is the name that the stack gets.
	Stack string
	// Digest finds the digest of an image, or is nil where no registry is to be
	// asked.
	Digest func(image string) (string, error)
}

// Result is a stack's folder.
type Result struct {
	// Files are its files by name, the compose file among them.
	Files map[string][]byte
	// Changed says what was changed, a line each, and Open what is to be decided.
	Changed, Open []string
}

// importer is one import on its way.
type importer struct {
	Source
	root   *yaml.Node
	result *Result
	// hidden are the variables whose values look like secrets, and so do not
	// come along.
	hidden map[string]bool
}

// stand is in place of a hidden value while the result is checked: under any
// name it looks like a secret, too.
const stand = "secret://in:plain-text@here"

// Import makes the stack's folder.
func Import(source Source) (*Result, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(source.Content, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", source.Path, err)
	}
	if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:1: no compose file: need a mapping with services", source.Path)
	}
	i := &importer{Source: source, root: document.Content[0], result: &Result{Files: map[string][]byte{}}, hidden: map[string]bool{}}
	i.repairFile()
	services := get(i.root, "services")
	for name, body := range pairs(services) {
		if body.Kind == yaml.MappingNode {
			i.repairService(name.Value, body)
		}
	}
	i.makeJobs(services)
	if err := i.mark(&document); err != nil {
		return nil, err
	}
	text, err := render(&document)
	i.result.Files[compose.FileName] = text
	return i.result, err
}

func render(document *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	err := encoder.Encode(document)
	return b.Bytes(), err
}

// mark reads the result as the program will, and writes what it faults as a
// comment where it stands.
func (i *importer) mark(document *yaml.Node) error {
	text, err := render(document)
	if err != nil {
		return err
	}
	var read yaml.Node
	if err := yaml.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("%s: what was made of it is no YAML: %w", i.Path, err)
	}
	folder := fstest.MapFS{}
	for name, content := range i.result.Files {
		folder[name] = &fstest.MapFile{Data: content}
	}
	variables := map[string]string{"DOMAIN": "domain.example"}
	for name, value := range pairs(get(get(i.root, "x-skep"), "variables")) {
		if value.Tag == "!!null" {
			variables[name.Value] = "1"
			if i.hidden[name.Value] || compose.LooksSecret(name.Value, stand[:6]) {
				variables[name.Value] = stand
			}
		}
	}
	file, err := compose.Parse(i.Path, i.Stack, folder, text, variables)
	if err == nil {
		_, err = compose.Check([]*compose.File{file}, compose.World{Secrets: configKeys(i.root)})
	}
	for _, fault := range compose.Faults(err) {
		comment := "TODO(skep): " + fault.What
		if fault.Remedy != "" {
			comment += ": " + fault.Remedy
		}
		of := ""
		if fault.Service != "" {
			of = "service " + fault.Service + ": "
		}
		i.result.Open = append(i.result.Open, of+fault.What)
		if node := at(&read, fault.Line, fault.Column); node != nil {
			addComment(node, comment)
		} else {
			addComment(read.Content[0].Content[0], comment)
		}
	}
	if len(compose.Faults(err)) == 0 && err != nil {
		return errors.Join(fmt.Errorf("%s: cannot be read as compose", i.Path), err)
	}
	*document = read
	return nil
}

// configKeys are the keys that the result takes from the encrypted config: that
// they are to be set is said in the file.
func configKeys(root *yaml.Node) []string {
	var keys []string
	for name := range pairs(get(root, "secrets")) {
		keys = append(keys, name.Value)
	}
	return keys
}
