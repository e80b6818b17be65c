package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"skep/state/internal/client"
	"skep/state/internal/daemon"
	"skep/state/internal/home"
)

// TestMain lets the test binary be the program: daemon.Start runs os.Executable under the name skep-state, and so do
// the tests.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "skep-state" {
		main()
	}
	os.Exit(m.Run())
}

// result is how one run of the program ended.
type result struct {
	out, err string
	code     int
}

// program runs skep-state as a process of its own.
func program(t *testing.T, h home.Home, stdin string, args ...string) result {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, self)
	command.Args = append([]string{"skep-state"}, args...)
	command.Env = append(os.Environ(), "SKEP_STATE_HOME="+h.Dir)
	command.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), command.ProcessState.ExitCode()}
}

// mustRun is program for what has to work.
func mustRun(t *testing.T, h home.Home, args ...string) string {
	t.Helper()
	r := program(t, h, "", args...)
	if r.code != 0 {
		t.Fatalf("%v: exit %d: %s", args, r.code, r.err)
	}
	return r.out
}

// mustFail is program for what has to be refused, with one line that holds all the words.
func mustFail(t *testing.T, h home.Home, stdin string, args []string, words ...string) {
	t.Helper()
	r := program(t, h, stdin, args...)
	if r.code != exitFault || r.out != "" || strings.Count(r.err, "\n") != 1 {
		t.Fatalf("%v: exit %d, output %q, error %q: want one line of error only", args, r.code, r.out, r.err)
	}
	for _, word := range words {
		if !strings.Contains(r.err, word) {
			t.Errorf("%v: %q does not say %q", args, r.err, word)
		}
	}
}

// newHome makes a state home whose gateway ends with the test.
func newHome(t *testing.T, args ...string) home.Home {
	t.Helper()
	h := home.Home{Dir: filepath.Join(t.TempDir(), "home")}
	t.Cleanup(func() {
		if _, err := daemon.Stop(h); err != nil {
			t.Error(err)
		}
	})
	mustRun(t, h, append([]string{"init"}, args...)...)
	return h
}

// sharing makes a second home with the key of the first, on the same store.
func sharing(t *testing.T, first home.Home, conf string) home.Home {
	t.Helper()
	second := newHome(t, "--remote-conf", conf)
	bundle := mustRun(t, first, "key", "export")
	if r := program(t, second, bundle, "key", "import"); r.code != 0 {
		t.Fatalf("import the key: %s", r.err)
	}
	return second
}

// folderConf is a remote configuration for a plain folder, as two operators on one NAS have it.
func folderConf(t *testing.T, folder string) string {
	t.Helper()
	return write(t, "[store]\ntype = folder\npath = "+folder+"\n")
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// connect is an S3 client for the running gateway of a home.
func connect(t *testing.T, h home.Home) *minio.Core {
	t.Helper()
	address, err := h.Address()
	if err != nil {
		t.Fatal(err)
	}
	core, err := client.New(h, address)
	if err != nil {
		t.Fatal(err)
	}
	return core
}

// running is the process id of a home's gateway, which must run.
func running(t *testing.T, h home.Home) int {
	t.Helper()
	process, found, err := daemon.Running(h)
	if err != nil || !found {
		t.Fatalf("the gateway does not run: %v", err)
	}
	return process.PID
}

// kill ends a gateway as a crash does.
func kill(t *testing.T, h home.Home) {
	t.Helper()
	if err := syscall.Kill(running(t, h), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the killed gateway to be gone", func() bool {
		_, found, err := daemon.Running(h)
		return err == nil && !found
	})
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}
