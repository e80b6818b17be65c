// Package address plans the networks of a cluster: which ranges belong to
// what, and which address a host has on the mesh.
package address

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Network is an address range and what it is for. Name is the config key that
// sets it, so that a fault can be mended where it was made.
type Network struct {
	Name   string
	Prefix netip.Prefix
}

// Host is the address of the machine with the given id: network + id. The id
// is small, stable and chosen in config, so an address never depends on the
// order or number of machines, and a replaced machine keeps its own.
func Host(network netip.Prefix, id int) (netip.Addr, error) {
	if !network.Addr().Is4() {
		return netip.Addr{}, fmt.Errorf("network %s is not IPv4", network)
	}
	if last := lastID(network); id < 1 || id > last {
		return netip.Addr{}, fmt.Errorf("id %d is outside network %s: it has room for ids 1 to %d", id, network, last)
	}
	base := network.Masked().Addr().As4()
	n := binary.BigEndian.Uint32(base[:]) + uint32(id)
	var out [4]byte
	binary.BigEndian.PutUint32(out[:], n)
	return netip.AddrFrom4(out), nil
}

// lastID is the highest id that is neither the network nor the broadcast address.
func lastID(network netip.Prefix) int {
	return 1<<(32-network.Bits()) - 2
}

// Overlaps reports every pair of networks that share addresses.
func Overlaps(networks []Network) error {
	var faults []error
	for i, a := range networks {
		for _, b := range networks[i+1:] {
			if a.Prefix.Overlaps(b.Prefix) {
				faults = append(faults, fmt.Errorf("%s: %q overlaps %s %q: choose another range for one of them",
					a.Name, a.Prefix, b.Name, b.Prefix))
			}
		}
	}
	return errors.Join(faults...)
}

// Subnets is how many networks of the given prefix length fit into pool.
func Subnets(pool netip.Prefix, bits int) int {
	if bits < pool.Bits() {
		return 0
	}
	return 1 << (bits - pool.Bits())
}
