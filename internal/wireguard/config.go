// Package wireguard plans a full mesh and renders it as `wg setconf` and
// `wg syncconf` read it. It is pure: keys come in, text goes out.
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

// keepalive, in seconds, keeps a roaming peer reachable behind NAT; 25 is
// below the 30 s after which common routers forget a UDP flow (wg(8)).
const keepalive = 25

// Node is one end of the mesh: a host, or a roaming peer such as a laptop.
type Node struct {
	// Name is the name in config. Pairs derive their pre-shared key from it.
	Name string
	// Mesh is the node's only address inside the mesh.
	Mesh netip.Addr
	// Endpoint is where others reach it, or invalid for a node that always
	// dials out itself.
	Endpoint netip.AddrPort
	// Key is its private key.
	Key keys.WireGuardKey
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
			m.writePeer(&b, self, peer, 0)
		}
	}
	for _, peer := range sorted(m.Roaming) {
		m.writePeer(&b, self, peer, 0)
	}
	return b.String(), nil
}

// RoamingConfig renders what wg-quick and WireGuard's own apps take on a
// laptop or phone: all hosts, and the address to use there.
func (m Mesh) RoamingConfig(name string) (string, error) {
	self, err := find(m.Roaming, name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[Interface]\n# %s\nPrivateKey = %s\nAddress = %s/%d\nMTU = %d\n",
		self.Name, self.Key.Base64(), self.Mesh, m.Network.Bits(), m.MTU)
	for _, peer := range sorted(m.Hosts) {
		m.writePeer(&b, self, peer, keepalive)
	}
	return b.String(), nil
}

func (m Mesh) writePeer(b *strings.Builder, self, peer Node, keepalive int) {
	fmt.Fprintf(b, "\n[Peer]\n# %s\nPublicKey = %s\nPresharedKey = %s\nAllowedIPs = %s/32\n",
		peer.Name, peer.Key.Public().Base64(), m.PreSharedKey(self.Name, peer.Name).Base64(), peer.Mesh)
	if peer.Endpoint.IsValid() {
		fmt.Fprintf(b, "Endpoint = %s\n", peer.Endpoint)
	}
	if keepalive > 0 {
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

// Validate refuses what WireGuard itself takes without a word and then
// delivers to the wrong place: two nodes with one address, or with one key.
func (m Mesh) Validate() error {
	addresses, owners := map[netip.Addr]string{}, map[keys.WireGuardKey]string{}
	for _, n := range slices.Concat(m.Hosts, m.Roaming) {
		if twin, taken := addresses[n.Mesh]; taken {
			return fmt.Errorf("mesh address %s belongs to both %q and %q", n.Mesh, twin, n.Name)
		}
		if twin, taken := owners[n.Key]; taken {
			return fmt.Errorf("%q and %q have the same WireGuard key", twin, n.Name)
		}
		if !m.Network.Contains(n.Mesh) {
			return fmt.Errorf("mesh address %s of %q is outside %s", n.Mesh, n.Name, m.Network)
		}
		addresses[n.Mesh], owners[n.Key] = n.Name, n.Name
	}
	return nil
}
