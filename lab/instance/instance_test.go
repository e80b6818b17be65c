package instance

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestFind(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	saved := &Instance{ID: "1", Dir: dir, Subnet: netip.MustParsePrefix("10.77.3.0/24"), Domain: "skep.test"}
	if err := saved.Save(); err != nil {
		t.Fatal(err)
	}
	// A plugin asks with its own path; what lies there is a file.
	plugin := filepath.Join(saved.PulumiHome(), "plugins", "resource-x-v1", "pulumi-resource-x")
	if err := WriteFile(plugin, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{dir, plugin} {
		got, err := Find(from)
		if err != nil {
			t.Fatal(err)
		}
		if *got != *saved {
			t.Errorf("from %q: got %+v, want %+v", from, got, saved)
		}
	}
	if _, err := Find(filepath.Dir(dir)); !errors.Is(err, ErrNoLab) {
		t.Errorf("above the lab: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, File), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(dir); err == nil || errors.Is(err, ErrNoLab) {
		t.Errorf("half a description: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	i := &Instance{Subnet: netip.MustParsePrefix("10.77.3.0/24")}
	if got := i.Gateway().String() + " " + i.Services().String(); got != "10.77.3.1 10.77.3.2" {
		t.Errorf("got %s", got)
	}
}

func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var wait sync.WaitGroup
	inside := make(chan struct{}, 1)
	for range 8 {
		wait.Go(func() {
			unlock, err := Lock(path)
			if err != nil {
				t.Error(err)
				return
			}
			select {
			case inside <- struct{}{}:
			default:
				t.Error("two hold the lock")
			}
			time.Sleep(time.Millisecond)
			<-inside
			// The holder may remove the file as its last act; who waits must not
			// get the dead one.
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
			unlock()
		})
	}
	wait.Wait()
}

func TestWriteFileLeavesNothingElse(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"one", "two"} {
		if err := WriteFile(filepath.Join(dir, "f"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("files: %v, %v", entries, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || string(text) != "two" {
		t.Errorf("text %q, %v", text, err)
	}
}
