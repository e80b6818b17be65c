package compose

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Place is where in a file something stands.
type Place struct {
	// Path is the file's.
	Path string
	// Line and Column count from 1.
	Line, Column int
}

// String is the form that editors and terminals turn into a link.
func (p Place) String() string { return fmt.Sprintf("%s:%d:%d", p.Path, p.Line, p.Column) }

// positions knows where things stand in a compose file. compose-go's model has
// none, and a fault without a line sends its reader searching.
type positions struct {
	root *yaml.Node
	text []string
}

func readPositions(content []byte) (positions, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return positions{}, err
	}
	if len(doc.Content) == 0 {
		return positions{}, errors.New("the file is empty")
	}
	if doc.Content[0].Kind != yaml.MappingNode {
		return positions{}, fmt.Errorf("line %d: not a mapping of services", doc.Content[0].Line)
	}
	return positions{root: doc.Content[0], text: strings.Split(string(content), "\n")}, nil
}

// of is where the deepest part of path that is in the file stands, and how many
// parts that is. Parts of a list are their numbers, from 0.
func (p positions) of(path ...string) (line, column, depth int) {
	line, column = p.root.Line, p.root.Column
	node := p.root
	for _, part := range path {
		key, value := child(node, part)
		if value == nil {
			break
		}
		line, column, node = key.Line, key.Column, value
		depth++
	}
	return line, column, depth
}

// node is the value at path, nil for none.
func (p positions) node(path ...string) *yaml.Node {
	node := p.root
	for _, part := range path {
		if _, node = child(node, part); node == nil {
			return nil
		}
	}
	return resolve(node)
}

// child is the entry of a mapping or list, and the node that names it.
func child(node *yaml.Node, part string) (key, value *yaml.Node) {
	node = resolve(node)
	switch node.Kind {
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i]
		}
		return nil, nil
	case yaml.MappingNode:
		return entry(node, part)
	default:
		return nil, nil
	}
}

// entry finds a key in a mapping, or in what it merges (`<<: *base`).
func entry(node *yaml.Node, part string) (key, value *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == part {
			key, value = node.Content[i], node.Content[i+1]
		}
	}
	for i := 0; i+1 < len(node.Content) && value == nil; i += 2 {
		if node.Content[i].Tag != "!!merge" {
			continue
		}
		merged := resolve(node.Content[i+1])
		if merged.Kind == yaml.MappingNode {
			// One level: a file whose merges hold merges gets the line above.
			for j := 0; j+1 < len(merged.Content); j += 2 {
				if merged.Content[j].Value == part {
					key, value = merged.Content[j], merged.Content[j+1]
				}
			}
		}
	}
	return key, value
}

func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// bare is where variable name is used first without a default, ok false for nowhere.
func (p positions) bare(name string) (line, column int, ok bool) {
	quoted := regexp.QuoteMeta(name)
	use := regexp.MustCompile(`(?:^|[^$])(\$(?:\{` + quoted + `(?:\}|:?\?)|` + quoted + `\b))`)
	for i, text := range p.text {
		if strings.HasPrefix(strings.TrimSpace(text), "#") {
			continue
		}
		if at := use.FindStringSubmatchIndex(text); at != nil {
			return i + 1, at[2] + 1, true
		}
	}
	return 0, 0, false
}

var (
	dotted     = regexp.MustCompile(`[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?:\[\d+\])?`)
	quotedWord = regexp.MustCompile(`['"]([^'"]+)['"]`)
	yamlLine   = regexp.MustCompile(`\bline (\d+)`)
)

// locate finds where a message of compose-go means: its messages name key
// paths, seldom lines.
func (p positions) locate(message string) (line, column int) {
	if at := yamlLine.FindStringSubmatch(message); at != nil {
		line, _ = strconv.Atoi(at[1])
		return line, 1
	}
	line, column = p.root.Line, p.root.Column
	deepest := 0
	try := func(path []string) {
		if l, c, depth := p.of(path...); depth > deepest {
			line, column, deepest = l, c, depth
		}
	}
	var words []string
	for _, quoted := range quotedWord.FindAllStringSubmatch(message, -1) {
		words = append(words, quoted[1])
	}
	for _, found := range dotted.FindAllString(message, -1) {
		path := strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(found), ".")
		try(path)
		for _, word := range words {
			try(append(path[:len(path):len(path)], word))
		}
	}
	for _, word := range words {
		try([]string{"services", word})
	}
	return line, column
}
