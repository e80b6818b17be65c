package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// runShell is for operators: it reaches a host whatever became of its sshd. As
// with ssh, the words of a command are joined and read by a shell.
func runShell(ctx context.Context, s *session, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return errors.New("run lab ssh: name a host, such as `lab ssh node-1 uptime`; `lab ls` lists them")
	}
	if err := s.open(); err != nil {
		return err
	}
	m, err := s.named(ctx, args[0])
	if err != nil {
		return err
	}
	inside := s.machines().Inside()
	if len(args) == 1 && len(inside) > 0 {
		return fmt.Errorf("run shell on host %q: the lab's line into a virtual machine carries commands only: add one, or use scripts/ssh", args[0])
	}
	terminal := len(inside) == 0 && isTerminal(os.Stdin)
	cmd := s.docker().Command(ctx, execArgs(s.machines().Container(m), inside, args[1:], terminal)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if len(inside) > 0 && isTerminal(os.Stdin) {
		cmd.Stdin = nil // that line is told all of its input at once
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exitCode(exit.ExitCode())
	}
	if err != nil {
		return fmt.Errorf("run shell on host %q: %w", args[0], err)
	}
	return nil
}

// execArgs is the docker command that runs words in a login shell of root;
// inside leads from the container into the machine.
func execArgs(container string, inside, words []string, terminal bool) []string {
	args := []string{"exec", "--interactive"}
	if terminal {
		args = append(args, "--tty", "--env", "TERM="+os.Getenv("TERM"))
	}
	args = append(args, "--env", "HOME=/root", "--workdir", "/root", container)
	args = append(append(args, inside...), "bash", "--login")
	if len(words) > 0 {
		args = append(args, "-c", strings.Join(words, " "))
	}
	return args
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull && !isNull(info)
}

// isNull tells /dev/null, which is a character device too.
func isNull(info os.FileInfo) bool {
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(info, null)
}
