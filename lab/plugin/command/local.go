package command

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// runLocal runs a command on this machine and gathers the files it made.
func runLocal(
	ctx context.Context, c call, command string, props resource.PropertyMap, previous output,
) (output, resource.PropertyMap, error) {
	dir, ok := textOf(props, "dir")
	if !ok {
		var err error
		if dir, err = os.Getwd(); err != nil {
			return output{}, nil, fmt.Errorf("find working directory: %w", err)
		}
	}
	// The error of a process that cannot start names its program instead.
	if _, err := os.Stat(dir); err != nil {
		return output{}, nil, fmt.Errorf("enter folder of command: %w", err)
	}
	argv := listOf(props, "interpreter")
	if len(argv) == 0 {
		argv = []string{"/bin/sh", "-c"}
	}
	j := newJob(c, command, props, previous)
	out, err := j.finish(ctx, j.runHere(ctx, append(argv, command), dir))
	if err != nil {
		return output{}, nil, err
	}
	files, err := gather(dir, props)
	if err != nil {
		return output{}, nil, err
	}
	return out, files, nil
}

// runHere runs argv in a process group of its own, and waits until nobody
// holds its output open any more. When ctx ends the whole group gets SIGTERM,
// and SIGKILL a moment later.
func (j *job) runHere(ctx context.Context, argv []string, dir string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = os.Environ()
	for name, value := range j.environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	for _, variable := range j.previousOutputs() {
		cmd.Env = append(cmd.Env, variable[0]+"="+variable[1])
	}
	if j.stdin != "" {
		cmd.Stdin = strings.NewReader(j.stdin)
	}
	cmd.Stdout = j.capture.writer(&j.capture.stdout, j.logsStdout())
	cmd.Stderr = j.capture.writer(&j.capture.stderr, j.logsStderr())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start command: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	// A group that is gone already does not mind the signals.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-ended:
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		return ctx.Err()
	case <-time.After(killGrace):
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	select {
	case <-ended:
	case <-time.After(killGrace):
		// Something that left the group still holds the output.
	}
	return ctx.Err()
}
