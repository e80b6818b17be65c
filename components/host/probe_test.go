package host

import (
	"crypto/ed25519"
	"errors"
	"net"
	"net/netip"
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
