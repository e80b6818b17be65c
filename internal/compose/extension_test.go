package compose

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestExtensionFaults(t *testing.T) {
	for content, want := range map[string]string{
		"x-skep: {zones: core}":                                                "c.yaml:9:10: x-skep.zones: unknown key: need one of variables, waive, zone",
		"secrets: {p: {x-skep: {generate: {len: 3}}}}":                         "c.yaml:9:35: x-skep.generate.len: unknown key",
		"secrets: {p: {x-skep: {generate: {length: long}}}}":                   "c.yaml:9:35: x-skep.generate.length: \"long\": need a whole number",
		"secrets: {p: {file: ./p}}":                                            "c.yaml:9:11: a secret in a file stands in plain text",
		"secrets: {p: {}}":                                                     "it says not where the secret comes from",
		"secrets: {p: {external: true, x-skep: {generate: {}}}}":               "is not Skep's to make",
		"secrets: {p: {x-skep: {bcrypt: q}}}":                                  `c.yaml:9:15: secret "p": there is no secret "q"`,
		"secrets: {p: {x-skep: {from: 'config:k'}}}":                           `c.yaml:9:24: secret "p": skep:secrets has no "k": pulumi config set`,
		"secrets: {p: {x-skep: {from: 'stack:other.k'}}}":                      `secret "p": no stack "other" makes a secret "k"`,
		"secrets: {p: {x-skep: {from: 'stack:s.p'}}}":                          `stack "s" needs a secret of stack "s" itself`,
		"secrets: {" + strings.Repeat("p", 60) + ": {x-skep: {generate: {}}}}": "is too long a name",
		"volumes: {v: {x-skep: {host: nowhere}}}":                              `c.yaml:9:24: volume "v": there is no host "nowhere": need one of node-1`,
		"volumes: {v: {xskep: {host: nowhere}}}":                               "c.yaml:9:15: ",
		"configs: {c: {file: ../c}}":                                           "is outside of the stack's folder",
		"configs: {c: {file: ./none}}":                                         "config file ./none cannot be read: file does not exist",
		"configs: {c: {file: ./bad, x-skep: {template: true}}}":                "bad:2:9: the template cannot be filled in: <.NOBODY>: map has no entry for key",
		"configs: {c: {file: ./worse, x-skep: {template: true}}}":              "worse:1:1: the template cannot be filled in: ",
		"configs: {c: {content: a, x-skep: {template: true}}}":                 "c.yaml:9:27: config \"c\" has its content here",
		"x-skep: {variables: {DOMAIN: x}}":                                     "c.yaml:9:22: variable DOMAIN is Skep's own",
		"include: [other.yaml]":                                                `Swarm knows no "include"`,
	} {
		beside := fstest.MapFS{"bad": {Data: []byte("ok\nname {{ .NOBODY }}\n")}, "worse": {Data: []byte("{{ if }}")}}
		file, err := Parse("c.yaml", "s", beside, []byte("services:\n"+sound("a", 100)+content+"\n"), map[string]string{"DOMAIN": "d"})
		if err == nil {
			_, err = Check([]*File{file}, World{Hosts: []string{"node-1"}})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v does not hold %q", content, err, want)
		}
	}
}

func TestEntrypointFaults(t *testing.T) {
	for line, want := range map[string]string{
		"x-skep: {env_from_secrets: {P: p}}":                                            "replaces the entrypoint, and the file does not say what is to be run",
		"command: [x]\n    x-skep: {env_from_secrets: {P: q}}":                          `secret "q" is not declared`,
		"command: [x]\n    x-skep: {env_from_secrets: {P-Q: p}}":                        `"P-Q" is no name of a variable`,
		"command: [x]\n    environment: {P: x}\n    x-skep: {env_from_secrets: {P: p}}": "P has a value under environment: too",
		"command: \"x 'y\"\n    x-skep: {env_from_secrets: {P: p}}":                     "cannot be split into words",
	} {
		file := parse(t, "services:\n"+sound("a", 100, line)+"secrets: {p: {x-skep: {generate: {}}}}\n", nil)
		if _, err := Check([]*File{file}, World{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v does not hold %q", line, err, want)
		}
	}
}

// The generated entrypoint gives values byte for byte and runs the original
// command with its arguments.
func TestGeneratedEntrypointRuns(t *testing.T) {
	file := everythingFile(t)
	dir := t.TempDir()
	value := "it's \"a\" $value\nwith lines\n\n"
	if err := os.WriteFile(filepath.Join(dir, "db_password"), []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	script := strings.ReplaceAll(file.entrypointText("migrate"), "/run/secrets", dir)
	run := exec.Command("/bin/sh", "-c", script, "sh", "/bin/sh", "-c", `printf '%s|%s' "$PGPASSWORD" "$1"`, "x", "a b")
	run.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := run.CombinedOutput()
	if err != nil || string(out) != value+"|a b" {
		t.Errorf("it gave %q (%v)", out, err)
	}
	if err := os.Remove(filepath.Join(dir, "db_password")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("/bin/sh", "-c", script, "sh", "true").CombinedOutput(); err == nil {
		t.Errorf("a missing secret went unnoticed: %s", out)
	}
}

func TestStacksThatShareSecrets(t *testing.T) {
	read := func(stack, content string) *File {
		file, err := Parse(stack+".yaml", stack, nil, []byte(content), nil)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	one := read("one", "services:\n"+sound("a", 100)+"secrets: {p: {x-skep: {from: 'stack:two.q'}}}\n")
	two := read("two", "services:\n"+sound("a", 101)+"secrets: {q: {x-skep: {generate: {}}}}\n")
	if _, err := Check([]*File{one, two}, World{}); err != nil {
		t.Error(err)
	}
	if ordered := Ordered([]*File{one, two}); ordered[0] != two || ordered[1] != one {
		t.Errorf("the order is %s, %s", ordered[0].Stack, ordered[1].Stack)
	}
	circle := read("two", "services:\n"+sound("a", 101)+"secrets: {q: {x-skep: {from: 'stack:one.p'}}}\n")
	if _, err := Check([]*File{one, circle}, World{}); err == nil || !strings.Contains(err.Error(), "itself") {
		t.Errorf("stacks that need one another: %v", err)
	}
}
