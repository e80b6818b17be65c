package wireguard

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/internal/keys"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func testMesh() Mesh {
	seed := func(b byte) keys.Seed { return keys.Seed(strings.Repeat(string(rune(' '+b)), keys.SeedLen)) }
	host := func(name, mesh, endpoint string, b byte) Node {
		n := Node{Name: name, Mesh: netip.MustParseAddr(mesh), Key: seed(b).WireGuard(name, 0)}
		if endpoint != "" {
			n.Endpoint = netip.MustParseAddrPort(endpoint)
		}
		return n
	}
	return Mesh{
		Network: netip.MustParsePrefix("10.90.0.0/24"), Port: DefaultPort, MTU: DefaultMTU,
		Hosts: []Node{
			host("node-2", "10.90.0.2", "192.0.2.12:51820", 2),
			host("node-1", "10.90.0.1", "192.0.2.11:51820", 1),
			host("home-1", "10.90.0.9", "[2001:db8::9]:51820", 9),
		},
		Roaming:      []Node{host("laptop", "10.90.0.201", "", 20)},
		PreSharedKey: func(a, b string) keys.WireGuardKey { return seed(99).PreSharedKey(a, b, 0) },
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

func TestConfigs(t *testing.T) {
	m := testMesh()
	host, err := m.HostConfig("node-1")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "node-1.conf", host)
	roaming, err := m.RoamingConfig("laptop")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "laptop.conf", roaming)
}

func TestOrderOfHostsChangesNothing(t *testing.T) {
	m := testMesh()
	before, _ := m.HostConfig("node-1")
	slices.Reverse(m.Hosts)
	after, _ := m.HostConfig("node-1")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("config depends on the order of hosts:\n%s", diff)
	}
}

func TestBothEndsShareTheirPreSharedKey(t *testing.T) {
	m := testMesh()
	a, _ := m.HostConfig("node-1")
	b, _ := m.HostConfig("node-2")
	shared := m.PreSharedKey("node-1", "node-2").Base64()
	if !strings.Contains(a, shared) || !strings.Contains(b, shared) {
		t.Error("an end lacks the pair's pre-shared key")
	}
	if strings.Contains(b, m.PreSharedKey("node-1", "home-1").Base64()) {
		t.Error("a host holds the pre-shared key of a pair that it is not part of")
	}
}

func TestValidateFindsTwins(t *testing.T) {
	address, key, outside := testMesh(), testMesh(), testMesh()
	address.Hosts[0].Mesh = address.Hosts[1].Mesh
	key.Hosts[0].Key = key.Roaming[0].Key
	outside.Roaming[0].Mesh = netip.MustParseAddr("10.91.0.1")
	for name, c := range map[string]struct {
		mesh Mesh
		want string
	}{
		"address": {address, "belongs to both"}, "key": {key, "same WireGuard key"}, "outside": {outside, "outside"},
	} {
		if err := c.mesh.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if err := testMesh().Validate(); err != nil {
		t.Errorf("a good mesh is refused: %v", err)
	}
}
