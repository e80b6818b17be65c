package host

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func testSigner(t *testing.T, seed byte) ssh.Signer {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), ed25519.SeedSize))))
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// serve accepts connections on loopback until the test ends.
func serve(t *testing.T, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go handle(connection)
		}
	}()
	return netip.MustParseAddrPort(listener.Addr().String())
}

func sshServer(signer ssh.Signer) func(net.Conn) {
	return func(connection net.Conn) {
		config := &ssh.ServerConfig{NoClientAuth: true}
		config.AddHostKey(signer)
		_, _, _, _ = ssh.NewServerConn(connection, config)
		_ = connection.Close()
	}
}

func TestProbe(t *testing.T) {
	right, wrong := testSigner(t, 'a'), testSigner(t, 'b')
	at := serve(t, sshServer(right))
	machine := ExistingArgs{Address: at.Addr(), Port: int(at.Port()), User: "root", HostKey: authorized(right)}
	if err := Probe(machine); err != nil {
		t.Errorf("the machine that config means is refused: %v", err)
	}
	machine.HostKey = authorized(wrong)
	err := Probe(machine)
	if err == nil || errors.Is(err, ErrUnreachable) {
		t.Fatalf("another machine passes: %v", err)
	}
	for _, key := range []ssh.Signer{right, wrong} {
		if !strings.Contains(err.Error(), ssh.FingerprintSHA256(key.PublicKey())) {
			t.Errorf("the fault does not name both keys: %v", err)
		}
	}
}

func TestProbeTellsSilenceApart(t *testing.T) {
	silent := serve(t, func(connection net.Conn) { _ = connection.Close() })
	machine := ExistingArgs{Address: silent.Addr(), Port: int(silent.Port()), User: "root", HostKey: authorized(testSigner(t, 'a'))}
	if err := Probe(machine); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a server that is no SSH server gives %v", err)
	}
	machine.Port = 1
	if err := Probe(machine); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a closed port gives %v", err)
	}
}

func authorized(signer ssh.Signer) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

// shellServer lets one key in and runs what it is told to in a shell here.
func shellServer(t *testing.T, hostKey, user ssh.Signer) func(net.Conn) {
	return func(connection net.Conn) {
		config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) != string(user.PublicKey().Marshal()) {
				return nil, errors.New("a stranger")
			}
			return &ssh.Permissions{}, nil
		}}
		config.AddHostKey(hostKey)
		_, channels, requests, err := ssh.NewServerConn(connection, config)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		for offered := range channels {
			channel, requests, err := offered.Accept()
			if err != nil {
				return
			}
			for request := range requests {
				var command struct{ Line string }
				if request.Type != "exec" || ssh.Unmarshal(request.Payload, &command) != nil {
					continue
				}
				_ = request.Reply(true, nil)
				cmd := exec.Command("bash", "-c", command.Line)
				cmd.Stdin, cmd.Stderr = channel, channel.Stderr()
				var exit *exec.ExitError
				status := 0
				if errors.As(cmd.Run(), &exit) {
					status = exit.ExitCode()
				}
				_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
				_ = channel.Close()
			}
		}
	}
}

func TestLook(t *testing.T) {
	hostKey, user := testSigner(t, 'a'), testSigner(t, 'u')
	at := serve(t, shellServer(t, hostKey, user))
	machine := ExistingArgs{Address: at.Addr(), Port: int(at.Port()), User: "root", HostKey: authorized(hostKey)}
	block, err := ssh.MarshalPrivateKey(ed25519.NewKeyFromSeed([]byte(strings.Repeat("u", ed25519.SeedSize))), "")
	if err != nil {
		t.Fatal(err)
	}
	key := string(pem.EncodeToMemory(block))
	script := Script{Name: "look", Text: "#!/usr/bin/env bash\n. \"${0%/*}/prelude.sh\"\ndo_check() { [ \"$2\" = \"a b\" ] || die \"no $2 here\"; }\ndispatch \"$@\"\n"}
	if err := Look(machine, key, script, "--what", "a b"); err != nil {
		t.Errorf("a machine that has all: %v", err)
	}
	if err := Look(machine, key, script, "--what", "c"); err == nil || err.Error() != "no c here" {
		t.Errorf("a machine that lacks something says %v", err)
	}
	machine.HostKey = authorized(user)
	if err := Look(machine, key, script, "--what", "a b"); err == nil {
		t.Error("another machine was asked")
	}
	machine.Port = 1
	if err := Look(machine, key, script); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a closed port gives %v", err)
	}
}
