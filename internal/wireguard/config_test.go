package wireguard

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"skep/internal/golden"
	"skep/internal/keys"
)

func testMesh() Mesh {
	seed := func(b byte) keys.Seed { return keys.Seed(strings.Repeat(string(rune(' '+b)), keys.SeedLen)) }
	host := func(name, mesh, endpoint string, b byte) Node {
		n := Node{Name: name, Mesh: netip.MustParseAddr(mesh), Key: seed(b).WireGuard(name, 0)}
		if endpoint != "" {
			for text := range strings.FieldsSeq(endpoint) {
				n.Endpoints = append(n.Endpoints, netip.MustParseAddrPort(text))
			}
		}
		return n
	}
	m, err := Plan(Mesh{
		Network: netip.MustParsePrefix("10.90.0.0/24"), Port: DefaultPort, MTU: DefaultMTU,
		Hosts: []Node{
			host("node-2", "10.90.0.2", "192.0.2.12:51820", 2),
			host("node-1", "10.90.0.1", "192.0.2.11:51820 [2001:db8::11]:51820", 1),
			host("home-1", "10.90.0.9", "", 9),
		},
		Roaming:      []Node{host("laptop", "10.90.0.201", "", 20)},
		PreSharedKey: func(a, b string) keys.WireGuardKey { return seed(99).PreSharedKey(a, b, 0) },
	})
	if err != nil {
		panic(err) // the mesh is a constant of these tests
	}
	return m
}

func TestConfigs(t *testing.T) {
	m := testMesh()
	host, err := m.HostConfig("node-1")
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join("testdata", "node-1.conf"), host)
	roaming, err := m.RoamingConfig("laptop")
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join("testdata", "laptop.conf"), roaming)
}

// A node that nobody can dial keeps every mapping of its router alive, and
// nobody tries to dial it.
func TestHostBehindNAT(t *testing.T) {
	nated, err := testMesh().HostConfig("home-1")
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join("testdata", "home-1.conf"), nated)
}

func TestDialPrefersAFamilyThatBothHave(t *testing.T) {
	four, six := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("[2001:db8::1]:1")
	node := func(endpoints ...netip.AddrPort) Node { return Node{Endpoints: endpoints} }
	for name, c := range map[string]struct {
		self, peer Node
		want       netip.AddrPort
	}{
		"both have both":       {node(four, six), node(six, four), four},
		"self only IPv6":       {node(six), node(four, six), six},
		"peer only IPv6":       {node(four, six), node(six), six},
		"nothing in common":    {node(four), node(six), netip.AddrPort{}},
		"self behind NAT":      {node(), node(six, four), four},
		"peer behind NAT":      {node(four), node(), netip.AddrPort{}},
		"NAT to an IPv6 world": {node(), node(six), six},
	} {
		if got := dial(c.self, c.peer); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// What a roaming peer may reach is enforced where it counts: a host that it may
// not reach has never heard of it.
func TestRoamingPeerReachesOnlyWhatItMay(t *testing.T) {
	m := testMesh()
	m.Roaming[0].Allow, m.Roaming[0].DNS = []string{"node-2"}, []string{"10.90.0.2", "corp.example.org"}
	laptop, err := m.RoamingConfig("laptop")
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join("testdata", "laptop-allow.conf"), laptop)
	one, _ := m.HostConfig("node-1")
	two, _ := m.HostConfig("node-2")
	public := m.Roaming[0].Key.Public().Base64()
	if strings.Contains(one, public) || !strings.Contains(two, public) {
		t.Error("node-1 must not know the laptop, node-2 must")
	}
}

// hundred is a mesh of a hundred hosts, not planned yet.
func hundred() Mesh {
	m := testMesh()
	m.Network, m.Hosts = netip.MustParsePrefix("10.90.0.0/16"), nil
	for i := range 100 {
		name := fmt.Sprintf("h%d", i)
		m.Hosts = append(m.Hosts, Node{
			Name: name, Mesh: netip.AddrFrom4([4]byte{10, 90, 1, byte(i)}),
			Endpoints: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:1")},
			Key:       keys.Seed(strings.Repeat("x", keys.SeedLen)).WireGuard(name, 0),
		})
	}
	return m
}

// render plans a mesh and every host's config, and returns their bytes.
func render(t testing.TB, m Mesh) int {
	t.Helper()
	m, err := Plan(m)
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, h := range m.Hosts {
		text, err := m.HostConfig(h.Name)
		if err != nil {
			t.Fatal(err)
		}
		size += len(text)
	}
	return size
}

// The bound is 100 ms.
func BenchmarkHundredHosts(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(float64(render(b, hundred()))/100, "B/host")
	}
}

func TestHundredHostsPlanFast(t *testing.T) {
	m := hundred()
	start := time.Now()
	size := render(t, m)
	took := time.Since(start)
	t.Logf("100 hosts: %s, %d bytes for each", took, size/100)
	// Loose, since tests share the processor; the log has the figure.
	if took > time.Second {
		t.Errorf("planning 100 hosts took %s", took)
	}
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

func TestPlanRefusesWhatCannotWork(t *testing.T) {
	address, key, outside := testMesh(), testMesh(), testMesh()
	address.Hosts[0].Mesh = address.Hosts[1].Mesh
	key.Hosts[0].Key = key.Roaming[0].Key
	outside.Roaming[0].Mesh = netip.MustParseAddr("10.91.0.1")
	nat := testMesh()
	nat.Hosts[0].Endpoints = nil
	for name, c := range map[string]struct {
		mesh Mesh
		want string
	}{
		"address": {address, "belongs to both"}, "key": {key, "same WireGuard key"}, "outside": {outside, "outside"},
		"two behind NAT": {nat, "neither of"},
	} {
		if _, err := Plan(c.mesh); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}
