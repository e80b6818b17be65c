package command

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// realSSHD is OpenSSH's server on a loopback port, as an ordinary child.
type realSSHD struct {
	address, user string
	process       *exec.Cmd
	dir           string
}

// rsaKey is a host key of the kind that the official provider cannot pin.
var rsaKey = sync.OnceValue(func() keyPair {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return keyPairOf(key)
})

// theSSHD starts the one server that the tests share.
var theSSHD = sync.OnceValues(func() (*realSSHD, error) {
	sshd, err := startSSHD()
	if err == nil && sshd != nil {
		stopSSHD = sshd.stop
	}
	return sshd, err
})

// stopSSHD ends the server of theSSHD, if it was started.
var stopSSHD = func() {}

// findSSHD gives the real server, or nil when OpenSSH's is not installed. With
// SKEP_TEST_ALL set that is a failure.
func findSSHD(t *testing.T) *realSSHD {
	t.Helper()
	sshd, err := theSSHD()
	if err != nil {
		t.Fatal(err)
	}
	if sshd == nil {
		absent(t, "sshd", "install the package openssh-server")
	}
	return sshd
}

// absent notes a missing program, and fails when none may be missing.
func absent(t *testing.T, program, remedy string) {
	t.Helper()
	if os.Getenv("SKEP_TEST_ALL") != "" {
		t.Fatalf("find %s: it is not there: %s", program, remedy)
	}
	t.Logf("part of this test is left out because there is no %s: %s", program, remedy)
}

func startSSHD() (*realSSHD, error) {
	const path = "/usr/sbin/sshd"
	if _, err := os.Stat(path); err != nil {
		return nil, nil
	}
	if os.Geteuid() == 0 {
		// Debian makes this folder only when it starts the service.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	// Between finding a free port and listening on it, somebody else may take it.
	for try := 1; ; try++ {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		sshd, err := startOn(path, me.Username, port)
		if err == nil || try == 5 {
			return sshd, err
		}
	}
}

// freePort is a port of the loopback that nobody had a moment ago.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

func startOn(path, user string, port int) (*realSSHD, error) {
	sshd := &realSSHD{address: fmt.Sprintf("127.0.0.1:%d", port), user: user}
	if err := sshd.configure(port); err != nil {
		return nil, err
	}
	log, err := os.Create(sshd.log())
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	sshd.process = exec.Command(path, "-D", "-e", "-f", filepath.Join(sshd.dir, "config"))
	sshd.process.Stderr = log
	if err := sshd.process.Start(); err != nil {
		return nil, err
	}
	return sshd, sshd.wait()
}

// configure writes what the server reads into a folder of its own. HOME is set
// because a shell that sshd starts reads its start files there, and those of a
// developer may take longer than the whole test.
func (s *realSSHD) configure(port int) error {
	var err error
	if s.dir, err = os.MkdirTemp("", "skep-sshd-"); err != nil {
		return err
	}
	config := fmt.Sprintf(`ListenAddress 127.0.0.1
Port %d
HostKey %[2]s/ed25519
HostKey %[2]s/rsa
AuthorizedKeysFile %[2]s/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
AcceptEnv LC_*
SetEnv HOME=%[2]s
Subsystem sftp internal-sftp
`, port, s.dir)
	for name, content := range map[string]string{
		"ed25519": hostKey().private, "rsa": rsaKey().private, "authorized_keys": userKey().line + "\n", "config": config,
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *realSSHD) log() string { return filepath.Join(s.dir, "log") }

// wait waits until the server says that it listens. Whether somebody does is not
// the question: it may be another's port by now.
func (s *realSSHD) wait() error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		said, err := os.ReadFile(s.log())
		if err != nil {
			return err
		}
		if strings.Contains(string(said), "Server listening on") {
			return nil
		}
		if strings.Contains(string(said), "Cannot bind any address") || time.Now().After(deadline) {
			s.stop()
			return fmt.Errorf("start sshd: it does not listen: %s", strings.TrimSpace(string(said)))
		}
	}
}

func (s *realSSHD) stop() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
	_ = os.RemoveAll(s.dir)
}

func (s *realSSHD) connection() resource.PropertyMap {
	return connectionTo(s.address, s.user, hostKey().line)
}

// A port that another has by now is told, and not taken for the server's.
func TestServerThatDoesNotListen(t *testing.T) {
	if findSSHD(t) == nil {
		return
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if _, err := startOn("/usr/sbin/sshd", "root", other.Addr().(*net.TCPAddr).Port); err == nil || !strings.Contains(err.Error(), "Address already in use") {
		t.Errorf("a server without its port was taken for one that listens: %v", err)
	}
}
