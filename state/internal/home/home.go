// Package home is the state home: one directory, readable by its owner only, that holds everything a gateway needs
// and nothing that the store needs. Losing it loses no state as long as the key was exported.
package home

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Names of the files in a state home.
const (
	keyFile         = "key.json"
	passphraseFile  = "passphrase"
	credentialsFile = "credentials"
	portFile        = "port"
	remoteFile      = "remote.conf"
	seenFile        = "store.seen"
	storeDir        = "store"
)

// ErrNotInitialised means that the directory is no state home yet.
var ErrNotInitialised = errors.New("no state home")

// Home is one state home on disk.
type Home struct{ Dir string }

// Locate names the state home that the environment chooses; it need not exist.
func Locate() (Home, error) {
	dir := os.Getenv("SKEP_STATE_HOME")
	if dir == "" {
		base := os.Getenv("XDG_STATE_HOME")
		if base == "" {
			user, err := os.UserHomeDir()
			if err != nil {
				return Home{}, fmt.Errorf("find the state home: %w: set SKEP_STATE_HOME", err)
			}
			base = filepath.Join(user, ".local", "state")
		}
		dir = filepath.Join(base, "skep")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Home{}, fmt.Errorf("find state home %q: %w", dir, err)
	}
	return Home{Dir: abs}, nil
}

// Path is the absolute name of a file in the home.
func (h Home) Path(name string) string { return filepath.Join(h.Dir, name) }

// PassphraseFile is the file that Pulumi reads its passphrase from.
func (h Home) PassphraseFile() string { return h.Path(passphraseFile) }

// CredentialsFile is the AWS shared credentials file with the gateway's access key.
func (h Home) CredentialsFile() string { return h.Path(credentialsFile) }

// RemoteFile is the rclone configuration of the remote; it is missing when the store is a local folder.
func (h Home) RemoteFile() string { return h.Path(remoteFile) }

// StoreDir is the local folder that holds the encrypted objects when no remote is configured.
func (h Home) StoreDir() string { return h.Path(storeDir) }

// Check says what is wrong with the home, if anything: missing, incomplete, or open to other users.
func (h Home) Check() error {
	if _, err := os.Stat(h.Path(keyFile)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w at %q: run scripts/state init", ErrNotInitialised, h.Dir)
	}
	if err := private(h.Dir); err != nil {
		return err
	}
	for _, name := range []string{keyFile, passphraseFile, credentialsFile, portFile} {
		if err := private(h.Path(name)); err != nil {
			return err
		}
	}
	if _, err := os.Stat(h.RemoteFile()); err == nil {
		return private(h.RemoteFile())
	}
	return nil
}

// private refuses a path that anyone but its owner may touch.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read state home: %w: run scripts/state init", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("refuse %q: other users may read it: run chmod go= %q", path, path)
	}
	return nil
}

// Port is the loopback port that this home keeps for its gateway.
func (h Home) Port() (int, error) {
	text, err := os.ReadFile(h.Path(portFile))
	if err != nil {
		return 0, fmt.Errorf("read the gateway's port: %w", err)
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("read the gateway's port: %q in %q is no port: run scripts/state init --port N", strings.TrimSpace(string(text)), h.Path(portFile))
	}
	return port, nil
}

// freePort asks the kernel for a loopback port that nothing uses now.
func freePort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// StoreSeen says whether this home has opened its present store before.
func (h Home) StoreSeen() bool {
	_, err := os.Stat(h.Path(seenFile))
	return err == nil
}

// MarkStoreSeen remembers that the store has objects, so that an unmounted one is not taken for a new one.
func (h Home) MarkStoreSeen() error {
	if h.StoreSeen() {
		return nil
	}
	return h.write(seenFile, nil)
}

// write replaces a file of the home at once, so that a reader never sees half of it.
func (h Home) write(name string, content []byte) error {
	file, err := os.CreateTemp(h.Dir, "."+name+"-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %q: %w", h.Path(name), err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), h.Path(name))
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", h.Path(name), err)
	}
	return nil
}
