// Package wireguard plans a full mesh and renders it as `wg setconf` and
// `wg syncconf` read it, with keys that mean the same in a .netdev file of
// systemd-networkd: only the headings differ. It is pure: keys come in, text
// goes out.
package wireguard

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"skep/internal/keys"
)

// Overhead is what WireGuard adds to a packet over IPv6: 40 bytes of IPv6, 8
// of UDP, 32 of its own (https://www.wireguard.com/protocol/).
const Overhead = 80

// DefaultMTU is the tunnel's MTU on paths of 1,500 bytes that may be IPv6.
const DefaultMTU = 1500 - Overhead

// DefaultPort is the UDP port that WireGuard listens on.
const DefaultPort = 51820

// keepalive, in seconds, keeps a node reachable behind NAT; 25 is the 30 s
// after which common routers forget a UDP flow (wg(8)).
const keepalive = 25

// Node is one end of the mesh: a host, or a roaming peer such as a laptop.
type Node struct {
	// Name is the name in config. Pairs derive their pre-shared key from it.
	Name string
	// Mesh is the node's only address inside the mesh.
	Mesh netip.Addr
	// Endpoints is where others reach it, at most one for each family of
	// addresses. A node without any is behind NAT: it always dials out itself.
	Endpoints []netip.AddrPort
	// Key is its private key, or nothing for a roaming peer that keeps its own
	// and gave PublicKey.
	Key, PublicKey keys.WireGuardKey
	// Networks are the ranges behind a roaming peer.
	Networks []netip.Prefix
	// Allow names the hosts that a roaming peer may reach; none means all. Each
	// host enforces it, by not knowing the peer.
	Allow []string
	// DNS is the servers and search domains of a roaming peer.
	DNS []string
}

// public is the half of the key that others know.
func (n Node) public() keys.WireGuardKey {
	if n.Key == (keys.WireGuardKey{}) {
		return n.PublicKey
	}
	return n.Key.Public()
}

// ranges are what the node's peers send to it.
func (n Node) ranges() string {
	words := []string{netip.PrefixFrom(n.Mesh, n.Mesh.BitLen()).String()}
	for _, network := range n.Networks {
		words = append(words, network.String())
	}
	slices.Sort(words[1:])
	return strings.Join(words, ", ")
}

// reaches says whether a roaming peer may reach the host, and can: nobody can
// dial a host behind NAT, and nobody knows where a peer roams.
func (n Node) reaches(host Node) bool {
	return len(host.Endpoints) > 0 && (len(n.Allow) == 0 || slices.Contains(n.Allow, host.Name))
}

// dial is where self finds peer: over IPv4 where both have it, else over IPv6.
// It is invalid for a peer that dials in itself. What a node behind NAT has is
// not known, so it gets what the peer has.
func dial(self, peer Node) netip.AddrPort {
	for _, four := range []bool{true, false} {
		speaks := func(e netip.AddrPort) bool { return e.Addr().Is4() == four }
		if i := slices.IndexFunc(peer.Endpoints, speaks); i >= 0 &&
			(len(self.Endpoints) == 0 || slices.ContainsFunc(self.Endpoints, speaks)) {
			return peer.Endpoints[i]
		}
	}
	return netip.AddrPort{}
}

// Mesh is everything that decides the tunnels of a cluster.
type Mesh struct {
	// Network holds every node's mesh address.
	Network netip.Prefix
	// Port is the UDP port of hosts.
	Port int
	// MTU is that of the tunnel, in bytes.
	MTU int
	// Hosts are full members; Roaming peers know all hosts, not one another.
	Hosts, Roaming []Node
	// PreSharedKey gives the key of a pair.
	PreSharedKey func(a, b string) keys.WireGuardKey

	// publics are the nodes' public keys, by name: computed once, since each
	// stands in the config of every other node.
	publics map[string]keys.WireGuardKey
	// shared are the pre-shared keys of pairs of hosts, smaller name first.
	shared map[[2]string]keys.WireGuardKey
}

