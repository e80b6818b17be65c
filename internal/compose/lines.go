package compose

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// lines knows where things stand in a compose file. compose-go's model has no
// positions, and a fault without a line sends its reader searching.
type lines struct {
	root *yaml.Node
	text []string
}

func readLines(content []byte) (lines, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return lines{}, err
	}
	if len(doc.Content) == 0 {
		return lines{}, errors.New("the file is empty")
	}
	if doc.Content[0].Kind != yaml.MappingNode {
		return lines{}, fmt.Errorf("line %d: not a mapping of services", doc.Content[0].Line)
	}
	return lines{root: doc.Content[0], text: strings.Split(string(content), "\n")}, nil
}

// of is the line of the deepest key of path that is in the file, 0 for none.
func (l lines) of(path ...string) int {
	line, node := 0, l.root
	for _, key := range path {
		next := -1
		for i := 0; i+1 < len(node.Content) && node.Kind == yaml.MappingNode; i += 2 {
			if node.Content[i].Value == key {
				next = i
			}
		}
		if next < 0 {
			return line
		}
		line, node = node.Content[next].Line, node.Content[next+1]
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		}
	}
	return line
}

// bare is the first line that uses variable name without a default, 0 for none.
func (l lines) bare(name string) int {
	use := regexp.MustCompile(`(^|[^$])\$(\{` + regexp.QuoteMeta(name) + `\}|` + regexp.QuoteMeta(name) + `\b)`)
	for i, text := range l.text {
		if use.MatchString(text) {
			return i + 1
		}
	}
	return 0
}
