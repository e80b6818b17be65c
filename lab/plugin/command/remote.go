package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
)

// killGrace is how long a command has to end after SIGTERM before SIGKILL.
const killGrace = time.Second

// runRemote runs a command on the host of the connection in props.
func (d dialer) runRemote(
	ctx context.Context, c call, command string, props resource.PropertyMap, previous output,
) (output, resource.PropertyMap, error) {
	conn, err := connectionOf(props)
	if err != nil {
		return output{}, nil, err
	}
	client, err := d.dial(ctx, conn)
	if err != nil {
		return output{}, nil, err
	}
	defer func() { _ = client.Close() }()
	// Opening the session and its environment wait for answers of the host.
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	session, err := client.NewSession()
	if err != nil {
		return output{}, nil, fmt.Errorf("open session on %q: %w", conn.address(), err)
	}
	defer func() { _ = session.Close() }()
	j := newJob(c, command, props, previous)
	if err := j.setEnvironment(session); err != nil {
		j.capture.close()
		return output{}, nil, err
	}
	if !stop() {
		// The connection is closed already, and the command has not begun.
		j.capture.close()
		return output{}, nil, fmt.Errorf("open session on %q: %w", conn.address(), ctx.Err())
	}
	out, err := j.finish(ctx, j.runIn(ctx, client, session))
	return out, nil, err
}

// setEnvironment hands over the variables. A refused one of the program is an
// error; a refused one with earlier output is only a warning, as hardly any
// server accepts them.
func (j *job) setEnvironment(session *ssh.Session) error {
	for _, name := range slices.Sorted(maps.Keys(j.environment)) {
		if err := session.Setenv(name, j.environment[name]); err != nil {
			return fmt.Errorf("could not set environment variable %q: %w:"+
				" list it in AcceptEnv of the host's sshd_config, or set it in the command", name, err)
		}
	}
	for _, variable := range j.previousOutputs() {
		if err := session.Setenv(variable[0], variable[1]); err != nil {
			j.warn(fmt.Sprintf("the host does not accept environment variable %q (%v): list it in AcceptEnv"+
				" of its sshd_config, or set addPreviousOutputInEnv to false", variable[0], err))
		}
	}
	return nil
}

// runIn runs the command in a session and waits for its end, or for the end
// of ctx: then the command gets SIGTERM, a moment later SIGKILL, and the
// connection is closed.
func (j *job) runIn(ctx context.Context, client *link, session *ssh.Session) error {
	session.Stdout = j.capture.writer(&j.capture.stdout, j.logsStdout())
	session.Stderr = j.capture.writer(&j.capture.stderr, j.logsStderr())
	stdin, err := session.StdinPipe()
	if err != nil {
		return fmt.Errorf("open stdin: %w", err)
	}
	ended := make(chan error, 1)
	go func() {
		if err := session.Start(j.command); err != nil {
			ended <- fmt.Errorf("start command: %w", err)
			return
		}
		go func() {
			// A command may end without reading all of its stdin.
			_, _ = io.Copy(stdin, strings.NewReader(j.stdin))
			_ = stdin.Close()
		}()
		ended <- session.Wait()
	}()
	select {
	case err := <-ended:
		return exitError(err)
	case <-ctx.Done():
	}
	tell := func(signal ssh.Signal) { go func() { _ = session.Signal(signal) }() }
	tell(ssh.SIGTERM)
	select {
	case <-ended:
		return ctx.Err()
	case <-time.After(killGrace):
	}
	tell(ssh.SIGKILL)
	select {
	case <-ended:
	case <-time.After(killGrace / 4):
		_ = client.Close()
		<-ended
	}
	return ctx.Err()
}

// exitError words the end of a command as the official provider does.
func exitError(err error) error {
	var missing *ssh.ExitMissingError
	if errors.As(err, &missing) {
		return fmt.Errorf("%w (the connection ended before the command did)", err)
	}
	return err
}
