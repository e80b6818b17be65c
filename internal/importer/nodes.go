package importer

import (
	"iter"
	"strings"

	"go.yaml.in/yaml/v3"
)

// get is the value of a key of a mapping, nil for none.
func get(node *yaml.Node, key string) *yaml.Node {
	for name, value := range pairs(node) {
		if name.Value == key {
			return value
		}
	}
	return nil
}

// pairs are the entries of a mapping.
func pairs(node *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(*yaml.Node, *yaml.Node) bool) {
		if node == nil || node.Kind != yaml.MappingNode {
			return
		}
		content := append([]*yaml.Node{}, node.Content...)
		for i := 0; i+1 < len(content); i += 2 {
			if !yield(content[i], content[i+1]) {
				return
			}
		}
	}
}

// take removes a key and returns its value. The key's comment goes to the next
// one, so that no word of the author's is lost.
func take(node *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value != key {
			continue
		}
		name, value := node.Content[i], node.Content[i+1]
		if name.HeadComment != "" && i+2 < len(node.Content) {
			next := node.Content[i+2]
			next.HeadComment = strings.TrimSpace(name.HeadComment + "\n" + next.HeadComment)
		}
		node.Content = append(node.Content[:i:i], node.Content[i+2:]...)
		return value
	}
	return nil
}

// put sets a key of a mapping.
func put(node *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			node.Content[i+1] = value
			return
		}
	}
	node.Content = append(node.Content, text(key), value)
}

// below is the mapping at a path, made where it is not.
func below(node *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		next := get(node, key)
		if next == nil || next.Kind != yaml.MappingNode {
			next = mapping()
			put(node, key, next)
		}
		node = next
	}
	return node
}

func text(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

func mapping(keysAndValues ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: keysAndValues}
}

func sequence(values ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle, Content: values}
}

// at finds the node where comments of a place can stand: its key, or the key
// around it that begins a line. A comment inside of {} or [] would break it.
func at(node *yaml.Node, line, column int) *yaml.Node {
	var found *yaml.Node
	var visit func(n, anchor *yaml.Node, flow bool)
	visit = func(n, anchor *yaml.Node, flow bool) {
		inFlow := flow || n.Style&yaml.FlowStyle != 0
		for i, child := range n.Content {
			own := anchor
			begins := n.Kind == yaml.MappingNode && i%2 == 0 || n.Kind == yaml.SequenceNode
			if begins && !inFlow {
				own = child
			}
			if n.Kind == yaml.MappingNode && i%2 == 1 && !inFlow {
				own = n.Content[i-1]
			}
			// A block begins where its first key does; that one is meant.
			block := len(child.Content) > 0 && child.Style&yaml.FlowStyle == 0
			if child.Line == line && child.Column == column && own != nil && found == nil && !block {
				found = own
			}
			if child.Kind != yaml.AliasNode {
				visit(child, own, inFlow)
			}
		}
	}
	visit(node, nil, false)
	return found
}

// addComment puts a line above a node, below what is there.
func addComment(node *yaml.Node, line string) {
	line = "# " + strings.Join(strings.Fields(line), " ")
	if strings.Contains(node.HeadComment, line) {
		return
	}
	node.HeadComment = strings.TrimSpace(node.HeadComment + "\n" + line)
}
