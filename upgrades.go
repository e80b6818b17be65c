package main

import (
	"cmp"
	"slices"
	"time"
)

const (
	// slotLength is time enough for a host's upgrades and a reboot.
	slotLength = 20 * time.Minute
	// managerSlots are as many as there may be managers, workerSlots bound how
	// long the window gets: more workers than that share them.
	managerSlots, workerSlots = 7, 8
)

// upgradeSlots gives each host its time of day in the window for upgrades, by
// name: every manager one of its own, so that no two are away at once, and the
// workers what follows. The order is that of the ids and the managers' slots are
// apart from the workers', so that a host more at the end moves no other.
func (c *Config) upgradeSlots() map[string]string {
	start, err := time.Parse("15:04", c.Upgrades.Window)
	if err != nil {
		return nil // validate has said it
	}
	slots := map[string]string{}
	managers, workers := 0, 0
	for _, h := range slices.SortedFunc(slices.Values(c.Hosts), func(a, b HostConfig) int { return cmp.Compare(a.ID, b.ID) }) {
		slot := managerSlots + workers%workerSlots
		if h.Manager() {
			slot = managers
			managers++
		} else {
			workers++
		}
		slots[h.Name] = start.Add(time.Duration(slot) * slotLength).Format("15:04")
	}
	return slots
}
