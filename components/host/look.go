package host

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// lookLimit bounds a look at a machine: it may be slow, and have to load a
// kernel module.
const lookLimit = 2 * time.Minute

// Look runs a script's `check` on a machine that exists, before anything of
// ours is there, and returns what it says is wrong. A check changes nothing, so
// a preview may do it. The error wraps ErrUnreachable where nothing answers, or
// not in time.
func Look(m ExistingArgs, privateKey string, script Script, args ...string) error {
	end := time.Now().Add(lookLimit)
	err := look(Login{
		Address: m.Address.String(), Port: m.Port, User: m.User, PrivateKey: privateKey, HostKey: m.HostKey,
	}, script, args)
	if err != nil && time.Now().After(end) {
		return fmt.Errorf("%w in %s: %w", ErrUnreachable, lookLimit, err)
	}
	return err
}

func look(l Login, script Script, args []string) error {
	client, err := dial(l, lookLimit)
	if err != nil {
		return fmt.Errorf("look at the machine: %w", err)
	}
	defer func() { _ = client.Close() }()
	return check(client, l.User, script, args)
}

func check(client *ssh.Client, user string, script Script, args []string) error {
	session, err := client.NewSession()
	if err != nil {
		return fmt.Errorf("look at the machine: %w", err)
	}
	defer func() { _ = session.Close() }()
	var said bytes.Buffer
	session.Stdin, session.Stderr = strings.NewReader(script.alone()), &said
	line := rootLine(user, lookLimit) + " " + shellWords(append([]string{"bash", "-s", "check"}, args...))
	err = session.Run(line)
	var exit *ssh.ExitError
	if errors.As(err, &exit) && said.Len() > 0 {
		return errors.New(strings.TrimPrefix(strings.TrimSpace(said.String()), "bash: "))
	}
	if err != nil {
		return fmt.Errorf("look at the machine: %w", err)
	}
	return nil
}

// alone is the script's text with what it sources, for a machine without a
// toolbox.
func (s Script) alone() string {
	return strings.Replace(s.Text, `. "${0%/*}/prelude.sh"`, preludeText, 1)
}
