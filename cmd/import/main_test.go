package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRunWritesAFolderOnce(t *testing.T) {
	into, from := t.TempDir(), filepath.Join(t.TempDir(), "wiki")
	if err := os.Mkdir(from, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(from, "docker-compose.yml")
	for path, text := range map[string]string{
		file:                          "services: {a: {image: x, volumes: ['./a.conf:/a.conf:ro']}}\n",
		filepath.Join(from, "a.conf"): "a\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(file, "", into, true); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"compose.yaml", "a.conf"} {
		if _, err := os.Stat(filepath.Join(into, "wiki", name)); err != nil {
			t.Error(err)
		}
	}
	if err := run(file, "", into, true); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a second import must not write over the first: %v", err)
	}
	if err := run(file, "../wiki", into, true); err == nil || !strings.Contains(err.Error(), "is no name of a stack") {
		t.Errorf("a name that leads out: %v", err)
	}
}
