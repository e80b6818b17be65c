package host

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Login is how to log in to a machine, with every value known.
type Login struct {
	// Name is the host's, for messages.
	Name string
	// Address and Port are where SSH listens.
	Address string
	Port    int
	// User logs in with PrivateKey, a secret; HostKey is the machine's, an
	// authorized_keys line.
	User, PrivateKey, HostKey string
}

// askLimit bounds one question. A machine in reach answers in a tenth of a
// second and a dead one is known by probeLimit; this is for those between.
const askLimit = 30 * time.Second

// Ask runs a short command as root and waits until it has succeeded. The error
// wraps ErrUnreachable, or says what the command said.
func Ask(l Login, command string) error {
	client, err := dial(l, askLimit)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	session, err := client.NewSession()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer func() { _ = session.Close() }()
	var said bytes.Buffer
	session.Stderr = &said
	if err := session.Run(rootLine(l.User, askLimit) + " " + command); err != nil {
		text, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		return errors.Join(err, errors.New(text))
	}
	return nil
}

// dial logs in. The error wraps ErrUnreachable where nothing answers.
func dial(l Login, limit time.Duration) (*ssh.Client, error) {
	signer, err := ssh.ParsePrivateKey([]byte(l.PrivateKey))
	if err != nil {
		return nil, errors.New("the SSH key cannot be read") // the cause may quote it
	}
	pinned, _, _, _, err := ssh.ParseAuthorizedKey([]byte(l.HostKey))
	if err != nil {
		return nil, fmt.Errorf("read host key %q: %w", l.HostKey, err)
	}
	address := net.JoinHostPort(l.Address, strconv.Itoa(l.Port))
	connection, err := net.DialTimeout("tcp", address, probeLimit)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	// It covers the command too: a machine may die while it answers.
	if err := connection.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrUnreachable, err), connection.Close())
	}
	c, channels, requests, err := ssh.NewClientConn(connection, address, &ssh.ClientConfig{
		User: l.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(pinned), HostKeyAlgorithms: []string{pinned.Type()},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("log in as %q: %w", l.User, err), connection.Close())
	}
	return ssh.NewClient(c, channels, requests), nil
}
