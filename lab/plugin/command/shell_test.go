package command

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// runShell runs the command as a login shell would.
func runShell(s *fakeSession) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", s.command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = os.Environ()
	for name, value := range s.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = s.Channel, s.Stderr()
	stdin, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		s.exit(127)
		return
	}
	go func() { _, _ = io.Copy(stdin, s.Channel); _ = stdin.Close() }()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case signal := <-s.signals:
				_ = syscall.Kill(-cmd.Process.Pid, map[string]syscall.Signal{
					"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[signal])
			}
		}
	}()
	err = cmd.Wait()
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		if status := exited.Sys().(syscall.WaitStatus); status.Signaled() {
			s.killed(strings.TrimPrefix(signalName(status.Signal()), "SIG"))
			return
		}
		s.exit(uint32(exited.ExitCode()))
		return
	}
	s.exit(0)
}

func signalName(s syscall.Signal) string {
	return map[syscall.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGKILL: "KILL"}[s]
}
