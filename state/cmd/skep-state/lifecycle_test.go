package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"skep/state/internal/daemon"
	"skep/state/internal/home"
)

func TestStartStatusStop(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	if r := program(t, h, "", "status"); r.code != exitNotRunning {
		t.Errorf("status before start: exit %d, want %d", r.code, exitNotRunning)
	}
	mustRun(t, h, "start")
	pid := running(t, h)
	mustRun(t, h, "start")
	if again := running(t, h); again != pid {
		t.Errorf("a second start replaced gateway %d by %d", pid, again)
	}
	var s status
	if err := json.Unmarshal([]byte(mustRun(t, h, "status", "--json")), &s); err != nil {
		t.Fatal(err)
	}
	if !s.Running || !s.Answers || s.PID != pid {
		t.Errorf("status = %+v, want running and answering as %d", s, pid)
	}
	mustRun(t, h, "stop")
	if _, found, _ := daemon.Running(h); found {
		t.Error("the gateway runs after stop")
	}
	mustRun(t, h, "stop")
	port := s.Endpoint
	mustRun(t, h, "start")
	if err := json.Unmarshal([]byte(mustRun(t, h, "status", "--json")), &s); err != nil || s.Endpoint != port {
		t.Errorf("endpoint after a restart = %q, %v, want %q", s.Endpoint, err, port)
	}
}

func TestStartsAtOnceMakeOneGateway(t *testing.T) {
	h := newHome(t)
	done := make(chan result)
	for range 5 {
		go func() { done <- program(t, h, "", "start") }()
	}
	started := 0
	for range 5 {
		r := <-done
		if r.code != 0 {
			t.Errorf("start: %s", r.err)
		}
		if strings.HasPrefix(r.out, "started") {
			started++
		}
	}
	if started != 1 {
		t.Errorf("%d of 5 starts started a gateway, want 1", started)
	}
}

// A pid file from before a reboot may name any process.
func TestStaleLockNamesNobody(t *testing.T) {
	h := newHome(t)
	bystander := exec.Command("sleep", "60")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bystander.Process.Kill(); bystander.Wait() })
	text := fmt.Sprintf(`{"pid":%d}`, bystander.Process.Pid)
	if err := os.WriteFile(h.Path("gateway.lock"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := program(t, h, "", "status"); r.code != exitNotRunning {
		t.Errorf("status: exit %d, want %d", r.code, exitNotRunning)
	}
	if out := mustRun(t, h, "stop"); out != "not running\n" {
		t.Errorf("stop said %q", out)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/exe", bystander.Process.Pid)); err != nil {
		t.Error("stop ended a process that was no gateway")
	}
}

func TestTakenPortIsSaid(t *testing.T) {
	first := newHome(t)
	mustRun(t, first, "start")
	port, err := first.Port()
	if err != nil {
		t.Fatal(err)
	}
	second := newHome(t, "--port", strconv.Itoa(port))
	mustFail(t, second, "", []string{"start"}, "address already in use", "scripts/state init --port")
}

func TestCommandsNameTheRemedy(t *testing.T) {
	t.Parallel()
	h := home.Home{Dir: filepath.Join(t.TempDir(), "none")}
	for _, args := range [][]string{{"start"}, {"env"}, {"status"}, {"check"}, {"prune", "--keep", "1"}, {"key", "export"}} {
		mustFail(t, h, "", args, "no state home", "scripts/state init")
	}
	if _, err := os.Stat(h.Dir); err == nil {
		t.Error("a command other than init made the state home")
	}
	for _, args := range [][]string{{}, {"nonsense"}, {"start", "--nonsense"}, {"start", "extra"}} {
		if r := program(t, h, "", args...); r.code != exitUsage {
			t.Errorf("%v: exit %d, want %d", args, r.code, exitUsage)
		}
	}
	for _, c := range commands {
		if r := program(t, h, "", c.name, "--help"); r.code != 0 || !strings.Contains(r.out, "Usage: scripts/state "+c.name) {
			t.Errorf("%s --help: exit %d, %q", c.name, r.code, r.out)
		}
	}
}

func TestOpenHomeIsRefused(t *testing.T) {
	h := newHome(t)
	for _, name := range []string{"passphrase", "key.json", "credentials"} {
		if err := os.Chmod(h.Path(name), 0o644); err != nil {
			t.Fatal(err)
		}
		mustFail(t, h, "", []string{"start"}, "other users may read it", name, "chmod")
		if err := os.Chmod(h.Path(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
