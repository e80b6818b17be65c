// Package scripts tests the operators' scripts: each runs in a copy of the
// checkout, against programs that are not there.
package scripts

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// copied is what the scripts need of the checkout.
var copied = []string{
	"scripts",
	"tools/pulumi", "tools/pulumi-language-go", "tools/lint", ".ci",
	"components/host", "components/swarm",
}

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"apt-get": logged, "lab": logged, "ssh": fakeSSH, "pulumi": fakePulumi, "go": fakeGo,
		"shellcheck": logged, "host": fakeHost,
	})
}

func TestScripts(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("CALLS", filepath.Join(e.WorkDir, "calls"))
			e.Setenv("CHECKOUT", filepath.Join(e.WorkDir, "checkout"))
			e.Setenv("SKEP_CACHE", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("HOME", e.WorkDir)
			for _, dir := range copied {
				target := filepath.Join(e.WorkDir, "checkout", dir)
				if err := copyTree(filepath.Join(root, dir), target); err != nil {
					return fmt.Errorf("copy %q: %w", dir, err)
				}
			}
			return nil
		},
	})
}

// copyTree copies a directory without its tests. What a test brought itself
// stays as it is.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "testdata":
			return filepath.SkipDir
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		if _, err := os.Lstat(target); err == nil {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o755)
	})
}

// logged stands in for a program of which only the calls matter: it adds its
// name and arguments to $CALLS.
func logged() {
	file, err := os.OpenFile(os.Getenv("CALLS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		fail(err)
	}
	defer file.Close()
	name := filepath.Base(os.Args[0])
	if _, err := fmt.Fprintln(file, name, strings.Join(os.Args[1:], " ")); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// fakePulumi answers `stack output` from $OUTPUTS, or from $SECRETS when asked
// to show secrets. It knows the stacks named in $STACKS.
func fakePulumi() {
	logged()
	args := os.Args[1:]
	switch {
	case slices.Equal(args, []string{"version"}):
		fmt.Println(os.Getenv("PULUMI_VERSION"))
	case slices.Equal(args, []string{"stack", "--show-name"}):
		if os.Getenv("SELECTED") == "" {
			os.Exit(255)
		}
		fmt.Println(os.Getenv("SELECTED"))
	case len(args) > 2 && args[0] == "stack" && args[1] == "select":
		if !slices.Contains(strings.Fields(os.Getenv("STACKS")), args[2]) {
			fail(fmt.Errorf("error: no stack named '%s' found", args[2]))
		}
	case len(args) > 1 && args[0] == "stack" && args[1] == "output":
		printOutputs(args)
	}
}

func printOutputs(args []string) {
	stack := args[slices.Index(args, "--stack")+1]
	if !slices.Contains(strings.Fields(os.Getenv("STACKS")), stack) {
		fail(fmt.Errorf("error: no stack named '%s' found", stack))
	}
	name := os.Getenv("OUTPUTS")
	if slices.Contains(args, "--show-secrets") && os.Getenv("SECRETS") != "" {
		name = os.Getenv("SECRETS")
	}
	text, err := os.ReadFile(name)
	if err != nil {
		fail(err)
	}
	fmt.Print(string(text))
}

// fakeSSH reports where its agent listens and ends with status 7.
func fakeSSH() {
	logged()
	if path := os.Getenv("AGENT"); path != "" {
		if err := os.WriteFile(path, []byte(os.Getenv("SSH_AUTH_SOCK")), 0o644); err != nil {
			fail(err)
		}
	}
	os.Exit(7)
}

// fakeGo answers `go env`, and builds by writing a program that prints a
// version; while $BROKEN is set it stops halfway through the file.
func fakeGo() {
	args := os.Args[1:]
	if args[0] == "env" {
		for _, name := range args[1:] {
			fmt.Println(map[string]string{
				"GOFLAGS": os.Getenv("FROM_GO_ENV"), "GOWORK": os.Getenv("WORKSPACE"),
			}[name])
		}
		return
	}
	logged()
	target := slices.Index(args, "-o")
	if target < 0 {
		return
	}
	if err := os.WriteFile(args[target+1], []byte("#!/bin/sh\necho v3.259.0\n"), 0o755); err != nil {
		fail(err)
	}
	if os.Getenv("BROKEN") != "" {
		fail(fmt.Errorf("compile: out of memory"))
	}
}

// fakeHost stands in for the official language host: it prints how it was
// started.
func fakeHost() {
	fmt.Println(strings.Join(os.Args[1:], " "))
	fmt.Println(os.Getenv("GOFLAGS"))
	fmt.Println(os.Getenv("GOTMPDIR"))
}
