package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"skep/internal/golden"
)

const upstream = "traefik/whoami:v1.11.0@sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab"

func loadWhoami(t *testing.T) *File {
	t.Helper()
	file, err := Load(filepath.Join("..", "..", "stacks"), "whoami", map[string]string{"DOMAIN": "skep.test"})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// parse reads a compose file of stack s that may have faults, with the files
// beside it.
func parse(t *testing.T, content string, beside fstest.MapFS) *File {
	t.Helper()
	file, err := Parse("c.yaml", "s", beside, []byte(content), map[string]string{"DOMAIN": "skep.test"})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// The stack that ships is the fixture: what is documented is what is tested.
func TestRenderWhoami(t *testing.T) {
	file := loadWhoami(t)
	got, err := file.Render(Rendering{MTU: 1420, Images: map[string]string{upstream: "mirror.example/whoami@sha256:00"}})
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join("testdata", "whoami.rendered"), got)
	if _, err := Check([]*File{file}, World{}); err != nil {
		t.Errorf("the stack that ships breaks the policy: %v", err)
	}
}

func TestRoutes(t *testing.T) {
	want := []Route{{Service: "whoami", Router: "whoami", Host: "whoami.skep.test"}}
	if diff := cmp.Diff(want, loadWhoami(t).Routes()); diff != "" {
		t.Errorf("routes differ (-want +got):\n%s", diff)
	}
}

// What compose-go itself refuses comes with the place too.
func TestUnreadableFilesHaveFileAndLine(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"empty":       {"", "c.yaml:1: the file is empty"},
		"tab":         {"services:\n\ta: {}\n", "c.yaml:2: yaml: line 2"},
		"unknown":     {"services:\n  a:\n    image: x\n    imagee: y\n", "c.yaml:4:5: "},
		"no map":      {"- a\n", "c.yaml:1: line 1: not a mapping"},
		"no services": {"services: 3\n", "c.yaml:1:1: services must be a mapping"},
		"wrong type":  {"services:\n  a:\n    image: x\n    ports: 80\n", "c.yaml:4:5: services.a.ports must be a"},
		"required":    {"services:\n  a:\n    image: x:${V:?say which}\n    imagee: y\n", "c.yaml:3:14: variable ${V} has no value"},
		"syntax":      {"services:\n  a:\n    image: x:${V\n", "c.yaml:3:5: invalid interpolation format"},
	} {
		_, err := Parse("c.yaml", "s", nil, []byte(c.content), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v does not hold %q", name, err, c.want)
		}
	}
}

func TestVariablesNeverComeFromTheEnvironment(t *testing.T) {
	t.Setenv("SKEP_CANARY", "from-environment")
	file := parse(t, "services: {a: {image: \"x:${SKEP_CANARY}\"}}", nil)
	if _, err := Check([]*File{file}, World{}); err == nil || !strings.Contains(err.Error(), "variable ${SKEP_CANARY} has no value") {
		t.Errorf("a variable of the operator's environment reached the file: %v", err)
	}
	file = parse(t, "services: {a: {image: \"x:${SKEP_CANARY:-fallback}\"}}", nil)
	if got := file.service("a")["image"]; got != "x:fallback" {
		t.Errorf("image = %v, want the default of the file", got)
	}
}

func TestDeclaredVariables(t *testing.T) {
	const content = `
services:
  a: {image: "x:${VERSION}", hostname: "${STACK}-${DOMAIN}", command: ["${REPLICAS}", "$$HOME"], deploy: {replicas: "${REPLICAS}"}}
x-skep:
  variables: {VERSION: 1.10, REPLICAS: 2, NAME: null}
`
	file, err := Parse("c.yaml", "s", nil, []byte(content), map[string]string{"DOMAIN": "d", "REPLICAS": "3", "NAME": "n"})
	if err != nil {
		t.Fatal(err)
	}
	a := file.service("a")
	if a["image"] != "x:1.10" || a["hostname"] != "s-d" || mapping(a["deploy"])["replicas"] != 3 {
		t.Errorf("variables were filled in as %v", a)
	}
	rendered, err := file.Render(Rendering{})
	if err != nil || !strings.Contains(rendered, "- $$HOME") {
		t.Errorf("a dollar must reach docker stack deploy doubled (%v):\n%s", err, rendered)
	}
	file = parse(t, content, nil)
	_, err = Check([]*File{file}, World{})
	if err == nil || !strings.Contains(err.Error(), "c.yaml:5:43: variable NAME has no default and no value") {
		t.Errorf("a variable without a value: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("services: {a: {image: x}}"))
	f.Add([]byte("services:\n  a: &a {image: x}\n  b: {<<: *a, ports: ['80:80']}\n"))
	f.Add([]byte("a: *b"))
	f.Add([]byte(everything))
	for _, pattern := range []string{"testdata/*/*.yaml", "testdata/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(content)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := Parse("c.yaml", "s", fstest.MapFS{}, content, map[string]string{"DOMAIN": "skep.test"})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "c.yaml:") {
				t.Errorf("no file and line in: %v", err)
			}
			return
		}
		if _, err := Check([]*File{file}, World{}); err != nil {
			if !strings.HasPrefix(err.Error(), "c.yaml:") {
				t.Errorf("no file and line in: %v", err)
			}
			return
		}
		file.Routes()
		if _, err := file.Render(Rendering{MTU: 1420}); err != nil {
			t.Errorf("a file without faults cannot be rendered: %v", err)
		}
		_, _ = file.Archive(Rendering{MTU: 1420}, Sealed{})
	})
}
