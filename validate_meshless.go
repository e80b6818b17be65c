package main

import (
	"errors"
	"fmt"
	"net/netip"
)

const (
	// etherMTU is what an ordinary LAN carries, jumboMTU the most that any does.
	etherMTU = 1500
	jumboMTU = 9000
)

// meshless says whether hosts talk over their LAN, without WireGuard.
func (c *Config) meshless() bool { return c.Mesh.Mode == "none" }

// validateMode checks what a cluster without a mesh can have: machines that are
// there, with an address that the others reach.
func (c *Config) validateMode() error {
	if !c.meshless() {
		if c.Mesh.Mode != "wireguard" {
			return fmt.Errorf("skep:mesh.mode: %q: need wireguard, or none", c.Mesh.Mode)
		}
		return nil
	}
	var faults []error
	if c.Mesh.MTU < leastMTU || c.Mesh.MTU > jumboMTU {
		faults = append(faults, fmt.Errorf("skep:mesh.mtu: %d: need %d to %d, as much as the LAN between all hosts carries", c.Mesh.MTU, leastMTU, jumboMTU))
	}
	if len(c.Mesh.Peers) > 0 {
		faults = append(faults, errors.New("skep:mesh.peers: roaming peers need a mesh to come in by: remove them, or set skep:mesh.mode to wireguard"))
	}
	if c.Mesh.Userspace != "" {
		faults = append(faults, errors.New("skep:mesh.userspace: there is no WireGuard with skep:mesh.mode none: remove it"))
	}
	taken := map[netip.Addr]string{}
	for i, h := range c.Hosts {
		at := fmt.Sprintf("skep:hosts[%d]", i)
		switch {
		case !h.Exists():
			faults = append(faults, fmt.Errorf("%s: %q is a droplet, and between droplets there is no LAN of ours: without a mesh, need machines that exist, with an address", at, h.Name))
		case !h.Address.Is4():
			faults = append(faults, fmt.Errorf("%s.address: %s: Swarm's data path needs IPv4 where there is no mesh", at, h.Address))
		case h.NAT || len(h.Endpoints) > 0:
			faults = append(faults, fmt.Errorf("%s: nat and endpoints say where the mesh finds %q, and there is none: remove them", at, h.Name))
		case taken[h.Address] != "":
			faults = append(faults, fmt.Errorf("%s.address: %s is taken by %s", at, h.Address, taken[h.Address]))
		}
		taken[h.Address] = at
	}
	return errors.Join(faults...)
}
