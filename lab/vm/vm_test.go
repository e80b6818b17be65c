package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironment(t *testing.T) {
	want := Machine{Accelerator: Emulation, Memory: 1024, CPUs: 2}
	for _, variable := range want.Environment() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	if got, err := FromEnvironment(); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	t.Setenv(memoryVariable, "much")
	if _, err := FromEnvironment(); err == nil {
		t.Error("a memory of \"much\" was taken")
	}
}

func TestArgv(t *testing.T) {
	cards := []card{{tap: "tap0", mac: "02:42:0a:4d:00:0b"}, {tap: "tap1", mac: "02:42:0a:4e:00:0b"}}
	got := strings.Join(Machine{Accelerator: Emulation, Memory: 1024, CPUs: 1}.argv(cards), " ")
	for _, want := range []string{
		"-m 1024 -smp 1", "-accel tcg,thread=multi",
		"tap,id=net0,ifname=tap0,script=no,downscript=no -device virtio-net-pci,netdev=net0,mac=02:42:0a:4d:00:0b",
		"netdev=net1,mac=02:42:0a:4e:00:0b",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	if got := (Machine{Accelerator: KVM}).argv(nil); !slices.Contains(got, "kvm") || slices.Contains(got, "max") {
		t.Errorf("with KVM: %q", got)
	}
}

func TestBridgeCommands(t *testing.T) {
	var got []string
	for _, args := range bridgeCommands("eth1", "02:42:0a:4e:00:0b") {
		got = append(got, strings.Join(args, " "))
	}
	want := []string{
		"link add br1 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
		"tuntap add tap1 mode tap",
		"addr flush dev eth1",
		"link set eth1 down",
		"link set eth1 address 06:42:0a:4e:00:0b",
		"link set eth1 master br1 up",
		"link set tap1 master br1 up",
		"link set br1 up",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ip commands (-want +got)\n%s", diff)
	}
}

// serveOn answers each line on a socket with lines.
func serveOn(t *testing.T, greeting string, answer func(request map[string]any) []string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
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
			_, _ = connection.Write([]byte(greeting))
			for lines := bufio.NewScanner(connection); lines.Scan(); {
				var request map[string]any
				if err := json.Unmarshal(lines.Bytes(), &request); err != nil {
					t.Errorf("request %q: %v", lines.Text(), err)
					return
				}
				for _, line := range answer(request) {
					_, _ = connection.Write([]byte(line + "\n"))
				}
			}
			_ = connection.Close()
		}
	}()
	return path
}

func TestExecute(t *testing.T) {
	polls := 0
	var asked map[string]any
	socket := serveOn(t, "", func(request map[string]any) []string {
		arguments, _ := request["arguments"].(map[string]any)
		switch request["execute"] {
		case "guest-sync":
			id, _ := json.Marshal(map[string]any{"return": arguments["id"]})
			// What an earlier dialogue left, and then the answer.
			return []string{`{"return":{"pid":1}}`, `{"return":7}`, string(id)}
		case "guest-exec":
			asked = arguments
			return []string{`{"return":{"pid":42}}`}
		default:
			if polls++; polls < 3 {
				return []string{`{"return":{"exited":false}}`}
			}
			return []string{`{"return":{"exited":true,"exitcode":3,"out-data":"b3V0","err-data":"ZXJy"}}`}
		}
	})
	got, err := execute(t.Context(), socket, []string{"bash", "-c", "x"}, []byte("in"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Result{Code: 3, Stdout: []byte("out"), Stderr: []byte("err")}, got); diff != "" {
		t.Errorf("result (-want +got)\n%s", diff)
	}
	if asked["path"] != "bash" || asked["input-data"] != "aW4=" {
		t.Errorf("asked for %v", asked)
	}
}

func TestExecuteTellsWhatTheAgentSays(t *testing.T) {
	socket := serveOn(t, "", func(request map[string]any) []string {
		if request["execute"] == "guest-sync" {
			id, _ := json.Marshal(map[string]any{"return": request["arguments"].(map[string]any)["id"]})
			return []string{string(id)}
		}
		return []string{`{"error":{"class":"GenericError","desc":"no such program"}}`}
	})
	if _, err := execute(t.Context(), socket, []string{"x"}, nil); err == nil || !strings.Contains(err.Error(), "no such program") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := execute(ctx, filepath.Join(t.TempDir(), "none"), []string{"x"}, nil); err == nil {
		t.Error("a machine that is off ran a command")
	}
}

func TestPress(t *testing.T) {
	var asked []string
	socket := serveOn(t, `{"QMP":{"version":{}}}`+"\n", func(request map[string]any) []string {
		asked = append(asked, request["execute"].(string))
		return []string{`{"event":"RTC_CHANGE"}`, `{"return":{}}`}
	})
	if err := press(socket); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"qmp_capabilities", "system_powerdown"}, asked); diff != "" {
		t.Errorf("commands (-want +got)\n%s", diff)
	}
}
