package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"skep/lab/instance"
)

// Daemon is the engine that labs start where the machine runs none. All labs
// of a machine share it; the last one to go down stops it.
type Daemon struct {
	// Data holds images and containers. It is removed when the engine stops.
	Data string
	// Run holds the socket, the pid file and the log.
	Run string
}

// Own is the daemon of this machine's labs.
var Own = Daemon{Data: "/var/lib/skep-lab", Run: "/run/skep-lab"}

// Docker is the client of the daemon.
func (d Daemon) Docker() Docker { return Docker{Host: "unix://" + d.socket()} }

// Log is the path of what the daemon writes.
func (d Daemon) Log() string { return filepath.Join(d.Run, "dockerd.log") }

func (d Daemon) socket() string  { return filepath.Join(d.Run, "docker.sock") }
func (d Daemon) pidFile() string { return filepath.Join(d.Run, "docker.pid") }

// argv starts the daemon beside any other engine: nothing it uses has a
// default place, and it has no bridge of its own, since every lab brings one.
func (d Daemon) argv(storageDriver string) []string {
	argv := []string{
		"dockerd",
		"--host", "unix://" + d.socket(),
		"--data-root", filepath.Join(d.Data, "docker"),
		"--exec-root", filepath.Join(d.Run, "exec"),
		"--pidfile", d.pidFile(),
		"--containerd-namespace", "skep-lab",
		"--containerd-plugins-namespace", "skep-lab-plugins",
		"--bridge", "none",
		"--userland-proxy=false",
		"--shutdown-timeout", "15",
		"--log-level", "warn",
	}
	if storageDriver != "" {
		argv = append(argv, "--storage-driver", storageDriver)
	}
	return argv
}

// Exists tells whether labs left something on the daemon, running or not.
func (d Daemon) Exists() bool {
	_, err := os.Stat(d.Data)
	return err == nil
}

// Start makes sure that the daemon runs and returns whether it had to start
// it. It keeps running after this process has ended.
func (d Daemon) Start(ctx context.Context) (started bool, err error) {
	unlock, err := instance.Lock(filepath.Join(d.Run, "lock"))
	if err != nil {
		return false, fmt.Errorf("start Docker engine: %w", err)
	}
	defer unlock()
	if err := d.raiseInotify(inotifySetting); err != nil {
		return false, fmt.Errorf("start Docker engine: %w", err)
	}
	if d.pid() != 0 && d.Docker().Works(ctx) {
		return false, nil
	}
	if err := d.launch(ctx); err != nil {
		return false, fmt.Errorf("start Docker engine: %w", err)
	}
	return true, d.await(ctx)
}

func (d Daemon) launch(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("no Docker engine answers and starting one needs root: start Docker, or run the lab as root")
	}
	if _, err := exec.LookPath("dockerd"); err != nil {
		return fmt.Errorf("%w: install it with `apt-get install docker.io`", err)
	}
	if err := errors.Join(os.MkdirAll(d.Data, 0o711), d.keepForwarding(ctx)); err != nil {
		return err
	}
	log, err := os.OpenFile(d.Log(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	argv := d.argv(storageDriver(d.Data))
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", log, log
	// A session of its own: Ctrl-C in the operator's terminal is not for it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// storageDriver leaves the choice to Docker, except where the data would lie
// on an overlay (a lab inside a container): overlay on overlay fails.
func storageDriver(dir string) string {
	const overlayMagic = 0x794c7630
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err == nil && fs.Type == overlayMagic {
		return "vfs"
	}
	return ""
}

func (d Daemon) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !d.Docker().Works(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for Docker engine: %w; its log ends:\n%s", ctx.Err(), tail(d.Log(), 10))
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// pid returns the daemon's process, or 0 when it does not run. The pid file
// alone proves nothing: numbers are given again.
func (d Daemon) pid() int {
	text, err := os.ReadFile(d.pidFile())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(command), d.socket()) {
		return 0
	}
	return pid
}

func tail(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
