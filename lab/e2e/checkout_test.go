package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sentence must be in the environment, so that `go test ./...` never starts
// machines by accident.
const (
	variable = "SKEP_LAB_TEST"
	sentence = "may start machines here"
)

// checkout is a copy of this tree with a lab of its own, used as an operator
// uses one: through its scripts and plain pulumi.
type checkout struct {
	t    *testing.T
	root string
	// limit bounds one line of shell.
	limit time.Duration
	// progress shows what lines say while they run.
	progress bool
}

// newCheckout is for tests that `make test` runs.
func newCheckout(t *testing.T) *checkout {
	t.Helper()
	need(t, variable, "make test-lab")
	return copied(t)
}

// need skips the test where nobody asked for it.
func need(t *testing.T, variable, command string) {
	t.Helper()
	if os.Getenv(variable) != sentence {
		t.Skipf("starts machines on this computer: run it by `%s`, or set %s=%q", command, variable, sentence)
	}
}

// copied copies what git knows and what it does not ignore, so that what is
// tested is what would be committed.
func copied(t *testing.T) *checkout {
	t.Helper()
	top, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		t.Fatalf("find the checkout: %v", err)
	}
	c := &checkout{t: t, root: filepath.Join(t.TempDir(), "skep"), limit: 12 * time.Minute}
	copyTree := `mkdir -p "$2" && cd "$1" && git ls-files -coz --exclude-standard | xargs -0 -I{} sh -c 'test -e "{}" && echo "{}"' | tar -cf - -T - | tar -xf - -C "$2" && git -C "$2" init -q`
	if out, err := exec.Command("bash", "-c", copyTree, "copy", strings.TrimSpace(string(top)), c.root).CombinedOutput(); err != nil {
		t.Fatalf("copy the checkout: %v: %s", err, out)
	}
	c.forgetLab()
	return c
}

// forgetLab takes out what the lab of the copied checkout wrote into its config.
func (c *checkout) forgetLab() {
	out, err := exec.Command("git", "show", "HEAD:Pulumi.lab.yaml").Output()
	if err != nil {
		return // not committed yet: then there is nothing to forget
	}
	c.write("Pulumi.lab.yaml", string(out))
}

// run runs a line of shell in the checkout and fails the test if it fails.
func (c *checkout) run(line string) string {
	c.t.Helper()
	out, err := c.try(line)
	if err != nil {
		c.t.Fatalf("%s: %v\n%s", line, err, tail(out))
	}
	return out
}

// try is run for a line that may fail. Its output holds both streams.
func (c *checkout) try(line string) (string, error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), c.limit)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail\n"+line)
	var to io.Writer = &out
	if c.progress {
		to = io.MultiWriter(&out, os.Stderr)
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.root, to, to
	cmd.WaitDelay = 10 * time.Second // a daemon that a line started may hold the pipe
	err := cmd.Run()
	return out.String(), err
}

// pulumi runs a line in the environment of a stack, the way the README says.
func (c *checkout) pulumi(stack, line string) string {
	c.t.Helper()
	return c.run(inStack(stack, line))
}

func inStack(stack, line string) string {
	return fmt.Sprintf("exports=$(scripts/env %s); eval \"$exports\"; %s", stack, line)
}

// data runs a line in a stack's environment and decodes its standard output.
func (c *checkout) data(stack, line string, into any) {
	c.t.Helper()
	out := c.pulumi(stack, line+" 2>/dev/null")
	if err := json.Unmarshal([]byte(out), into); err != nil {
		c.t.Fatalf("%s: read its answer: %v\n%s", line, err, tail(out))
	}
}

// ssh runs a command on a host as an operator does, with the stack's own key
// and the pinned host key.
func (c *checkout) ssh(stack, host, command string) string {
	c.t.Helper()
	return strings.TrimSpace(c.pulumi(stack, fmt.Sprintf("scripts/ssh %s %s", host, quoted(command))))
}

// on runs a command on a host past its sshd: to look, not to prove that one
// can get in.
func (c *checkout) on(host, command string) string {
	c.t.Helper()
	return strings.TrimSpace(c.run(fmt.Sprintf(".skep/bin/lab ssh %s %s", host, quoted(command))))
}

