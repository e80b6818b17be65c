package command

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

var createLines = []line{
	{18, "preview_does_not_dial", testCreatePreview},
	{19, "no_create_script", testNoCreateScript},
	{20, "streams_apart", testStreamsApart},
	{21, "one_newline_cut", testOneNewlineCut},
	{22, "exit_status", testExitStatus},
	{23, "killed_by_a_signal", testKilledBySignal},
	{24, "closed_without_status", testClosedWithoutStatus},
	{25, "stdin", testStdin},
	{26, "unread_stdin", testUnreadStdin},
	{27, "environment", testEnvironment},
}

func testCreatePreview(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	inputs := props("connection", f.connection(), "create", "echo hi")
	id, state, err := r.createAs(inputs, true)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^box[0-9a-f]{8}$`).MatchString(id) {
		t.Errorf("ID %q, want the name and 8 hex digits", id)
	}
	if !state["stdout"].IsComputed() || !state["stderr"].IsComputed() {
		t.Errorf("outputs %v and %v, want unknown", state["stdout"], state["stderr"])
	}
	if n := f.accepted.Load(); n != 0 {
		t.Errorf("%d connections, want none", n)
	}
	id, _, err = newRig(t, copyToRemoteToken).createAs(
		props("connection", f.connection(), "source", textAsset(t, "x"), "remotePath", "/x"), true)
	if id != "" || err != nil {
		t.Errorf("a copy got ID %q, %v in preview, want none", id, err)
	}
}

func testNoCreateScript(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	state := r.mustCreate(props("connection", f.connection(), "delete", "true"))
	if text(state, "stdout") != "" || text(state, "stderr") != "" || !state["stdout"].IsString() {
		t.Errorf("state %v, want two empty outputs", state)
	}
	if n := f.accepted.Load(); n != 0 {
		t.Errorf("%d connections, want none", n)
	}
}

func testStreamsApart(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	id, state, err := r.createAs(props("connection", f.connection(), "create", "echo out; echo err >&2",
		"stdin", secret("s")), false)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^box[0-9a-f]{8}$`).MatchString(id) {
		t.Errorf("ID %q, want the name and 8 hex digits", id)
	}
	if text(state, "stdout") != "out" || text(state, "stderr") != "err" {
		t.Errorf("outputs %q and %q", text(state, "stdout"), text(state, "stderr"))
	}
	if !state["connection"].IsSecret() || !state["stdin"].IsSecret() || state["stdout"].IsSecret() {
		t.Errorf("secrets in state %v: want connection and stdin", state)
	}
}

func testOneNewlineCut(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	for command, want := range map[string]string{
		`printf 'a\n\n'`: "a\n", `printf 'a\n'`: "a", `printf a`: "a", `true`: "", `printf '\n'`: "",
	} {
		state := r.mustCreate(props("connection", f.connection(), "create", command))
		if got := text(state, "stdout"); got != want {
			t.Errorf("%s gave %q, want %q", command, got, want)
		}
	}
}

func testExitStatus(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	command := "echo seen; echo trouble >&2; exit 3"
	state, err := r.create(props("connection", f.connection(), "create", command))
	wantError(t, err, "Process exited with status 3", fmt.Sprintf("running %q", command), "seen", "trouble")
	if state != nil {
		t.Errorf("state %v, want none", state)
	}
}

func testKilledBySignal(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	_, err := r.create(props("connection", f.connection(), "create", "kill -TERM $$"))
	wantError(t, err, "signal TERM", "running")
}

func testClosedWithoutStatus(t *testing.T) {
	for name, end := range map[string]func(s *fakeSession){
		"session":    func(s *fakeSession) { _ = s.Close() },
		"connection": func(s *fakeSession) { _ = s.conn.Close() },
	} {
		f := newFake(t, func(f *fakeSSH) { f.run = end })
		_, err := newRig(t, remoteCommandToken).create(props("connection", f.connection(), "create", "reboot"))
		if err == nil {
			t.Fatalf("closed %s: no error", name)
		}
		wantError(t, err, "remote command exited without exit status or exit signal", `running "reboot"`)
	}
}

