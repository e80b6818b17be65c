package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"skep/state/internal/daemon"
	"skep/state/internal/home"
)

// Written by Pulumi 3.259.0 with the passphrase "oldpass".
const oldSalt = "encryptionsalt: v1:TZ78QYfQbz4=:v1:yUzABOO5TOGdVhnk:cqVj6f8G4p3bIE79xYVA/Cz5NtcKKg==\n"

// checkout is a directory with the two scripts, where this test binary is the built program.
func checkout(t *testing.T) (root string, environment []string) {
	t.Helper()
	root = t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tools := filepath.Join(root, ".skep", "bin")
	for _, dir := range []string{tools, filepath.Join(root, "scripts")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(self, filepath.Join(tools, "skep-state")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"env", "state"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", "scripts", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "scripts", name), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// A gateway must not outlive the test, and a caller's own settings must not reach it.
	t.Cleanup(func() {
		for _, dir := range []string{"lab home", "xdg/skep"} {
			if _, err := daemon.Stop(home.Home{Dir: filepath.Join(root, dir)}); err != nil {
				t.Error(err)
			}
		}
	})
	return root, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + root, "XDG_STATE_HOME=" + root + "/xdg"}
}

func shell(t *testing.T, name, root string, environment []string, script string) (out, errs string, code int) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s here", name)
	}
	command := exec.CommandContext(t.Context(), path, "-c", script)
	command.Dir, command.Env = root, environment
	var o, e strings.Builder
	command.Stdout, command.Stderr = &o, &e
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return o.String(), e.String(), command.ProcessState.ExitCode()
}

func TestEnvForBothShells(t *testing.T) {
	for _, name := range []string{"bash", "zsh"} {
		t.Run(name, func(t *testing.T) {
			root, environment := checkout(t)
			labEnv := "export SKEP_STATE_HOME='" + root + "/lab home'\nexport LAB_TOKEN=\"it's\"\n"
			if err := os.WriteFile(root+"/.skep/lab.env", []byte(labEnv), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(root+"/Pulumi.prod.yaml", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			out, errs, code := shell(t, name, root, append(environment, "PULUMI_CONFIG_PASSPHRASE=stray"), `
				scripts/state init >/dev/null
				eval "$(scripts/env lab)"; eval "$(scripts/env lab)"
				echo "$SKEP_STATE_HOME|$LAB_TOKEN|$PULUMI_STACK|${PULUMI_CONFIG_PASSPHRASE-none}"
				echo "$PATH" | tr : '\n' | grep -cxF "$PWD/.skep/bin"
				test -s "$PULUMI_CONFIG_PASSPHRASE_FILE" && test -s "$AWS_SHARED_CREDENTIALS_FILE" && echo files
				eval "$(scripts/env prod)"
				echo "$SKEP_STATE_HOME|${LAB_TOKEN-none}|$PULUMI_STACK"`)
			want := root + "/lab home|it's|lab|none\n1\nfiles\n" + root + "/xdg/skep|none|prod\n"
			if out != want || errs != "" || code != 0 {
				t.Errorf("exit %d, output\n%s\nwant\n%s\nerrors %s", code, out, want, errs)
			}
		})
	}
}

func TestEnvFaultsPrintNothing(t *testing.T) {
	t.Parallel()
	root, environment := checkout(t)
	for _, name := range []string{"Pulumi.prod.yaml", "Pulumi.old.yaml"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(oldSalt), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ script, words string }{
		{"scripts/env prod", "run scripts/state init"},
		{"scripts/env nope", "there is no Pulumi.nope.yaml"},
		{"scripts/env 'a;b'", "no name of a stack"},
		{"mv .skep away; PATH=/usr/bin:/bin scripts/env prod || { mv away .skep; false; }", "run: make tools"},
		{"scripts/state init >/dev/null; scripts/env old", "does not fit the salt in"},
	} {
		out, errs, code := shell(t, "bash", root, environment, c.script)
		if out != "" || code == 0 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.words) {
			t.Errorf("%s: exit %d, output %q, error %q: want only one line with %q", c.script, code, out, errs, c.words)
		}
	}
}
