package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestStopGateway(t *testing.T) {
	home := t.TempDir()
	if err := stopGateway(t.Context(), home); err != nil {
		t.Errorf("no gateway: %v", err)
	}
	path := filepath.Join(home, "gateway.lock")
	// A pid that nobody holds the lock for may be anybody's by now.
	if err := os.WriteFile(path, fmt.Appendf(nil, `{"pid":%d}`, os.Getpid()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := stopGateway(t.Context(), home); err != nil {
		t.Errorf("stale file: %v", err)
	}

	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	// The child inherits the lock, as the gateway holds its own.
	gateway := exec.Command("sleep", "60")
	gateway.ExtraFiles = []*os.File{f}
	if err := gateway.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, fmt.Appendf(nil, `{"pid":%d}`, gateway.Process.Pid), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := stopGateway(t.Context(), home); err != nil {
		t.Errorf("running: %v", err)
	}
	state, err := gateway.Process.Wait()
	if err != nil || state.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("gateway ended with %v, %v", state, err)
	}
}
