package compose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"skep/internal/address"
)

// How large a network of a stack may be: each of its tasks and hosts takes an
// address, and Swarm's own are /24.
const (
	largestSubnet  = 16
	smallestSubnet = 28
)

// subnet is the range that a file asks for, or none; faults are in how it asks.
// Of all that compose has under ipam, `docker stack deploy` passes on the
// driver and ranges (docker/cli, cli/compose/convert: networkOptions).
func (f *File) subnet(name string) (netip.Prefix, []Fault) {
	ipam, asked := mapping(f.section("networks")[name])["ipam"]
	if !asked {
		return netip.Prefix{}, nil
	}
	var faults []Fault
	fault := func(what, remedy string, path ...string) {
		faults = append(faults, Fault{Place: f.at(append([]string{"networks", name, "ipam"}, path...)...),
			What: fmt.Sprintf("network %q: %s", name, what), Remedy: remedy})
	}
	for _, key := range sortedKeys(mapping(ipam)) {
		if key != "config" && (key != "driver" || text(mapping(ipam)["driver"]) != "default") {
			fault(fmt.Sprintf("ipam.%s is not for Swarm's networks", key), "leave it out", key)
		}
	}
	ranges := list(mapping(ipam)["config"])
	if len(ranges) != 1 {
		fault(fmt.Sprintf("%d ranges", len(ranges)), "write one, config: [{subnet: 10.96.1.0/24}], or leave ipam out for one that Swarm chooses", "config")
		return netip.Prefix{}, faults
	}
	for _, key := range sortedKeys(mapping(ranges[0])) {
		if key != "subnet" {
			fault(fmt.Sprintf("Swarm ignores ipam.config.%s", key), "leave it out; tasks are reached by their service's name", "config", "0", key)
		}
	}
	told := text(mapping(ranges[0])["subnet"])
	prefix, err := netip.ParsePrefix(told)
	if err != nil || !prefix.Addr().Is4() || prefix != prefix.Masked() || prefix.Bits() < largestSubnet || prefix.Bits() > smallestSubnet {
		fault(fmt.Sprintf("subnet %q", told), fmt.Sprintf("need an IPv4 range of /%d to /%d without host bits, such as 10.96.1.0/24", largestSubnet, smallestSubnet), "config", "0", "subnet")
		return netip.Prefix{}, faults
	}
	return prefix, faults
}

// subnets has a line for each network that is to have a range of its own: the
// swarm's name of it, and the range.
func (f *File) subnets() string {
	var b strings.Builder
	for _, name := range sortedKeys(f.section("networks")) {
		if prefix, _ := f.subnet(name); prefix.IsValid() {
			swarms := text(mapping(f.section("networks")[name])["name"])
			if swarms == "" {
				swarms = f.Stack + "_" + name
			}
			fmt.Fprintf(&b, "%s %s\n", swarms, prefix)
		}
	}
	return b.String()
}

// plannedSubnets checks the ranges that files ask for, against all that there
// is and against one another: Swarm finds out in the middle of a deploy.
func plannedSubnets(files []*File, taken []address.Network) []Fault {
	var faults []Fault
	taken = slices.Clone(taken)
	for _, f := range files {
		for _, name := range sortedKeys(f.section("networks")) {
			prefix, wrong := f.subnet(name)
			faults = append(faults, wrong...)
			if !prefix.IsValid() {
				continue
			}
			own := address.Network{Name: fmt.Sprintf("network %q of stack %q", name, f.Stack), Prefix: prefix}
			for _, other := range taken {
				if other.Prefix.IsValid() && prefix.Overlaps(other.Prefix) {
					faults = append(faults, Fault{Place: f.at("networks", name, "ipam", "config", "0", "subnet"),
						What:   fmt.Sprintf("network %q: %s overlaps %s %s", name, prefix, other.Name, other.Prefix),
						Remedy: "choose another range, or leave ipam out for one that Swarm chooses"})
				}
			}
			taken = append(taken, own)
		}
	}
	return faults
}
