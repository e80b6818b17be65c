package traefik

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// rule is a router's rule: either an operator over two rules or one matcher.
type rule struct {
	operator    token.Token // token.LAND, token.LOR, or 0 for a matcher
	left, right *rule

	matcher string
	values  []string
	not     bool
}

// parseRule reads a rule as Traefik does, whose rules are Go expressions.
func parseRule(text string, matchers map[string]matcher, known map[string]string) (*rule, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("it is empty")
	}
	expression, err := parser.ParseExpr(text)
	if err != nil {
		return nil, fmt.Errorf("it does not read as Matcher(`value`) joined by &&, || and !: %s", firstLine(err))
	}
	return (&reader{matchers, known}).read(expression)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// reader turns Go's expression into a rule.
type reader struct {
	matchers map[string]matcher
	known    map[string]string
}

func (r *reader) read(expression ast.Expr) (*rule, error) {
	switch e := expression.(type) {
	case *ast.ParenExpr:
		return r.read(e.X)
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			inner, err := r.read(e.X)
			return invert(inner), err
		}
	case *ast.BinaryExpr:
		if e.Op == token.LAND || e.Op == token.LOR {
			left, err := r.read(e.X)
			right, err2 := r.read(e.Y)
			return &rule{operator: e.Op, left: left, right: right}, errors.Join(err, err2)
		}
	case *ast.CallExpr:
		return r.call(e)
	}
	return nil, fmt.Errorf("at its character %d stands no matcher: need Matcher(`value`) joined by !, && and ||", expression.Pos())
}

func invert(r *rule) *rule {
	switch {
	case r == nil:
		return nil
	case r.operator == 0:
		return &rule{matcher: r.matcher, values: r.values, not: !r.not}
	case r.operator == token.LAND:
		return &rule{operator: token.LOR, left: invert(r.left), right: invert(r.right)}
	default:
		return &rule{operator: token.LAND, left: invert(r.left), right: invert(r.right)}
	}
}

func (r *reader) call(call *ast.CallExpr) (*rule, error) {
	name, ok := call.Fun.(*ast.Ident)
	if !ok {
		return nil, fmt.Errorf("at its character %d stands no matcher", call.Pos())
	}
	canonical, ok := r.known[name.Name]
	if !ok {
		return nil, fmt.Errorf("there is no matcher %s: need one of %s", name.Name, strings.Join(sorted(r.matchers), ", "))
	}
	var values []string
	for _, argument := range call.Args {
		literal, ok := argument.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return nil, fmt.Errorf("%s wants its value in backquotes: %s(`value`)", canonical, canonical)
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", canonical, err)
		}
		if value == "" {
			return nil, fmt.Errorf("%s has an empty value", canonical)
		}
		values = append(values, value)
	}
	m := r.matchers[canonical]
	if len(values) < m.least || len(values) > m.most {
		return nil, fmt.Errorf("%s has %d values and takes %s: join several with ||", canonical, len(values), between(m.least, m.most))
	}
	if m.check != nil {
		if err := m.check(values); err != nil {
			return nil, fmt.Errorf("%s: %w", canonical, err)
		}
	}
	return &rule{matcher: canonical, values: values}, nil
}

func between(least, most int) string {
	if least == most {
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d or %d", least, most)
}

// alternatives are the parts of a rule of which each by itself makes it match.
func (r *rule) alternatives() []*rule {
	if r.operator == token.LOR {
		return append(r.left.alternatives(), r.right.alternatives()...)
	}
	return []*rule{r}
}

// conditions are the parts of a rule that must all match.
func (r *rule) conditions() []*rule {
	if r.operator == token.LAND {
		return append(r.left.conditions(), r.right.conditions()...)
	}
	return []*rule{r}
}

// normal is the rule in one form for all ways of writing it that differ in
// order, spaces, parentheses and upper case where that has no meaning.
func (r *rule) normal() string {
	switch r.operator {
	case token.LAND:
		return joinedParts(r.conditions(), " && ")
	case token.LOR:
		return "(" + joinedParts(r.alternatives(), " || ") + ")"
	}
	values := slices.Clone(r.values)
	switch r.matcher {
	case "Host", "HostSNI":
		values[0] = strings.ToLower(strings.TrimSuffix(values[0], "."))
	case "Method":
		values[0] = strings.ToUpper(values[0])
	case "Header", "HeaderRegexp":
		values[0] = strings.ToLower(values[0])
	}
	text := fmt.Sprintf("%s(%q)", r.matcher, values)
	if r.not {
		text = "!" + text
	}
	return text
}

func joinedParts(parts []*rule, operator string) string {
	var texts []string
	for _, part := range parts {
		if part.matcher == "PathPrefix" && !part.not && part.values[0] == "/" && len(parts) > 1 && operator == " && " {
			continue // every request has it
		}
		texts = append(texts, part.normal())
	}
	slices.Sort(texts)
	return strings.Join(slices.Compact(texts), operator)
}

// hosts are the names that the rule asks for, lower case, each once, sorted.
func (r *rule) hosts() []string {
	if r.operator != 0 {
		names := append(r.left.hosts(), r.right.hosts()...)
		slices.Sort(names)
		return slices.Compact(names)
	}
	if r.not || r.matcher != "Host" && r.matcher != "HostSNI" || r.values[0] == "*" {
		return nil
	}
	return []string{strings.ToLower(strings.TrimSuffix(r.values[0], "."))}
}

// Hosts are the names in a rule's Host and HostSNI matchers, lower case, each
// once, sorted; none for a rule that does not read.
func Hosts(protocol, text string) []string {
	matchers, known := httpMatchers, httpSpellings
	if protocol == "tcp" {
		matchers, known = tcpMatchers, tcpSpellings
	}
	r, err := parseRule(text, matchers, known)
	if err != nil {
		return nil
	}
	return r.hosts()
}
