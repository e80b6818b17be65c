package command

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

const (
	// hidden stands for a secret in a message.
	hidden = "[secret]"
	// shortestSecretLine is the shortest line of a secret stdin that is taken
	// out of messages. Shorter ones are words like "done" in a script.
	shortestSecretLine = 8
	// shortestSecretValue is the shortest secret value that is taken out.
	shortestSecretValue = 4
)

// redactor takes the secrets of a resource out of messages. What a command
// prints is not secret by itself, but a command that echoes its input would
// put the secrets of stdin on the terminal. The zero redactor does nothing.
type redactor struct {
	lines  map[string]bool
	values []string
}

// redactorOf knows the inputs of a resource that are marked secret.
func redactorOf(props resource.PropertyMap) redactor {
	r := redactor{lines: map[string]bool{}}
	if stdin, ok := textOf(props, "stdin"); ok && concealed(props["stdin"]) {
		for line := range strings.SplitSeq(stdin, "\n") {
			line = strings.TrimSpace(line)
			if len(line) > maxLine {
				line = line[:maxLine]
			}
			if len(line) >= shortestSecretLine {
				r.lines[line] = true
			}
		}
	}
	if environment := props["environment"]; concealed(environment) {
		for _, value := range mapOf(props, "environment") {
			r.add(value)
		}
	}
	for _, key := range []resource.PropertyKey{"create", "update", "delete", "command"} {
		if text, ok := textOf(props, key); ok && concealed(props[key]) {
			r.add(text)
		}
	}
	return r
}

func (r *redactor) add(value string) {
	if len(value) >= shortestSecretValue {
		r.values = append(r.values, value)
	}
}

// line cleans one line.
func (r redactor) line(line string) string {
	bare := strings.TrimSuffix(strings.TrimSpace(line), " (cut)")
	if len(bare) > maxLine {
		bare = bare[:maxLine]
	}
	if r.lines[bare] {
		return hidden
	}
	for _, value := range r.values {
		line = strings.ReplaceAll(line, value, hidden)
	}
	return line
}

// text cleans a text of several lines, also of values that span lines.
func (r redactor) text(text string) string {
	for _, value := range r.values {
		text = strings.ReplaceAll(text, value, hidden)
	}
	if len(r.lines) == 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = r.line(lines[i])
	}
	return strings.Join(lines, "\n")
}
