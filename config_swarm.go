package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SwarmConfig is what may be said of the swarm as a whole.
type SwarmConfig struct {
	// Epoch counts the swarm's certificate authorities: a higher one has a new
	// one made.
	Epoch int `json:"epoch"`
	// Autolock lets managers that start anew wait for a key.
	Autolock bool `json:"autolock"`
	// Force names what is to be done although it would be refused: even-managers,
	// or remove:HOST.
	Force []string `json:"force"`
}

const (
	forceEven   = "even-managers"
	forceRemove = "remove:"
)

// leaving are the hosts that may leave the swarm although tasks cannot go with
// them.
func (s SwarmConfig) leaving() []string {
	var names []string
	for _, force := range s.Force {
		if name, ok := strings.CutPrefix(force, forceRemove); ok {
			names = append(names, name)
		}
	}
	return names
}

// validateSwarm refuses what it does not know, and a force that forces nothing:
// it would hide the next mistake.
func (c *Config) validateSwarm() error {
	var faults []error
	if c.Swarm.Epoch < 0 {
		faults = append(faults, fmt.Errorf("skep:swarm.epoch: %d: need 0 or more", c.Swarm.Epoch))
	}
	for i, force := range c.Swarm.Force {
		at := fmt.Sprintf("skep:swarm.force[%d]", i)
		name, remove := strings.CutPrefix(force, forceRemove)
		switch {
		case force == forceEven && c.managers()%2 == 1:
			faults = append(faults, fmt.Errorf("%s: %s forces nothing, the number of managers is odd: remove it", at, force))
		case force == forceEven:
		case !remove || !dnsLabel.MatchString(name):
			faults = append(faults, fmt.Errorf("%s: %q: need %s or %sHOST", at, force, forceEven, forceRemove))
		case slices.ContainsFunc(c.Hosts, func(h HostConfig) bool { return h.Name == name }):
			faults = append(faults, fmt.Errorf("%s: %s forces nothing, %s is in skep:hosts: remove it, or take out the host", at, force, name))
		}
	}
	for i, h := range c.Hosts {
		if !slices.Contains([]string{"active", "pause", "drain"}, h.Availability) {
			faults = append(faults, fmt.Errorf("skep:hosts[%d].availability: %q: need active, pause or drain", i, h.Availability))
		}
	}
	return errors.Join(faults...)
}

// managers counts the hosts that manage the swarm.
func (c *Config) managers() int {
	count := 0
	for _, h := range c.Hosts {
		if h.Manager() {
			count++
		}
	}
	return count
}
