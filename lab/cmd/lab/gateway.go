package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// stopGateway ends the state gateway whose home is about to be removed. The
// gateway holds gateway.lock there as long as it runs, and the file says which
// process that is.
func stopGateway(ctx context.Context, home string) error {
	path := filepath.Join(home, "gateway.lock")
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		pid, err := gatewayPID(path)
		if err != nil || pid == 0 {
			return err
		}
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop state gateway (pid %d): %w", pid, err)
		}
		gone := func(context.Context) error {
			if now, err := gatewayPID(path); err != nil || now == pid {
				return errors.Join(fmt.Errorf("process %d still runs", pid), err)
			}
			return nil
		}
		if poll(ctx, 10*time.Second, gone) == nil {
			return nil
		}
	}
	return fmt.Errorf("stop state gateway: %q is still held: end the process that it names", path)
}

// gatewayPID returns 0 when no gateway runs.
func gatewayPID(path string) (int, error) {
	f, err := os.Open(path)
	if removed(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for state gateway: %w", err)
	}
	defer func() { _ = f.Close() }()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return 0, nil
	}
	var process struct {
		PID int `json:"pid"`
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err == nil {
		err = json.Unmarshal(text, &process)
	}
	if err == nil && process.PID <= 1 {
		err = errors.New("it names no process")
	}
	if err != nil {
		return 0, fmt.Errorf("look for state gateway in %q: %w", path, err)
	}
	return process.PID, nil
}