func testStdin(t *testing.T) {
	servers := []*rigAt{{newRig(t, remoteCommandToken), newFake(t, nil).connection()}}
	if sshd := findSSHD(t); sshd != nil {
		servers = append(servers, &rigAt{newRig(t, remoteCommandToken), sshd.connection()})
	}
	for _, at := range servers {
		for _, size := range []int{0, 1, 2 << 20, 8 << 20} {
			data := strings.Repeat("0123456789abcde\n", size/16+1)[:size]
			sum := sha256.Sum256([]byte(data))
			state := at.mustCreate(props("connection", at.connection, "create", "sha256sum", "stdin", data))
			if want := hex.EncodeToString(sum[:]) + "  -"; text(state, "stdout") != want {
				t.Errorf("%d bytes: sum %q, want %q", size, text(state, "stdout"), want)
			}
		}
	}
}

// rigAt is a rig with a server to use.
type rigAt struct {
	*rig
	connection resource.PropertyMap
}

// Better than the official provider, which fails with EOF.
func testUnreadStdin(t *testing.T) {
	data := strings.Repeat("x", 3<<20)
	r, f := newRig(t, remoteCommandToken), newFake(t, func(f *fakeSSH) { f.run = func(s *fakeSession) { s.exit(0) } })
	r.mustCreate(props("connection", f.connection(), "create", "true", "stdin", data))
	if sshd := findSSHD(t); sshd != nil {
		r.mustCreate(props("connection", sshd.connection(), "create", "true", "stdin", data))
	}
}

func testEnvironment(t *testing.T) {
	accepting := newFake(t, nil)
	r := newRig(t, remoteCommandToken)
	inputs := func(connection resource.PropertyMap) resource.PropertyMap {
		return props("connection", connection, "create", `printf %s "$FOO"`, "environment", props("FOO", "a b'c"))
	}
	if got := text(r.mustCreate(inputs(accepting.connection())), "stdout"); got != "a b'c" {
		t.Errorf("FOO = %q", got)
	}
	refusing := newFake(t, func(f *fakeSSH) { f.acceptsEnv = func(string) bool { return false } })
	_, err := r.create(inputs(refusing.connection()))
	wantError(t, err, `could not set environment variable "FOO"`, "setenv failed", "AcceptEnv")
	if sshd := findSSHD(t); sshd != nil {
		_, err := r.create(inputs(sshd.connection()))
		wantError(t, err, `could not set environment variable "FOO"`)
		state := r.mustCreate(props("connection", sshd.connection(), "create", `printf %s "$LC_SKEP"`,
			"environment", props("LC_SKEP", "yes")))
		if text(state, "stdout") != "yes" {
			t.Errorf("LC_SKEP = %q", text(state, "stdout"))
		}
	}
}

var streamLines = []line{
	{28, "long_lines", testLongLines},
	{29, "not_utf8", testNotUTF8},
	{30, "background_process", testBackgroundProcess},
	{31, "logging", testLogging},
	{32, "stdin_is_never_shown", testStdinNeverShown},
}

// Better than the official provider, which hangs from 65,536 bytes on.
func testLongLines(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, func(f *fakeSSH) {
		f.run = func(s *fakeSession) {
			var size int
			_, _ = fmt.Sscanf(s.command, "%d", &size)
			_, _ = io.WriteString(s, strings.Repeat("y", size)+"\n")
			_, _ = io.WriteString(s.Stderr(), strings.Repeat("z", size)+"\n")
			s.exit(0)
		}
	})
	for _, size := range []int{65535, 65536, 1000000} {
		for _, logging := range []string{logStdout, logStderr, logBoth, logNone} {
			within(t, 0, func() {
				state := r.mustCreate(props("connection", f.connection(), "create", itoa(size), "logging", logging))
				if len(text(state, "stdout")) != size || len(text(state, "stderr")) != size {
					t.Errorf("%d bytes with logging %q came as %d and %d", size, logging,
						len(text(state, "stdout")), len(text(state, "stderr")))
				}
			})
		}
	}
	if log := r.engine.log(pulumirpc.LogSeverity_INFO); !strings.Contains(log, "yyy (cut)") {
		t.Errorf("a long line is not marked as cut in the log")
	}
}

