package main

import (
	"errors"
	"fmt"
	"slices"
)

// validatePorts refuses that two things of ours want one port of a host.
func (c *Config) validatePorts() error {
	var faults []error
	if slices.Contains([]int{4789, 7946}, c.Mesh.Port) {
		faults = append(faults, fmt.Errorf("skep:mesh.port: %d: Swarm needs this UDP port: choose another, such as 51820", c.Mesh.Port))
	}
	for i, h := range c.Hosts {
		at := fmt.Sprintf("skep:hosts[%d].port", i)
		switch {
		case !h.Exists():
		case slices.Contains([]int{2377, 7946}, h.Port):
			faults = append(faults, fmt.Errorf("%s: %d: Swarm needs this TCP port: have sshd on %q listen on another", at, h.Port, h.Name))
		case *h.Ingress && slices.Contains([]int{80, 443}, h.Port):
			faults = append(faults, fmt.Errorf("%s: %d: visitors come in there: have sshd on %q listen on another port, or set ingress: false", at, h.Port, h.Name))
		}
	}
	return errors.Join(faults...)
}