func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// until polls a condition by name until it holds.
func (c *checkout) until(limit time.Duration, what string, holds func() bool) {
	c.t.Helper()
	for end := time.Now().Add(limit); !holds(); {
		if time.Now().After(end) {
			c.t.Fatalf("waited %s for %s in vain", limit, what)
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func (c *checkout) read(path string) string {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.root, path))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(content)
}

func (c *checkout) write(path, content string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.root, path), []byte(content), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// edit replaces text in a file, and fails if it is not there.
func (c *checkout) edit(path, from, to string) {
	c.t.Helper()
	before := c.read(path)
	if !strings.Contains(before, from) {
		c.t.Fatalf("%s does not hold %q:\n%s", path, from, before)
	}
	c.write(path, strings.Replace(before, from, to, 1))
}

// engine runs docker against the lab's engine.
func (c *checkout) engine(args string) string {
	c.t.Helper()
	return strings.TrimSpace(c.run("docker -H " + c.lab().DockerHost + " " + args))
}

// container is the name of the container that plays a host.
func (c *checkout) container(host string) string {
	c.t.Helper()
	for _, name := range strings.Fields(c.engine("ps -a --format {{.Names}}")) {
		if strings.HasPrefix(name, "skep-"+c.lab().ID+"-") && strings.HasSuffix(name, "-"+host) {
			return name
		}
	}
	return ""
}

// lab is what lab.json says of this checkout's lab.
func (c *checkout) lab() (lab struct{ ID, DockerHost string }) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(c.read(".skep/lab/lab.json")), &lab); err != nil {
		c.t.Fatalf("read lab.json: %v", err)
	}
	return lab
}

// labDown ends the lab and looks for anything that still carries its label.
func (c *checkout) labDown() {
	c.t.Helper()
	lab := c.lab()
	if out, err := c.try("scripts/lab down"); err != nil {
		c.t.Errorf("lab down: %v\n%s", err, tail(out))
	}
	if _, err := os.Stat(filepath.Join(c.root, ".skep", "lab")); err == nil {
		c.t.Error("lab down left its folder")
	}
	for _, kind := range []string{"ps -a", "network ls", "volume ls"} {
		left, err := c.try(fmt.Sprintf("docker -H %s %s -q --filter label=skep.lab=%s", lab.DockerHost, kind, lab.ID))
		// An engine that is gone too, as the last lab leaves it, holds nothing.
		if err == nil && strings.TrimSpace(left) != "" {
			c.t.Errorf("lab down left %s: %s", kind, left)
		}
	}
	if strings.Contains(c.read("Pulumi.lab.yaml"), "encryptionsalt") {
		c.t.Error("lab down left its salt in Pulumi.lab.yaml")
	}
}

// tail keeps the end of long output, where faults stand.
func tail(text string) string {
	const most = 6000
	if len(text) > most {
		return "…" + text[len(text)-most:]
	}
	return text
}

// ends has the lab go with its test, and keeps the logs of one that failed.
func (c *checkout) ends() {
	t := c.t
	t.Helper()
	t.Cleanup(func() {
		c.t = t
		if t.Failed() {
			dir := filepath.Join(os.TempDir(), "skep-e2e-logs", t.Name())
			_, _ = c.try(".skep/bin/lab logs --all " + dir)
			t.Logf("logs of all hosts are in %s", dir)
		}
		c.labDown()
	})
}

// step is a part of a cluster's life.
type step struct {
	name string
	run  func(*checkout)
}

// steps are run one after the other; each builds on those before.
func (c *checkout) steps(all []step) {
	t := c.t
	t.Helper()
	for _, step := range all {
		start := time.Now()
		if !t.Run(step.name, func(t *testing.T) {
			c.t = t
			step.run(c)
		}) {
			t.Fatalf("%q failed; what follows builds on it", step.name)
		}
		t.Logf("%s: %s", step.name, time.Since(start).Round(time.Second))
	}
}
