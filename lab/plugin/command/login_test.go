package command

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

var loginLines = []line{
	{48, "host_key", testHostKey},
	{49, "no_host_key", testNoHostKey},
	{50, "ways_to_log_in", testWaysToLogIn},
	{51, "proxy", testProxy},
	{52, "connections_are_closed", testConnectionsClosed},
	{53, "many_at_once", testManyAtOnce},
}

func testHostKey(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	run := func(connection resource.PropertyMap, hostKeyLine string) error {
		_, err := r.create(props("create", "true",
			"connection", with(connection, "hostKey", hostKeyLine, "dialErrorLimit", 1.0)))
		return err
	}
	for _, good := range []string{hostKey().line, hostKey().line + " a comment", "host.example " + hostKey().line} {
		if err := run(f.connection(), good); err != nil {
			t.Errorf("host key %q: %v", good, err)
		}
	}
	// A wrong key is tried again: a host has another one while it first boots.
	wrong := newKeyPair()
	wantError(t, run(f.connection(), wrong.line), "after 2 failed attempts", "host key mismatch",
		ssh.FingerprintSHA256(wrong.signer.PublicKey()), ssh.FingerprintSHA256(f.host.signer.PublicKey()))
	before := f.accepted.Load()
	wantError(t, run(f.connection(), "garbage"), "failed to parse host key")
	if f.accepted.Load() != before {
		t.Error("a host key that cannot be read led to a connection")
	}
	// Better than the official provider, which offers only the dead ssh-rsa.
	withRSA := newFake(t, func(f *fakeSSH) { f.host = rsaKey() })
	if err := run(withRSA.connection(), rsaKey().line); err != nil {
		t.Errorf("RSA: %v", err)
	}
	if sshd := findSSHD(t); sshd != nil {
		for _, good := range []string{hostKey().line, rsaKey().line} {
			if err := run(sshd.connection(), good); err != nil {
				t.Errorf("sshd with %.20q: %v", good, err)
			}
		}
		wantError(t, run(sshd.connection(), wrong.line), "host key mismatch")
	}
}

// Decided: refused, before anything is sent. The official provider accepts
// whoever answers.
func testNoHostKey(t *testing.T) {
	f := newFake(t, nil)
	source := props("source", textAsset(t, "x"), "remotePath", filepath.Join(t.TempDir(), "x"))
	for _, token := range []string{remoteCommandToken, copyToRemoteToken} {
		r := newRig(t, token)
		inputs := with(source, "create", "true", "connection", without(f.connection(), "hostKey"))
		_, err := r.create(inputs)
		wantError(t, err, "no host key is given", "set hostKey", f.address)
	}
	proxied := with(f.connection(), "proxy", without(f.connection(), "hostKey"))
	_, err := newRig(t, remoteCommandToken).create(props("create", "true", "connection", proxied))
	wantError(t, err, "proxy: ", "no host key is given")
	if n := f.accepted.Load(); n != 0 {
		t.Errorf("%d connections, want none", n)
	}
}

// startAgent serves an SSH agent that holds a key.
func startAgent(t *testing.T, key any) string {
	t.Helper()
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "agent")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, conn); _ = conn.Close() }()
		}
	}()
	return socket
}

// loginCase is one way to log in.
type loginCase struct {
	name       string
	connection resource.PropertyMap
	environ    string
	// fails is a part of the error; empty means that it works.
	fails string
}

func loginCases(t *testing.T) []loginCase {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	encrypted := string(pem.EncodeToMemory(block))
	f := newFake(t, func(f *fakeSSH) { f.key = signer })
	locked := newFake(t, func(f *fakeSSH) { f.password = "hunter2" })
	socket, dead := startAgent(t, &private), filepath.Join(t.TempDir(), "nobody")
	bare := without(with(f.connection(), "dialErrorLimit", 0.0), "privateKey")
	withKey := with(bare, "privateKey", keyPairOf(private).private)
	noAuth := with(without(locked.connection(), "privateKey", "password"), "dialErrorLimit", 0.0)

	return []loginCase{
		{"password", with(noAuth, "password", "hunter2"), "", ""},
		{"wrong password", with(noAuth, "password", "hunter3"), "", "unable to authenticate"},
		{"private key", withKey, "", ""},
		{"another private key", with(bare, "privateKey", userKey().private), "", "unable to authenticate"},
		{"garbled private key", with(bare, "privateKey", "garbage-c0ffee"), "", "read private key"},
		{"encrypted key", with(bare, "privateKey", encrypted, "privateKeyPassword", "open sesame"), "", ""},
		{"encrypted key, wrong", with(bare, "privateKey", encrypted, "privateKeyPassword", "close"), "", "read private key"},
		{"encrypted key, none", with(bare, "privateKey", encrypted), "", "passphrase protected"},
		{"agent", with(bare, "agentSocketPath", socket), "", ""},
		{"agent of the environment", bare, socket, ""},
		{"agent after a key that is refused", with(bare, "privateKey", userKey().private), socket, ""},
		{"dead agent, good key", with(withKey, "agentSocketPath", dead), "", ""},
		{"dead agent of the environment, good key", withKey, dead, ""},
		{"dead agent alone", with(bare, "agentSocketPath", dead), "", "use SSH agent"},
		{"nothing", bare, "", "unable to authenticate"},
	}
}

