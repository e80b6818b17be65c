package stackconfig

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const original = `# What this stack is.
config:
  # Where it answers.
  skep:domain: skep.test

  skep:hosts:
    - {name: node-1, id: 1} # the first
`

const withImages = `# What this stack is.
config:
  skep:images:
    app:v1@sha256:aa: registry/app@sha256:bb
  # Where it answers.
  skep:domain: skep.test

  skep:hosts:
    - {name: node-1, id: 1} # the first
`

var images = map[string]string{"app:v1@sha256:aa": "registry/app@sha256:bb"}

func newFile(t *testing.T, text string) File {
	t.Helper()
	f := File{Path: filepath.Join(t.TempDir(), "Pulumi.lab.yaml"), Original: filepath.Join(t.TempDir(), "original")}
	if err := os.WriteFile(f.Path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f File) is(t *testing.T, want string) {
	t.Helper()
	got, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("file (-want +got)\n%s", diff)
	}
}

func TestSetImages(t *testing.T) {
	block := "  skep:images:\n    app:v1@sha256:aa: registry/app@sha256:bb\n"
	for _, test := range []struct{ name, before, after string }{
		{"beside other keys", original, withImages},
		{"no such key", "a: 1\n", "a: 1\nconfig:\n" + block},
		{"no value", "config:\n", "config:\n" + block},
		{"no line end, wider indent", "config:\n    a: 1", "config:\n    skep:images:\n      app:v1@sha256:aa: registry/app@sha256:bb\n    a: 1\n"},
		{"empty file", "", "config:\n" + block},
		{"another map", strings.Replace(withImages, "bb", "cc", 1), withImages},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFile(t, test.before)
			for i, want := range []bool{true, false} {
				changed, err := f.SetImages(images)
				if err != nil || changed != want {
					t.Fatalf("time %d: changed %t, %v", i+1, changed, err)
				}
				f.is(t, test.after)
			}
		})
	}
}

func TestCleanRestoresLayout(t *testing.T) {
	f := newFile(t, original)
	if _, err := f.SetImages(images); err != nil {
		t.Fatal(err)
	}
	// What Pulumi makes of the file when it adds its salt.
	err := os.WriteFile(f.Path, []byte(`encryptionsalt: v1:abc=
config:
    skep:images:
        app:v1@sha256:aa: registry/app@sha256:bb
    skep:domain: skep.test
    skep:hosts:
        - {name: node-1, id: 1}
`), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Clean(); err != nil {
		t.Fatal(err)
	}
	f.is(t, original)
}

func TestCleanKeepsEdits(t *testing.T) {
	f := newFile(t, original)
	if _, err := f.SetImages(images); err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(withImages, "skep.test", "other.test", 1) + "encryptionsalt: v1:abc=\n"
	if err := os.WriteFile(f.Path, []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Clean(); err != nil {
		t.Fatal(err)
	}
	f.is(t, strings.Replace(original, "skep.test", "other.test", 1))
}

func TestRefuses(t *testing.T) {
	f := newFile(t, "config: {a: 1}\n")
	if _, err := f.SetImages(images); err == nil {
		t.Error("a flow mapping was edited")
	}
	f.is(t, "config: {a: 1}\n")
	f.Path += ".none"
	if _, err := f.SetImages(images); !errors.Is(err, ErrNoFile) {
		t.Errorf("no file: %v", err)
	}
}
