// Package stackconfig edits a stack's config file and leaves everything else
// in it as people wrote it: changes are made line by line, since writing the
// whole tree again would lose the author's layout.
package stackconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"skep/lab/instance"
)

const (
	// imagesKey is the config key that maps upstream's images to the lab's.
	imagesKey = "skep:images"
	// saltKey is what Pulumi writes for the passphrase of a state.
	saltKey = "encryptionsalt"
)

// ErrNoFile is returned when there is no config file to edit.
var ErrNoFile = errors.New("no stack config file")

// File is a stack config file.
type File struct {
	// Path is the file, Original where its text from before the lab is kept.
	Path, Original string
}

// SetImages writes the map into the file and tells whether that changed it.
func (f File) SetImages(images map[string]string) (changed bool, err error) {
	text, err := f.read()
	if err != nil {
		return false, err
	}
	if _, err := os.Stat(f.Original); errors.Is(err, fs.ErrNotExist) {
		if err := instance.WriteFile(f.Original, text, 0o600); err != nil {
			return false, err
		}
	}
	edited, err := setImages(text, images)
	if err != nil {
		return false, fmt.Errorf("edit %q: %w", f.Path, err)
	}
	return f.write(text, edited)
}

// Clean takes out what the lab and its state put in. Where nothing else was
// changed the file is again what it was, whatever Pulumi did to its layout.
func (f File) Clean() (changed bool, err error) {
	text, err := f.read()
	if err != nil {
		return false, err
	}
	edited, err := clean(text)
	if err != nil {
		return false, fmt.Errorf("edit %q: %w", f.Path, err)
	}
	original, err := os.ReadFile(f.Original)
	if err == nil && same(edited, original) {
		edited = original
	}
	return f.write(text, edited)
}

func (f File) read() ([]byte, error) {
	text, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("edit %q: %w", f.Path, ErrNoFile)
	}
	if err != nil {
		return nil, fmt.Errorf("edit stack config: %w", err)
	}
	return text, nil
}

func (f File) write(text, edited []byte) (bool, error) {
	if bytes.Equal(text, edited) {
		return false, nil
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		return false, fmt.Errorf("edit stack config: %w", err)
	}
	return true, instance.WriteFile(f.Path, edited, info.Mode().Perm())
}

// same tells whether two files say the same, however they are laid out.
func same(a, b []byte) bool {
	var left, right any
	return yaml.Unmarshal(a, &left) == nil && yaml.Unmarshal(b, &right) == nil && reflect.DeepEqual(left, right)
}

func setImages(text []byte, images map[string]string) ([]byte, error) {
	root, err := mapping(text)
	if err != nil {
		return nil, err
	}
	_, config := find(root, "config")
	if _, old := find(config, imagesKey); old != nil {
		var now map[string]string
		if err := old.Decode(&now); err == nil && reflect.DeepEqual(now, images) {
			return text, nil
		}
		if text, err = removeKey(text, config, imagesKey); err != nil {
			return nil, err
		}
		if root, err = mapping(text); err != nil {
			return nil, err
		}
	}
	return insertImages(text, root, images)
}

func insertImages(text []byte, root *yaml.Node, images map[string]string) ([]byte, error) {
	lines := split(text)
	key, config := find(root, "config")
	indent, at := 2, 0
	switch {
	case key == nil:
		lines = append(lines, "config:\n")
		at = len(lines)
	case len(config.Content) == 0 && config.Tag == "!!null":
		at = key.Line
	case config.Kind != yaml.MappingNode || config.Style&yaml.FlowStyle != 0 || len(config.Content) == 0:
		return nil, fmt.Errorf("write %s: config is no block of lines", imagesKey)
	default:
		indent, at = config.Content[0].Column-1, key.Line
	}
	block, err := render(images, indent)
	if err != nil {
		return nil, err
	}
	return []byte(strings.Join(slices.Insert(lines, at, block...), "")), nil
}

// render returns the lines of the key and its map, the way Pulumi lays out
// config.
func render(images map[string]string, indent int) ([]string, error) {
	var buffer bytes.Buffer
	encoder := yaml.NewEncoder(&buffer)
	encoder.SetIndent(2)
	if err := encoder.Encode(map[string]any{imagesKey: images}); err != nil {
		return nil, err
	}
	lines := split(buffer.Bytes())
	for i := range lines {
		lines[i] = strings.Repeat(" ", indent) + lines[i]
	}
	return lines, nil
}

func clean(text []byte) ([]byte, error) {
	root, err := mapping(text)
	if err != nil {
		return nil, err
	}
	_, config := find(root, "config")
	if text, err = removeKey(text, config, imagesKey); err != nil {
		return nil, err
	}
	if root, err = mapping(text); err != nil {
		return nil, err
	}
	return removeKey(text, root, saltKey)
}

// removeKey removes the lines of a key and its value, both of which the lab or
// Pulumi wrote: one line per scalar.
func removeKey(text []byte, parent *yaml.Node, name string) ([]byte, error) {
	key, value := find(parent, name)
	if key == nil {
		return text, nil
	}
	if parent.Style&yaml.FlowStyle != 0 {
		return nil, fmt.Errorf("remove %s: it is not on a line of its own", name)
	}
	return []byte(strings.Join(slices.Delete(split(text), key.Line-1, lastLine(value)), "")), nil
}

func lastLine(n *yaml.Node) int {
	last := n.Line
	for _, child := range n.Content {
		last = max(last, lastLine(child))
	}
	return last
}

// mapping parses a file into its top mapping; an empty file has an empty one.
func mapping(text []byte) (*yaml.Node, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if len(document.Content) == 0 {
		return &yaml.Node{Kind: yaml.MappingNode}, nil
	}
	if document.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("read stack config: it is no mapping")
	}
	return document.Content[0], nil
}

func find(mapping *yaml.Node, name string) (key, value *yaml.Node) {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}

// split returns the lines with their ends; the last one always has one.
func split(text []byte) []string {
	lines := strings.SplitAfter(string(text), "\n")
	if last := len(lines) - 1; lines[last] == "" {
		return lines[:last]
	}
	lines[len(lines)-1] += "\n"
	return lines
}
