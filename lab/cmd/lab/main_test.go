package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/lab/instance"
	"skep/lab/progress"
)

// TestMain makes the test binary the lab's program: `lab up` installs whatever
// runs it, and starts it again under these names.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if name == "lab" || len(name) > 16 && name[:16] == "pulumi-resource-" {
		main()
		return
	}
	os.Exit(m.Run())
}

// newTestSession is a session on a checkout that only has the lab's sources.
func newTestSession(t *testing.T) *session {
	t.Helper()
	checkout := t.TempDir()
	module, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(module, filepath.Join(checkout, "lab")); err != nil {
		t.Fatal(err)
	}
	cache, err := cacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return &session{out: progress.New(), dir: filepath.Join(checkout, ".skep", "lab"), checkout: checkout, cache: cache}
}

func TestExecArgs(t *testing.T) {
	got := execArgs("c1", nil, []string{"echo", "a b;", "id"}, false)
	want := []string{
		"exec", "--interactive", "--env", "HOME=/root", "--workdir", "/root",
		"c1", "bash", "--login", "-c", "echo a b; id",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arguments (-want +got)\n%s", diff)
	}
	got = execArgs("c1", []string{"lab", "vm", "exec"}, []string{"id"}, false)
	if diff := cmp.Diff([]string{"c1", "lab", "vm", "exec", "bash", "--login", "-c", "id"}, got[len(got)-8:]); diff != "" {
		t.Errorf("virtual machine: end of arguments (-want +got)\n%s", diff)
	}
	if got := execArgs("c1", nil, nil, true); got[len(got)-1] != "--login" || got[2] != "--tty" {
		t.Errorf("interactive: %q", got)
	}
}

func TestIDFollowsDirectory(t *testing.T) {
	base := t.TempDir()
	real := filepath.Join(base, "real")
	if err := os.MkdirAll(filepath.Join(real, ".skep"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	first := (&session{dir: filepath.Join(real, ".skep", "lab")}).id()
	if second := (&session{dir: filepath.Join(link, ".skep", "lab")}).id(); second != first {
		t.Errorf("ids %q and %q of one directory", first, second)
	}
	if other := (&session{dir: filepath.Join(real, "other")}).id(); other == first || len(other) != 8 {
		t.Errorf("ids %q and %q of two directories", first, other)
	}
}

func TestInstallPlugins(t *testing.T) {
	s := newTestSession(t)
	s.instance = &instance.Instance{ID: "0", Dir: s.dir}
	if err := s.installProgram(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.installPlugins(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(s.instance.PulumiHome(), "plugins", "resource-random-v4.19.2", "pulumi-resource-random")
	if !sameFile(path, s.program()) {
		t.Errorf("%q is not the program", path)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 2 {
		t.Errorf("plugin directory: %v, %v", entries, err)
	}
}

func TestQuote(t *testing.T) {
	if got, want := quote("it's"), `'it'\''s'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKeysRefuseFiles(t *testing.T) {
	var k keys
	if err := k.Set("/root/.ssh/id_ed25519.pub"); err == nil {
		t.Error("a path was taken for a key")
	}
	if err := k.Set("ssh-ed25519 AAAA me@here"); err != nil {
		t.Error(err)
	}
}