func testWaysToLogIn(t *testing.T) {
	for _, tt := range loginCases(t) {
		r := newRigWith(t, remoteCommandToken, dialer{environAgent: tt.environ})
		_, err := r.create(props("connection", tt.connection, "create", "true"))
		if tt.fails == "" && err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.fails != "" {
			wantError(t, err, tt.fails)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("%s: the error has several lines: %v", tt.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "c0ffee") {
			t.Errorf("%s: the error holds the key: %v", tt.name, err)
		}
	}
}

func testProxy(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	jumpKey := newKeyPair()
	jump := newFake(t, func(f *fakeSSH) { f.user, f.key, f.host = "jump", jumpKey.signer.PublicKey(), newKeyPair() })
	target := newFake(t, nil)
	through := with(jump.connection(), "privateKey", jumpKey.private, "dialErrorLimit", 1.0)
	quick := with(target.connection(), "dialErrorLimit", 1.0)

	state := r.mustCreate(props("connection", with(quick, "proxy", through), "create", "echo hi"))
	if text(state, "stdout") != "hi" || jump.accepted.Load() != 1 || target.accepted.Load() != 1 {
		t.Errorf("stdout %q, %d and %d connections", text(state, "stdout"), jump.accepted.Load(), target.accepted.Load())
	}
	eventually(t, "both connections are closed", func() bool { return jump.open.Load()+target.open.Load() == 0 })

	down := closedPort(t)
	lost := with(connectionTo(down, "jump", jump.host.line), "dialErrorLimit", 1.0)
	_, err := r.create(props("connection", with(quick, "proxy", lost), "create", "true"))
	wantError(t, err, "proxy: after 2 failed attempts", down)

	gone := with(connectionTo(down, "root", hostKey().line), "dialErrorLimit", 1.0)
	_, err = r.create(props("connection", with(gone, "proxy", through), "create", "true"))
	wantError(t, err, "reach "+`"`+down+`"`+" through proxy", jump.address, "after 2 failed attempts")
	if strings.Contains(err.Error(), "proxy: ") {
		t.Errorf("error %q blames the proxy", err)
	}
	eventually(t, "the connection to the proxy is closed", func() bool { return jump.open.Load() == 0 })
}

// Better than the official provider, which keeps all 100 open.
func testConnectionsClosed(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, func(f *fakeSSH) {
		f.run = func(s *fakeSession) { s.exit(0) }
	})
	for range 100 {
		r.mustCreate(props("connection", f.connection(), "create", "true"))
	}
	if n := f.accepted.Load(); n != 100 {
		t.Errorf("%d connections, want 100", n)
	}
	eventually(t, "no connection is open", func() bool { return f.open.Load() == 0 })
}

func testManyAtOnce(t *testing.T) {
	if findSSHD(t) == nil {
		t.Skip("MaxStartups is up to the real sshd")
	}
	// One of its own: the others must not be refused for this crowd.
	sshd, err := startSSHD()
	if err != nil {
		t.Fatal(err)
	}
	defer sshd.stop()
	r := newRig(t, remoteCommandToken)
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			_, err := r.create(props("connection", sshd.connection(), "create", "touch '"+dir+"/"+itoa(i)+"'"))
			if err != nil {
				t.Errorf("command %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if made, err := os.ReadDir(dir); err != nil || len(made) != 64 {
		t.Errorf("%d commands ran, %v, want 64", len(made), err)
	}
}
