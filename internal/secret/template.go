package secret

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
)

func parseTemplate(text string) (*template.Template, error) {
	t, err := template.New("template").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("template: %s", strings.TrimPrefix(err.Error(), "template: "))
	}
	return t, nil
}

func fillTemplate(text string, values map[string]string) (string, error) {
	t, err := parseTemplate(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, values); err != nil {
		// Its text may hold a value that a function refused.
		return "", errors.New("template: cannot be filled in")
	}
	return b.String(), nil
}

// templateNames are the secrets that a template uses, sorted.
func templateNames(text string) []string {
	t, err := parseTemplate(text)
	if err != nil || t.Tree == nil {
		return nil
	}
	var names []string
	var walk func(node parse.Node)
	walk = func(node parse.Node) {
		switch n := node.(type) {
		case *parse.ListNode:
			if n != nil {
				for _, inner := range n.Nodes {
					walk(inner)
				}
			}
		case *parse.ActionNode:
			walk(n.Pipe)
		case *parse.IfNode:
			walk(n.Pipe)
			walk(n.List)
			walk(n.ElseList)
		case *parse.WithNode:
			walk(n.Pipe)
			walk(n.List)
			walk(n.ElseList)
		case *parse.PipeNode:
			if n != nil {
				for _, command := range n.Cmds {
					for _, arg := range command.Args {
						walk(arg)
					}
				}
			}
		case *parse.FieldNode:
			names = append(names, n.Ident[0])
		case *parse.VariableNode: // $.NAME, for where the dot is another
			if n.Ident[0] == "$" && len(n.Ident) > 1 {
				names = append(names, n.Ident[1])
			}
		}
	}
	walk(t.Root)
	slices.Sort(names)
	return slices.Compact(names)
}
