package host

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
)

// ErrUnreachable says that nothing at an address speaks SSH: the machine may be
// off, or the address wrong.
var ErrUnreachable = errors.New("no SSH server answers")

// probeLimit bounds one probe: a machine in reach answers in milliseconds.
const probeLimit = 3 * time.Second

// Probe shakes hands with a machine that exists, without logging in, and says
// whether it is the one that config means. The error wraps ErrUnreachable, or
// names both host keys by their fingerprints.
func Probe(m ExistingArgs) error {
	want, _, _, _, err := ssh.ParseAuthorizedKey([]byte(m.HostKey))
	if err != nil {
		return fmt.Errorf("read host key %q: %w", m.HostKey, err)
	}
	connection, err := net.DialTimeout("tcp", net.JoinHostPort(m.Address.String(), strconv.Itoa(m.Port)), probeLimit)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(probeLimit)); err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	// The key is all that we came for; the callback ends the handshake.
	enough := errors.New("host key seen")
	var have ssh.PublicKey
	_, _, _, err = ssh.NewClientConn(connection, m.Address.String(), &ssh.ClientConfig{
		User:              m.User,
		HostKeyAlgorithms: []string{want.Type()},
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			have = key
			return enough
		},
	})
	switch {
	case have == nil:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	case string(have.Marshal()) != string(want.Marshal()):
		return fmt.Errorf("host key mismatch: config has %s, the machine %s", ssh.FingerprintSHA256(want), ssh.FingerprintSHA256(have))
	}
	return nil
}
