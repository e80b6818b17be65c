package command

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
)

// keyPair is an SSH key in the forms that tests need.
type keyPair struct {
	signer ssh.Signer
	// private is the PEM text, line the public key as in authorized_keys.
	private, line string
}

func newKeyPair() keyPair {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return keyPairOf(private)
}

func keyPairOf(private any) keyPair {
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		panic(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		panic(err)
	}
	return keyPair{
		signer: signer, private: string(pem.EncodeToMemory(block)),
		line: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))),
	}
}

// userKey logs in at every fake server, hostKey is what they prove to be.
var (
	userKey = sync.OnceValue(newKeyPair)
	hostKey = sync.OnceValue(newKeyPair)
)

// fakeSSH is an SSH server in this process that does what a test wants.
type fakeSSH struct {
	user     string
	password string
	host     keyPair
	// key is the public key that may log in; nil is that of userKey.
	key ssh.PublicKey
	// acceptsEnv says whether a variable is accepted; nil accepts all.
	acceptsEnv func(name string) bool
	// run handles one command; nil runs it with a shell.
	run func(s *fakeSession)
	// serveSFTP handles the sftp subsystem; nil serves the file system.
	serveSFTP func(channel io.ReadWriteCloser)
	// mute accepts connections and never says a word.
	mute bool
	// freeze, once closed, ends all answers to requests of the connection.
	freeze chan struct{}

	listener net.Listener
	address  string
	// accepted counts connections, open those that are not closed.
	accepted, open atomic.Int64
}

// fakeSession is one command that a client wants to run.
type fakeSession struct {
	command string
	env     map[string]string
	ssh.Channel
	// signals gets the names of the signals that the client sends.
	signals chan string
	conn    ssh.Conn
	// ended is closed when the client's requests end.
	ended chan struct{}
}

func (s *fakeSession) exit(status uint32) {
	_, _ = s.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
	_ = s.Close()
}

func (s *fakeSession) killed(signal string) {
	_, _ = s.SendRequest("exit-signal", false, ssh.Marshal(struct {
		Signal     string
		Core       bool
		Error, Tag string
	}{Signal: signal, Error: "killed by test"}))
	_ = s.Close()
}

// newFake starts a server; it ends with the test.
func newFake(t *testing.T, change func(*fakeSSH)) *fakeSSH {
	t.Helper()
	f := &fakeSSH{user: "root", host: hostKey()}
	if change != nil {
		change(f)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.listen(t, listener)
	return f
}

func (f *fakeSSH) listen(t *testing.T, listener net.Listener) {
	f.listener, f.address = listener, listener.Addr().String()
	t.Cleanup(func() { _ = listener.Close() })
	config := f.config()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.accepted.Add(1)
			f.open.Add(1)
			go func() {
				defer f.open.Add(-1)
				defer func() { _ = conn.Close() }()
				f.serve(conn, config)
			}()
		}
	}()
}

func (f *fakeSSH) config() *ssh.ServerConfig {
	want := f.key
	if want == nil {
		want = userKey().signer.PublicKey()
	}
	config := &ssh.ServerConfig{
		MaxAuthTries: 20,
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if meta.User() == f.user && f.password == "" &&
				string(key.Marshal()) == string(want.Marshal()) {
				return nil, nil
			}
			return nil, errors.New("not this key")
		},
	}
	if f.password != "" {
		config.PasswordCallback = func(meta ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if meta.User() == f.user && string(password) == f.password {
				return nil, nil
			}
			return nil, errors.New("not this password")
		}
	}
	config.AddHostKey(f.host.signer)
	return config
}

func (f *fakeSSH) serve(conn net.Conn, config *ssh.ServerConfig) {
	if f.mute {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go func() {
		for request := range requests {
			if f.freeze != nil {
				<-f.freeze
			}
			_ = request.Reply(false, nil)
		}
	}()
	for channel := range channels {
		switch channel.ChannelType() {
		case "session":
			go f.session(server, channel)
		case "direct-tcpip":
			go forward(channel)
		default:
			_ = channel.Reject(ssh.UnknownChannelType, "no such channel")
		}
	}
}

func (f *fakeSSH) session(conn ssh.Conn, newChannel ssh.NewChannel) {
	channel, requests, err := newChannel.Accept()
	if err != nil {
		return
	}
	s := &fakeSession{
		Channel: channel, conn: conn, env: map[string]string{},
		signals: make(chan string, 8), ended: make(chan struct{}),
	}
	defer close(s.ended)
	for request := range requests {
		ok := true
		switch request.Type {
		case "env":
			var variable struct{ Name, Value string }
			_ = ssh.Unmarshal(request.Payload, &variable)
			if ok = f.acceptsEnv == nil || f.acceptsEnv(variable.Name); ok {
				s.env[variable.Name] = variable.Value
			}
		case "exec":
			var exec struct{ Command string }
			_ = ssh.Unmarshal(request.Payload, &exec)
			s.command = exec.Command
			run := f.run
			if run == nil {
				run = runShell
			}
			// The answer must not come after what the command does.
			_ = request.Reply(true, nil)
			go run(s)
			continue
		case "subsystem":
			go f.sftp(channel)
		case "signal":
			var signal struct{ Name string }
			_ = ssh.Unmarshal(request.Payload, &signal)
			s.signals <- signal.Name
		default:
			ok = false
		}
		if request.WantReply {
			_ = request.Reply(ok, nil)
		}
	}
}

func (f *fakeSSH) sftp(channel ssh.Channel) {
	defer func() { _ = channel.Close() }()
	if f.serveSFTP != nil {
		f.serveSFTP(channel)
		return
	}
	server, err := sftp.NewServer(channel)
	if err == nil {
		_ = server.Serve()
	}
}

// forward connects a channel to where the client wants to go through us.
func forward(newChannel ssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}
	_ = ssh.Unmarshal(newChannel.ExtraData(), &to)
	conn, err := net.Dial("tcp", net.JoinHostPort(to.Host, itoa(int(to.Port))))
	if err != nil {
		_ = newChannel.Reject(ssh.ConnectionFailed, "Connection refused")
		return
	}
	channel, requests, err := newChannel.Accept()
	if err != nil {
		_ = conn.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	go func() { _, _ = io.Copy(channel, conn); _ = channel.Close() }()
	_, _ = io.Copy(conn, channel)
	_ = conn.Close()
}

// connection is a connection that works at this server.
func (f *fakeSSH) connection() resource.PropertyMap {
	m := connectionTo(f.address, f.user, f.host.line)
	if f.password != "" {
		m["password"] = resource.NewProperty(f.password)
	}
	return m
}
