package command

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

var dialLines = []line{
	{43, "refused_port", testRefusedPort},
	{44, "no_limit_but_time", testNoLimitButTime},
	{45, "port_opens_late", testPortOpensLate},
	{46, "mute_server", testMuteServer},
	{47, "custom_timeout", testCustomTimeout},
}

// closedPort is the address of a port where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// trying is a connection with limits of its own.
func trying(address string, limit, seconds float64) resource.PropertyMap {
	return with(connectionTo(address, "root", hostKey().line), "dialErrorLimit", limit, "perDialTimeout", seconds)
}

func testRefusedPort(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	address := closedPort(t)
	within(t, 0, func() {
		_, err := r.create(props("connection", trying(address, 0, 15), "create", "true"))
		wantError(t, err, "after 1 failed attempts", address, "connection refused")
	})
	within(t, 200*time.Millisecond, func() {
		_, err := r.create(props("connection", trying(address, 2, 15), "create", "true"))
		wantError(t, err, "after 3 failed attempts")
	})
}

func testNoLimitButTime(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	r.timeout = 3
	within(t, 2500*time.Millisecond, func() {
		_, err := r.create(props("connection", trying(closedPort(t), -1, 15), "create", "true"))
		wantError(t, err, "context deadline exceeded", "failed attempts", "connection refused")
	})
}

func testPortOpensLate(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	address := closedPort(t)
	opened := make(chan error, 1)
	timer := time.AfterFunc(8*time.Second, func() {
		listener, err := net.Listen("tcp", address)
		if err == nil {
			(&fakeSSH{user: "root", host: hostKey()}).listen(t, listener)
		}
		opened <- err
	})
	defer timer.Stop()
	within(t, 8*time.Second, func() {
		r.mustCreate(props("connection", trying(address, 10, 15), "create", "true"))
	})
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
}

// Better than the official provider, which waits for ever.
func testMuteServer(t *testing.T) {
	r := newRig(t, remoteCommandToken)
	f := newFake(t, func(f *fakeSSH) { f.mute = true })
	within(t, 900*time.Millisecond, func() {
		_, err := r.create(props("connection", trying(f.address, 0, 1), "create", "true"))
		wantError(t, err, "no answer from an SSH server", f.address, "after 1 failed attempts")
	})
	if n := f.accepted.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	eventually(t, "the connection is closed", func() bool { return f.open.Load() == 0 })
}

// Better than the official provider, which waits for the command's end.
func testCustomTimeout(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	r.timeout = 2
	told := filepath.Join(t.TempDir(), "told")
	command := `trap 'echo yes >"` + told + `"; exit 1' TERM; echo begun; sleep 60 & wait`
	within(t, 1900*time.Millisecond, func() {
		_, err := r.create(props("connection", f.connection(), "create", command))
		wantError(t, err, "stopped the command", "context deadline exceeded", "begun", "running")
	})
	if _, err := os.Stat(told); err != nil {
		t.Errorf("the command was not told: %v", err)
	}
	eventually(t, "the connection is closed", func() bool { return f.open.Load() == 0 })
	if sshd := findSSHD(t); sshd != nil {
		within(t, 1900*time.Millisecond, func() {
			_, err := r.create(props("connection", sshd.connection(), "create", "trap '' TERM; sleep 60"))
			wantError(t, err, "context deadline exceeded")
		})
	}
	// A command that prints nothing on a host that stopped to answer ends too.
	frozen := newFake(t, func(f *fakeSSH) {
		f.freeze = make(chan struct{})
		f.run = func(s *fakeSession) { <-s.ended }
	})
	defer close(frozen.freeze)
	quick := newRigWith(t, remoteCommandToken, dialer{keepalive: 50 * time.Millisecond})
	within(t, 0, func() {
		_, err := quick.create(props("connection", frozen.connection(), "create", "wait"))
		wantError(t, err, "without exit status")
	})
}
