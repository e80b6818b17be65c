package compose

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const upstream = "traefik/whoami:v1.11.0@sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab"

func loadWhoami(t *testing.T) *File {
	t.Helper()
	file, err := Load(filepath.Join("..", "..", "stacks"), "whoami", map[string]string{"DOMAIN": "skep.test"})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// The stack that ships is the fixture: what is documented is what is tested.
func TestRenderWhoami(t *testing.T) {
	got, err := loadWhoami(t).Render(Rendering{MTU: 1420, Images: map[string]string{upstream: "mirror.example/whoami@sha256:00"}})
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "whoami.rendered.yaml")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("rendering differs (-want +got):\n%s", diff)
	}
}

func TestRenderTwiceIsTheSame(t *testing.T) {
	first, err := loadWhoami(t).Render(Rendering{MTU: 1420})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := loadWhoami(t).Render(Rendering{MTU: 1420})
		if err != nil || again != first {
			t.Fatalf("a second rendering differs (%v)", err)
		}
	}
}

func TestRoutes(t *testing.T) {
	want := []Route{{Service: "whoami", Router: "whoami", Host: "whoami.skep.test"}}
	if diff := cmp.Diff(want, loadWhoami(t).Routes()); diff != "" {
		t.Errorf("routes differ (-want +got):\n%s", diff)
	}
}

func TestHostsOfRules(t *testing.T) {
	for rule, want := range map[string][]string{
		"Host(`a.example`)":                            {"a.example"},
		"Host(`a.example`) || Host(`B.example.`)":      {"a.example", "b.example"},
		"Host(`a.example`, `b.example`) && Path(`/x`)": {"a.example", "b.example"},
		"HostSNI(`*`)":                                 nil,
		"Path(`/a`) && Header(`X`, `Host`)":            nil,
		"HostRegexp(`.+`) && Host(\"quoted.example\")": {"quoted.example"},
	} {
		if diff := cmp.Diff(want, hosts(rule)); diff != "" {
			t.Errorf("hosts(%s) differ (-want +got):\n%s", rule, diff)
		}
	}
}

func TestParseFaultsHaveFileAndLine(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"ignored":  {"services:\n  a:\n    image: x\n    privileged: true\n    restart: always\n", "c.yaml:4: service \"a\": Swarm ignores \"privileged\""},
		"both":     {"services:\n  a:\n    image: x\n    privileged: true\n    restart: always\n", "c.yaml:5: service \"a\": Swarm ignores \"restart\""},
		"no image": {"services:\n  a:\n    command: [x]\n", "c.yaml:2: service \"a\" names no image"},
		"variable": {"services:\n  a:\n    image: x:${VERSION}\n", "c.yaml:3: variable ${VERSION} has no value"},
		"empty":    {"", "c.yaml: the file is empty"},
		"tab":      {"services:\n\ta: {}\n", "c.yaml: yaml: line 2"},
		"unknown":  {"services:\n  a:\n    image: x\n    imagee: y\n", "imagee"},
		"no map":   {"- a\n", "c.yaml: line 1: not a mapping"},
	} {
		_, err := Parse("c.yaml", "s", []byte(c.content), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v does not hold %q", name, err, c.want)
		}
	}
}

func TestVariablesNeverComeFromTheEnvironment(t *testing.T) {
	t.Setenv("SKEP_CANARY", "from-environment")
	if _, err := Parse("c.yaml", "s", []byte("services: {a: {image: \"x:${SKEP_CANARY}\"}}"), nil); err == nil {
		t.Error("a variable of the operator's environment reached the file")
	}
	file, err := Parse("c.yaml", "s", []byte("services: {a: {image: \"x:${SKEP_CANARY:-fallback}\"}}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := file.service("a")["image"]; got != "x:fallback" {
		t.Errorf("image = %v, want the default of the file", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("services: {a: {image: x}}"))
	f.Add([]byte("services:\n  a: &a {image: x}\n  b: {<<: *a, ports: ['80:80']}\n"))
	f.Add([]byte("a: *b"))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := Parse("c.yaml", "s", content, map[string]string{"DOMAIN": "skep.test"})
		if err != nil {
			return
		}
		file.Routes()
		_, _ = file.Render(Rendering{MTU: 1420})
	})
}
