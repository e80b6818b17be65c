package compose

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"testing/fstest"
)

// unreadable are the examples that are no compose file: all others are read,
// whatever the policy says of them.
var unreadable = map[string]bool{
	"testdata-empty.yaml":          true,
	"schema-using-variables.yaml":  true, // a variable without a value as a truth value
	"docker-cli-full-example.yaml": true, // a config without a file
}

// Every example either passes or fails with file, line and column.
func TestExamplesOfOthers(t *testing.T) {
	located := regexp.MustCompile(`^x\.yaml:\d+(:\d+)?: .`)
	var paths []string
	for _, pattern := range []string{"specification/*.yaml", "projects/*.yaml"} {
		found, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if len(paths) < 20 {
		t.Fatalf("only %d examples", len(paths))
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := Parse("x.yaml", "s", fstest.MapFS{}, content, map[string]string{"DOMAIN": "d"})
		if (err != nil) != unreadable[filepath.Base(path)] {
			t.Errorf("%s: read with %v", path, err)
		}
		if err == nil {
			_, err = Check([]*File{file}, World{})
		}
		if err == nil {
			t.Errorf("%s breaks no rule", path)
			continue
		}
		faults := Faults(err)
		if len(faults) == 0 && !located.MatchString(err.Error()) {
			t.Errorf("%s: no place in %v", path, err)
		}
		for _, fault := range faults {
			if !located.MatchString(fault.Error()) || fault.Line < 1 || fault.Column < 1 {
				t.Errorf("%s: no place in %v", path, fault)
			}
		}
	}
}
