package images

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/empty"
)

func TestAssembleIsReproducible(t *testing.T) {
	var digests []string
	for range 2 {
		image, err := All[0].assemble(empty.Image, []byte("program"))
		if err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest.String())
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"/whoami"}, config.Config.Entrypoint); diff != "" {
			t.Errorf("entrypoint (-want +got)\n%s", diff)
		}
		if config.Config.User != "" {
			t.Errorf("user %q: the compose file chooses it", config.Config.User)
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("digests differ: %s", digests)
	}
}

func TestFingerprintNeedsSources(t *testing.T) {
	if _, err := Fingerprint(t.TempDir(), All); err == nil {
		t.Error("no sources, no error")
	}
	first, err := Fingerprint("..", All)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Fingerprint("..", All)
	if err != nil || first != second {
		t.Errorf("fingerprints %q, %q, %v", first, second, err)
	}
}

func TestWantedAreThoseThatAStackNames(t *testing.T) {
	checkout := t.TempDir()
	if err := os.MkdirAll(filepath.Join(checkout, "stacks", "books"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "services: {app: {image: \"" + All[1].Upstream + "\"}}"
	if err := os.WriteFile(filepath.Join(checkout, "stacks", "books", "compose.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	wanted, err := Wanted(checkout)
	if err != nil || len(wanted) != 1 || wanted[0].Repository != "lab/ledger" {
		t.Errorf("wanted %v (%v), want the ledger alone", wanted, err)
	}
	one, err := Fingerprint("..", wanted)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := Fingerprint("..", All); err != nil || all == one {
		t.Errorf("all images have the fingerprint of one (%v)", err)
	}
}

// A tree as packages leave it: programs, libraries behind links, and a folder
// that nobody wants.
func TestDebianTakesLibrariesAlong(t *testing.T) {
	root, self := t.TempDir(), "/proc/self/exe"
	program, err := os.ReadFile(self)
	if err != nil {
		t.Skipf("read this program: %v", err)
	}
	for path, content := range map[string][]byte{
		"usr/lib/app/bin/app": program, "usr/lib/app/share/text": []byte("text"), "usr/lib/app/man/app.1": []byte("page"),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(root, "usr/lib/app/bin/app"))
	if err != nil {
		t.Fatal(err)
	}
	libraries, err := needed(filepath.Join(root, "usr/lib/app/bin/app"), info)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"usr/lib/app/bin/app", "usr/lib/app/share/text"}
	for _, library := range libraries {
		path := filepath.Join("usr/lib", multiarch(), library)
		if filepath.IsAbs(library) {
			path = "usr" + library // the interpreter
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755),
			os.WriteFile(filepath.Join(root, path+".1"), []byte("library"), 0o755),
			os.Symlink(filepath.Base(library)+".1", filepath.Join(root, path))); err != nil {
			t.Fatal(err)
		}
		want = append(want, path, path+".1")
	}
	slices.Sort(want)
	d := Debian{Keep: []string{"usr/lib/app"}, Drop: []string{"usr/lib/app/man"}}
	got, err := d.choose(root)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("chosen (-want +got)\n%s", diff)
	}
	if err := d.write(filepath.Join(t.TempDir(), "layer.tar.gz"), root, got); err != nil {
		t.Error(err)
	}
}