// HostConfig renders what `wg syncconf` takes for one host: its own key and
// every other host and roaming peer.
func (m Mesh) HostConfig(name string) (string, error) {
	self, err := find(m.Hosts, name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[Interface]\nPrivateKey = %s\nListenPort = %d\n", self.Key.Base64(), m.Port)
	for _, peer := range sorted(m.Hosts) {
		if peer.Name != name {
			m.writePeer(&b, self, peer)
		}
	}
	for _, peer := range sorted(m.Roaming) {
		if peer.reaches(self) {
			m.writePeer(&b, self, peer)
		}
	}
	return b.String(), nil
}

// RoamingConfig renders what wg-quick and WireGuard's own apps take on a
// laptop or phone: the hosts that it may reach, and the address to use there.
func (m Mesh) RoamingConfig(name string) (string, error) {
	self, err := find(m.Roaming, name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	private := "PrivateKey = " + self.Key.Base64()
	if self.Key == (keys.WireGuardKey{}) {
		private = "# Put the line PrivateKey = ... here, with the private half of " + self.PublicKey.Base64()
	}
	fmt.Fprintf(&b, "[Interface]\n# %s\n%s\nAddress = %s/%d\nMTU = %d\n",
		self.Name, private, self.Mesh, m.Network.Bits(), m.MTU)
	if len(self.DNS) > 0 {
		fmt.Fprintf(&b, "DNS = %s\n", strings.Join(self.DNS, ", "))
	}
	for _, peer := range sorted(m.Hosts) {
		if self.reaches(peer) {
			m.writePeer(&b, self, peer)
		}
	}
	return b.String(), nil
}

// writePeer writes one peer. Only a node that nobody can dial sends keepalives:
// between two that can, they would be noise.
func (m Mesh) writePeer(b *strings.Builder, self, peer Node) {
	fmt.Fprintf(b, "\n[Peer]\n# %s\nPublicKey = %s\nPresharedKey = %s\nAllowedIPs = %s\n",
		peer.Name, m.publics[peer.Name].Base64(), m.pairKey(self.Name, peer.Name).Base64(), peer.ranges())
	endpoint := dial(self, peer)
	if !endpoint.IsValid() {
		return
	}
	fmt.Fprintf(b, "Endpoint = %s\n", endpoint)
	if len(self.Endpoints) == 0 {
		fmt.Fprintf(b, "PersistentKeepalive = %d\n", keepalive)
	}
}

// sorted orders by name, so that the order in config changes no file.
func sorted(nodes []Node) []Node {
	return slices.SortedFunc(slices.Values(nodes), func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
}

func find(nodes []Node, name string) (Node, error) {
	i := slices.IndexFunc(nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return Node{}, fmt.Errorf("render mesh of %q: no such node", name)
	}
	return nodes[i], nil
}

// Plan checks a mesh and makes it ready to render. It refuses what WireGuard itself takes without a word and then
// delivers to the wrong place: two nodes with one address, or with one key.
func Plan(m Mesh) (Mesh, error) {
	m.publics, m.shared = map[string]keys.WireGuardKey{}, map[[2]string]keys.WireGuardKey{}
	addresses, owners := map[netip.Addr]string{}, map[keys.WireGuardKey]string{}
	for _, n := range slices.Concat(m.Hosts, m.Roaming) {
		public := n.public()
		if twin, taken := addresses[n.Mesh]; taken {
			return m, fmt.Errorf("mesh address %s belongs to both %q and %q", n.Mesh, twin, n.Name)
		}
		if twin, taken := owners[public]; taken {
			return m, fmt.Errorf("%q and %q have the same WireGuard key", twin, n.Name)
		}
		if !m.Network.Contains(n.Mesh) {
			return m, fmt.Errorf("mesh address %s of %q is outside %s", n.Mesh, n.Name, m.Network)
		}
		addresses[n.Mesh], owners[public] = n.Name, n.Name
		m.publics[n.Name] = public
	}
	return m, m.planPairs()
}

// pairKey is the pre-shared key of a pair. Those of hosts are known already,
// since both ends need them.
func (m Mesh) pairKey(a, b string) keys.WireGuardKey {
	if key, known := m.shared[[2]string{min(a, b), max(a, b)}]; known {
		return key
	}
	return m.PreSharedKey(a, b)
}

// planPairs derives the keys of pairs of hosts, and refuses a pair of which
// neither can dial the other.
func (m Mesh) planPairs() error {
	for i, a := range m.Hosts {
		for _, b := range m.Hosts[:i] {
			if !dial(a, b).IsValid() && !dial(b, a).IsValid() {
				return fmt.Errorf("neither of %q and %q can reach the other: both are behind NAT, or one has only IPv4 and the other only IPv6", b.Name, a.Name)
			}
			m.shared[[2]string{min(a.Name, b.Name), max(a.Name, b.Name)}] = m.PreSharedKey(a.Name, b.Name)
		}
	}
	return nil
}