// Better than the official provider: the command ran, so it is in the state.
func testNotUTF8(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	state := r.mustCreate(props("connection", f.connection(), "create", `printf 'a\377b\n'`))
	if got := text(state, "stdout"); got != "a\uFFFDb" {
		t.Errorf("stdout %q", got)
	}
	if log := r.engine.log(pulumirpc.LogSeverity_WARNING); !strings.Contains(log, "not UTF-8") {
		t.Errorf("warnings %q", log)
	}
	_, err := r.create(props("connection", f.connection(), "create", `printf 'a\377b\n'; exit 1`))
	wantError(t, err, "a\uFFFDb")
}

func testBackgroundProcess(t *testing.T) {
	sshd := findSSHD(t)
	if sshd == nil {
		t.Skip("how long a session stays open is up to the real sshd")
	}
	r := newRig(t, remoteCommandToken)
	within(t, 900*time.Millisecond, func() {
		state := r.mustCreate(props("connection", sshd.connection(), "create", "sh -c 'sleep 1; echo late' & echo now"))
		if diff := cmp.Diff("now\nlate", text(state, "stdout")); diff != "" {
			t.Error(diff)
		}
	})
	within(t, 0, func() {
		r.mustCreate(props("connection", sshd.connection(), "create", "sleep 60 </dev/null >/dev/null 2>&1 &"))
	})
}

func testLogging(t *testing.T) {
	f := newFake(t, nil)
	for logging, want := range map[string]string{
		logNone: "", logStdout: "out 1\nout 2", logStderr: "err 1", logBoth: "out 1\nout 2\nerr 1", "": "out 1\nout 2\nerr 1",
	} {
		r := newRig(t, remoteCommandToken)
		inputs := props("connection", f.connection(), "create", "echo out 1; printf 'out 2\n'; printf 'err 1' >&2")
		if logging != "" {
			inputs = with(inputs, "logging", logging)
		}
		r.mustCreate(inputs)
		if diff := cmp.Diff(sortedLines(want), sortedLines(r.engine.log(pulumirpc.LogSeverity_INFO))); diff != "" {
			t.Errorf("logging %q: %s", logging, diff)
		}
		for _, message := range r.engine.messages {
			if !message.GetEphemeral() || message.GetUrn() != r.urn() {
				t.Errorf("message %v: want it brief and beside the resource", message)
			}
		}
	}
}

func testStdinNeverShown(t *testing.T) {
	r, f := newRig(t, remoteCommandToken), newFake(t, nil)
	canary := "canary-8f3a21"
	run := func(fails bool, inputs resource.PropertyMap) {
		_, err := r.create(with(inputs, "connection", f.connection()))
		if (err != nil) != fails {
			t.Fatalf("%v: error %v", inputs["create"], err)
		}
		if shown := fmt.Sprint(err, r.engine.messages); strings.Contains(shown, canary) {
			t.Errorf("%v shows the secret:\n%s", inputs["create"], shown)
		}
	}
	for _, command := range []string{"cat >/dev/null", "cat >/dev/null; exit 1", "cat", "cat; exit 1"} {
		run(strings.HasSuffix(command, "exit 1"),
			props("create", command, "stdin", secret("first line\n"+canary+"\n")))
	}
	run(true, props("create", `echo "the key is $KEY"; exit 1`, "environment", props("KEY", secret(canary))))
	run(true, props("create", secret(": "+canary+"; exit 1")))
}
