package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"skep/lab/instance"
)

// StopUnused stops the daemon and removes its data when no container and no
// labelled network is left on it. It returns whether it did. A daemon that
// does not run cannot tell what is on it, so its data stay.
func (d Daemon) StopUnused(ctx context.Context, label string) (stopped bool, err error) {
	unlock, err := instance.Lock(filepath.Join(d.Run, "lock"))
	if err != nil {
		return false, fmt.Errorf("stop Docker engine: %w", err)
	}
	defer unlock()
	if d.pid() == 0 {
		return false, nil
	}
	if used, err := d.used(ctx, label); err != nil || used {
		return false, err
	}
	if err := d.stop(ctx); err != nil {
		return false, fmt.Errorf("stop Docker engine: %w", err)
	}
	return true, nil
}

func (d Daemon) used(ctx context.Context, label string) (bool, error) {
	containers, err := d.Docker().Containers(ctx)
	if err != nil {
		return false, fmt.Errorf("look for other labs: %w", err)
	}
	networks, err := d.Docker().Networks(ctx, label)
	if err != nil {
		return false, fmt.Errorf("look for other labs: %w", err)
	}
	return len(containers) > 0 || len(networks) > 0, nil
}

func (d Daemon) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	if pid := d.pid(); pid != 0 {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	if err := d.gone(ctx); err != nil {
		return err
	}
	if err := errors.Join(d.restoreForwarding(ctx), d.restoreInotify(inotifySetting)); err != nil {
		return err
	}
	if err := unmountBelow(d.Data, d.Run); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(d.Data), os.RemoveAll(d.Run))
}

func (d Daemon) gone(ctx context.Context) error {
	for d.pid() != 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for its end: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// unmountBelow removes what a killed engine left mounted; a directory with a
// mount in it cannot be removed, and must not be while it shows other files.
func unmountBelow(dirs ...string) error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	lines := strings.Split(string(mounts), "\n")
	// Last mounted, first unmounted.
	for i := len(lines) - 1; i >= 0; i-- {
		fields := strings.Fields(lines[i])
		for _, dir := range dirs {
			if len(fields) > 1 && strings.HasPrefix(fields[1], dir+"/") {
				if err := syscall.Unmount(fields[1], syscall.MNT_DETACH); err != nil {
					return fmt.Errorf("unmount %q: %w", fields[1], err)
				}
			}
		}
	}
	return nil
}
