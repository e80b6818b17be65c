package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeDocker puts a script named docker first on PATH.
func fakeDocker(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestArgumentsArePassedAsTheyAre(t *testing.T) {
	fakeDocker(t, `printf '%s|' "$DOCKER_HOST" "$@"; cat`)
	got, err := Docker{Host: "unix:///x"}.Pipe(t.Context(), strings.NewReader("in"), "exec", "a b", "$HOME;")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("unix:///x|exec|a b|$HOME;|in", string(got)); diff != "" {
		t.Errorf("command (-want +got)\n%s", diff)
	}
}

func TestErrorSaysWhatDockerSaid(t *testing.T) {
	fakeDocker(t, `echo "Error: No such container: x" >&2; exit 1`)
	err := Docker{}.Run(t.Context(), "rm", "--label", "long")
	if err == nil || err.Error() != "docker rm: Error: No such container: x" {
		t.Errorf("got %v", err)
	}
	if !IsNotFound(fmt.Errorf("outer: %w", err)) {
		t.Error("not taken for a container that is gone")
	}
	if IsNotFound(errors.New("no such luck")) {
		t.Error("any error is taken for one of docker")
	}
}

// Two labs that load the image at once leave the first without a name.
func TestImagesWithoutNames(t *testing.T) {
	fakeDocker(t, `case "$*" in *Repository*) echo "<none>:<none>" ;; *) printf 'sha256:b\nsha256:a\nsha256:b\n' ;; esac`)
	got, err := Docker{}.Images(t.Context(), "label")
	if diff := cmp.Diff([]string{"sha256:a", "sha256:b"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestDeadlineEndsTheCommand(t *testing.T) {
	fakeDocker(t, "exec sleep 60")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := (Docker{}).Run(ctx, "ps"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestDaemonSharesNothing(t *testing.T) {
	d := Daemon{Data: "/data", Run: "/run/x"}
	argv := strings.Join(d.argv("vfs"), " ")
	for _, want := range []string{
		"--host unix:///run/x/docker.sock", "--data-root /data/docker", "--exec-root /run/x/exec",
		"--pidfile /run/x/docker.pid", "--bridge none", "--storage-driver vfs",
	} {
		if !strings.Contains(argv, want) {
			t.Errorf("%q is missing in %q", want, argv)
		}
	}
}

func TestPIDFileAloneProvesNothing(t *testing.T) {
	d := Daemon{Data: t.TempDir(), Run: t.TempDir()}
	if got := d.pid(); got != 0 {
		t.Errorf("no file: pid %d", got)
	}
	if err := os.WriteFile(d.pidFile(), fmt.Appendf(nil, "%d\n", os.Getpid()), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := d.pid(); got != 0 {
		t.Errorf("another process: pid %d", got)
	}
	if stopped, err := d.StopUnused(t.Context(), "skep.lab"); stopped || err != nil {
		t.Errorf("stopped %t, %v", stopped, err)
	}
}
