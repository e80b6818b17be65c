package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"skep/internal/secret"
)

// longestObjectName is Swarm's limit for names of secrets and configs.
const longestObjectName = 64

// tagLen is the length of the part of an object's name that holds its content's
// digest, with the dash before it.
const tagLen = 11

// readConfigs reads the contents of all configs and fills in templates.
func (f *File) readConfigs() {
	f.contents = map[string]string{}
	for _, name := range sortedKeys(f.section("configs")) {
		body := mapping(f.section("configs")[name])
		at := []string{"configs", name}
		if external, _ := body["external"].(bool); external {
			f.tell(fmt.Sprintf("config %q is external: it must be in the swarm already", name), at...)
			continue
		}
		for _, key := range []string{"environment", "template_driver"} {
			if body[key] != nil {
				f.refuse(fmt.Sprintf("a config with %q depends on more than the files", key), "use file:, with x-skep: {template: true} where values are filled in", append(at, key)...)
			}
		}
		content, ok := f.configText(name, body)
		if !ok {
			continue
		}
		switch {
		case content == "":
			f.refuse(fmt.Sprintf("config %q is empty, which Swarm does not take", name), "", at...)
		case len(content) > secret.MaxSize:
			f.refuse(fmt.Sprintf("config %q has %d bytes; Swarm takes %d", name, len(content), secret.MaxSize), "", at...)
		default:
			f.contents[name] = content
			f.checkObjectName("configs", name)
		}
	}
}

func (f *File) configText(name string, body map[string]any) (string, bool) {
	at := []string{"configs", name}
	if content, inline := body["content"].(string); inline {
		if f.configs[name].Template {
			f.refuse(fmt.Sprintf("config %q has its content here, where ${NAME} is filled in already", name), "take out template, or put the content into a file", append(at, extensionKey)...)
		}
		return content, true
	}
	file := text(body["file"])
	if file == "" {
		f.refuse(fmt.Sprintf("config %q names no file", name), "name one beside the compose file", at...)
		return "", false
	}
	clean := path.Clean(file)
	if !fs.ValidPath(clean) || f.folder == nil {
		f.refuse(fmt.Sprintf("config file %s is outside of the stack's folder", file), "copy it beside the compose file", append(at, "file")...)
		return "", false
	}
	content, err := readAll(f.folder, clean)
	if err != nil {
		var failed *fs.PathError
		if errors.As(err, &failed) {
			err = failed.Err
		}
		f.refuse(fmt.Sprintf("config file %s cannot be read: %v", file, err), "", append(at, "file")...)
		return "", false
	}
	if !f.configs[name].Template {
		return string(content), true
	}
	return f.fill(filepath.Join(filepath.Dir(f.Path), clean), string(content))
}

var templatePlace = regexp.MustCompile(`^template: [^:]*:(\d+)(?::(\d+))?: (?:executing "[^"]*" at )?`)

// fill fills in a template; a fault has the place in the template's own file.
func (f *File) fill(file, content string) (string, bool) {
	t, err := template.New("config").Option("missingkey=error").Parse(content)
	var b strings.Builder
	if err == nil {
		err = t.Execute(&b, f.vars)
	}
	if err == nil {
		return b.String(), true
	}
	place, what := Place{Path: file, Line: 1, Column: 1}, err.Error()
	if at := templatePlace.FindStringSubmatch(what); at != nil {
		what = strings.TrimPrefix(what, at[0])
		place.Line, _ = strconv.Atoi(at[1])
		if column, err := strconv.Atoi(at[2]); err == nil {
			place.Column = column + 1 // template counts from 0
		}
	}
	f.faults = append(f.faults, Fault{Place: place, What: "the template cannot be filled in: " + what,
		Remedy: "declare the variable under skep:variables or x-skep.variables"})
	return "", false
}

// checkObjectName keeps names of swarm objects within Swarm's limit.
func (f *File) checkObjectName(section, name string) {
	if n := len(f.Stack) + 1 + len(name) + tagLen; n > longestObjectName {
		f.refuse(fmt.Sprintf("%q is too long a name: with the stack's and the digest it has %d characters, and Swarm takes %d", name, n, longestObjectName),
			"shorten it", section, name)
	}
}
