// Package engine talks to a Docker engine through its command line client and
// starts one of the lab's own where none runs.
package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Docker is an engine, reached through the docker client.
type Docker struct {
	// Host is the engine's address as in DOCKER_HOST; empty leaves the choice
	// to the client.
	Host string
}

// RunError is a docker command that failed, with what it said.
type RunError struct {
	Args   []string
	Stderr string
	Err    error
}

// Error names the subcommand and what docker said; arguments stay out of it,
// since they are long and say nothing that docker does not repeat.
func (e *RunError) Error() string {
	said := strings.TrimSpace(e.Stderr)
	if said == "" {
		said = e.Err.Error()
	}
	return fmt.Sprintf("docker %s: %s", e.Args[0], said)
}

// Unwrap returns the cause.
func (e *RunError) Unwrap() error { return e.Err }

// Command prepares a docker command. When its context ends the client is
// asked to stop and killed five seconds later.
func (d Docker) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = os.Environ()
	if d.Host != "" {
		cmd.Env = append(cmd.Env, "DOCKER_HOST="+d.Host, "DOCKER_CONTEXT=")
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Output runs a docker command and returns what it printed.
func (d Docker) Output(ctx context.Context, args ...string) ([]byte, error) {
	return d.Pipe(ctx, nil, args...)
}

// Run runs a docker command for its effect.
func (d Docker) Run(ctx context.Context, args ...string) error {
	_, err := d.Pipe(ctx, nil, args...)
	return err
}

// Pipe runs a docker command with a standard input.
func (d Docker) Pipe(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := d.Command(ctx, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, &RunError{Args: args, Stderr: stderr.String(), Err: err}
	}
	return stdout.Bytes(), nil
}

// Works tells whether the engine answers.
func (d Docker) Works(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := d.Output(ctx, "version", "--format", "{{.Server.Version}}")
	return err == nil && len(bytes.TrimSpace(out)) > 0
}

// inspect decodes what docker inspect says of the named objects.
func (d Docker) inspect(ctx context.Context, kind string, names []string, into any) error {
	if len(names) == 0 {
		return nil
	}
	out, err := d.Output(ctx, append([]string{"inspect", "--type", kind}, names...)...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("read docker inspect of %s: %w", kind, err)
	}
	return nil
}

// list returns the ids that a docker listing prints.
func (d Docker) list(ctx context.Context, args []string, labels []string) ([]string, error) {
	for _, label := range labels {
		args = append(args, "--filter", "label="+label)
	}
	out, err := d.Output(ctx, args...)
	return strings.Fields(string(out)), err
}

// Configured returns the address of the engine that the docker client would
// talk to here. It is written down with the lab, so that a plugin started in
// another environment talks to the same one.
func Configured(ctx context.Context) string {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return host
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := Docker{}.Output(ctx, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
