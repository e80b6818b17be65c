package command

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// line is one line of the conformance list in CONFORMANCE.md.
type line struct {
	number int
	name   string
	test   func(t *testing.T)
}

// conformance is the whole list.
var conformance = slices.Concat(checkLines, diffLines, createLines, streamLines, lifeLines,
	dialLines, loginLines, copyLines, providerLines)

func TestConformance(t *testing.T) {
	for i, l := range conformance {
		if l.number != i+1 {
			t.Errorf("line %d of the list is in place %d", l.number, i+1)
		}
		t.Run(fmt.Sprintf("%02d_%s", l.number, l.name), func(t *testing.T) {
			t.Parallel()
			l.test(t)
		})
	}
	if len(conformance) != 62 {
		t.Errorf("the list has %d lines, want 62", len(conformance))
	}
}

// TestMain also plays the plugin and the language host of the tests with a
// real engine: they are this binary under other names.
func TestMain(m *testing.M) {
	switch strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe") {
	case "pulumi-resource-command":
		os.Exit(Main())
	case "pulumi-language-" + languageName:
		os.Exit(serveLanguage())
	}
	flag.Parse()
	// Most of the lines wait for time to pass, so many may run at once.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	code := m.Run()
	stopSSHD()
	os.Exit(code)
}
