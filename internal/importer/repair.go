package importer

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"go.yaml.in/yaml/v3"

	"skep/internal/compose"
)

var use = regexp.MustCompile(`(?:^|[^$])\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(:?[-?+])?|([A-Za-z_][A-Za-z0-9_]*))`)

// did notes a change.
func (i *importer) did(format string, args ...any) {
	i.result.Changed = append(i.result.Changed, fmt.Sprintf(format, args...))
}

// repairFile changes what stands beside the services.
func (i *importer) repairFile() {
	take(i.root, "version")
	take(i.root, "name")
	for name, body := range pairs(get(i.root, "networks")) {
		if driver := get(body, "driver"); driver != nil && driver.Value == "bridge" {
			take(body, "driver")
			i.did("network %s: a bridge is on one host only; it becomes an overlay", name.Value)
		}
	}
	for name, body := range pairs(get(i.root, "secrets")) {
		file := get(body, "file")
		if file == nil && get(body, "environment") == nil {
			continue
		}
		from := "the value"
		if file != nil {
			from = file.Value
		}
		put(i.root2("secrets"), name.Value, mapping(text("x-skep"), mapping(text("from"), text("config:"+name.Value))))
		addComment(name, fmt.Sprintf("TODO(skep): pulumi config set --secret --path skep:secrets.%s < %s, or let it be made: x-skep: {generate: {length: 40}}", name.Value, from))
		i.result.Open = append(i.result.Open, fmt.Sprintf("secret %s: its value goes into the encrypted config", name.Value))
	}
	for name, body := range pairs(get(i.root, "configs")) {
		if file := get(body, "file"); file != nil {
			if copied, ok := i.copy(file.Value); ok {
				file.Value = "./" + copied
			} else {
				addComment(name, "TODO(skep): its file was not found, or holds what looks like a secret: make it one")
			}
		}
	}
	i.declareVariables()
}

func (i *importer) root2(section string) *yaml.Node { return below(i.root, section) }

// copy takes a file into the stack's folder, but for one with a secret in it:
// the folder is code, and configs are read by whoever asks.
func (i *importer) copy(name string) (string, bool) {
	clean := path.Clean(name)
	if !fs.ValidPath(clean) || i.Folder == nil {
		return "", false
	}
	content, err := fs.ReadFile(i.Folder, clean)
	if err != nil || compose.LooksSecret("", string(content)) {
		return "", false
	}
	target := path.Base(clean)
	if _, taken := i.result.Files[target]; taken {
		target = strings.ReplaceAll(clean, "/", "-")
	}
	i.result.Files[target] = content
	return target, true
}

// declareVariables declares the variables that have no default, with the values
// of the .env file beside the compose file.
func (i *importer) declareVariables() {
	defaults := map[string]string{}
	if i.Folder != nil {
		if content, err := fs.ReadFile(i.Folder, ".env"); err == nil {
			if read, err := dotenv.UnmarshalBytesWithLookup(content, nil); err == nil {
				defaults = read
			}
		}
	}
	var names []string
	for line := range strings.SplitSeq(string(i.Content), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, found := range use.FindAllStringSubmatch(line, -1) {
			name := found[1] + found[3]
			withDefault := strings.HasSuffix(found[2], "-") || strings.HasSuffix(found[2], "+")
			if name != "DOMAIN" && name != "STACK" && (!withDefault || defaults[name] != "") {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		given, known := defaults[name]
		if known && !compose.LooksSecret(name, given) {
			put(below(i.root, "x-skep", "variables"), name, text(given))
		} else {
			i.declareOpen(name, known)
		}
		i.did("variable %s is declared under x-skep.variables", name)
	}
}

// declareOpen declares a variable without its value, which the config is to set;
// one that is hidden looks like a secret.
func (i *importer) declareOpen(name string, hidden bool) {
	i.hidden[name] = i.hidden[name] || hidden
	put(below(i.root, "x-skep", "variables"), name, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"})
}
