package machine

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/lab/engine"
	"skep/lab/instance"
)

func newLab(t *testing.T) *Lab {
	t.Helper()
	return Open(&instance.Instance{
		ID: "0a0b0c0d", Dir: t.TempDir(), Network: "net", PrivateNetwork: "net-private",
		Subnet: netip.MustParsePrefix("10.77.3.0/24"), PrivateSubnet: netip.MustParsePrefix("10.78.3.0/24"),
	})
}

const secret = "-----BEGIN PRIVATE KEY-----"

var node = Machine{
	ID:          123,
	Spec:        Spec{Name: "node-1", Size: "s-1vcpu-2gb", Region: "fra1", UserData: secret, Tags: []string{"a"}},
	PublicIPv4:  netip.MustParseAddr("10.77.3.11"),
	PrivateIPv4: netip.MustParseAddr("10.78.3.11"),
	origin:      "node-1",
}

func TestCreateArgs(t *testing.T) {
	l := newLab(t)
	got, err := l.createArgs(node, l.containerHardware(node, "host:1", []string{"--cap-add", "ALL"}, true))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"create", "--name", "skep-0a0b0c0d-123-node-1", "--hostname", "node-1",
		"--label", "skep.lab=0a0b0c0d", "--label", "skep.machine=123",
		"--label", `skep.spec={"name":"node-1","image":"","region":"fra1","size":"s-1vcpu-2gb","tags":["a"]}`,
		"--label", "skep.public=10.77.3.11", "--network", "net", "--ip", "10.77.3.11",
		"--restart", "unless-stopped", "--pids-limit", "8192", "--log-opt", "max-size=1m",
		"--label", "skep.private=10.78.3.11",
		"--env", "SKEP_LAB_DNS=10.77.3.2", "--cgroupns", "private",
		"--stop-signal", "SIGRTMIN+3", "--stop-timeout", "30",
		"--tmpfs", "/run:exec", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec", "--volume", "/var/lib/docker",
		"--memory", "2g", "--env", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
		"--cap-add", "ALL", "host:1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arguments (-want +got)\n%s", diff)
	}
	if strings.Contains(strings.Join(got, " "), secret) {
		t.Error("user data is in the arguments")
	}
}

func TestLabelsAreTheMemory(t *testing.T) {
	args, err := newLab(t).createArgs(node, nil)
	if err != nil {
		t.Fatal(err)
	}
	var c engine.Container
	c.Config.Labels = map[string]string{}
	for i, arg := range args {
		if arg == "--label" {
			name, value, _ := strings.Cut(args[i+1], "=")
			c.Config.Labels[name] = value
		}
	}
	c.State.Running = true
	got, err := parse(c)
	if err != nil {
		t.Fatal(err)
	}
	want := node
	want.UserData, want.Status = "", Active
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.AllowUnexported(Machine{})); diff != "" {
		t.Errorf("machine (-want +got)\n%s", diff)
	}
}

func TestFreeHost(t *testing.T) {
	at := func(numbers ...byte) []Machine {
		var all []Machine
		for _, n := range numbers {
			all = append(all, Machine{PublicIPv4: netip.AddrFrom4([4]byte{10, 77, 3, n})})
		}
		return all
	}
	var full []byte
	for n := byte(firstHost); n <= lastHost; n++ {
		full = append(full, n)
	}
	for _, test := range []struct {
		name string
		used []byte
		want int
	}{
		{"first", nil, 11},
		{"above the highest", []byte{11, 13}, 14},
		{"round the end", []byte{11, 250}, 12},
		{"full", full, 0},
	} {
		got, err := freeHost(at(test.used...))
		if got != test.want || (err != nil) != (test.want == 0) {
			t.Errorf("%s: got %d, %v; want %d", test.name, got, err, test.want)
		}
	}
}

func TestMemory(t *testing.T) {
	for slug, want := range map[string]string{
		"s-1vcpu-512mb-10gb": "512m", "s-2vcpu-4gb": "4g", "c-2": defaultMemory, "": defaultMemory, "m-2vcpu-16gb": "16g",
		"s-1vcpu-1gb-amd": "1g", "g-2vcpu-8gb": "8g",
	} {
		if got := memory(slug); got != want {
			t.Errorf("%q: got %q, want %q", slug, got, want)
		}
	}
}

func TestHostName(t *testing.T) {
	for name, want := range map[string]bool{
		"node-1": true, "a.b": true, "": false, "-a": false, "A": false, "a_b": false, "a b": false, "a/..": false,
	} {
		if hostName.MatchString(name) != want {
			t.Errorf("%q: want %t", name, want)
		}
	}
}

func TestSeed(t *testing.T) {
	l := newLab(t)
	if err := instance.WriteFile(filepath.Join(l.instance.CADir(), "ca.crt"), []byte("CA"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := node
	m.AuthorizedKeys = []string{"ssh-ed25519 AAAA"}
	archive, err := l.seed(m)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(text)
		if strings.Contains(header.Name, "nocloud") && header.Mode&0o077 != 0 {
			t.Errorf("%s has mode %o: it may hold private keys", header.Name, header.Mode)
		}
	}
	if files["var/lib/cloud/seed/nocloud/user-data"] != secret {
		t.Errorf("user data: %q", files)
	}
	var meta map[string]any
	if err := json.Unmarshal([]byte(files["var/lib/cloud/seed/nocloud/meta-data"]), &meta); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"instance-id": "123", "local-hostname": "node-1", "public-keys": []any{"ssh-ed25519 AAAA"}}
	if diff := cmp.Diff(want, meta); diff != "" {
		t.Errorf("metadata (-want +got)\n%s", diff)
	}
}

func TestOverlay(t *testing.T) {
	l := newLab(t)
	m := node
	if err := l.overlay(&m); err != nil || m.Name != "node-1" {
		t.Errorf("nothing changed: %q, %v", m.Name, err)
	}
	text := []byte(`{"name":"renamed","size":"s-2vcpu-4gb","tags":["b"]}`)
	if err := instance.WriteFile(l.overlayPath(m.ID), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.overlay(&m); err != nil {
		t.Fatal(err)
	}
	if m.Name != "renamed" || m.Size != "s-2vcpu-4gb" || !slices.Equal(m.Tags, []string{"b"}) {
		t.Errorf("changed: %+v", m)
	}
	if got := l.Container(m); got != "skep-0a0b0c0d-123-node-1" {
		t.Errorf("container %q: its name never changes", got)
	}
	if err := os.WriteFile(l.overlayPath(m.ID), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.overlay(&m); err == nil {
		t.Error("half a file was read")
	}
}
