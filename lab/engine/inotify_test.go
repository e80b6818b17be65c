package engine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestInotifyIsRaisedOnceAndPutBack(t *testing.T) {
	d := Daemon{Run: t.TempDir()}
	setting := filepath.Join(t.TempDir(), "max_user_instances")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(setting, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(want string) {
		t.Helper()
		if got, err := os.ReadFile(setting); err != nil || string(got) != want {
			t.Errorf("setting = %q (%v), want %q", got, err, want)
		}
	}
	write("128\n")
	for range 2 {
		if err := d.raiseInotify(setting); err != nil {
			t.Fatal(err)
		}
		holds("2048")
	}
	if err := d.restoreInotify(setting); err != nil {
		t.Fatal(err)
	}
	holds("128")
}

func TestInotifyOfARoomyMachineStays(t *testing.T) {
	d := Daemon{Run: t.TempDir()}
	setting := filepath.Join(t.TempDir(), "max_user_instances")
	if err := os.WriteFile(setting, []byte("8192\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.raiseInotify(setting); err != nil {
		t.Fatal(err)
	}
	if err := d.restoreInotify(setting); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(setting); string(got) != "8192\n" {
		t.Errorf("setting = %q", got)
	}
}
