package main

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func slotsOf(window string, roles ...string) map[string]string {
	c := &Config{Upgrades: UpgradesConfig{Window: window}}
	for i, role := range roles {
		c.Hosts = append(c.Hosts, HostConfig{Name: fmt.Sprintf("h%d", i+1), ID: i + 1, Role: role})
	}
	return c.upgradeSlots()
}

func TestManagersHaveUpgradeSlotsOfTheirOwn(t *testing.T) {
	got := slotsOf("23:30", "manager", "worker", "manager", "manager")
	want := map[string]string{"h1": "23:30", "h3": "23:50", "h4": "00:10", "h2": "01:50"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("upgradeSlots (-want +got):\n%s", diff)
	}
	roles := make([]string, 40)
	for i := range roles {
		roles[i] = map[bool]string{true: "manager", false: "worker"}[i%5 == 0 && i < 35]
	}
	managers, all := map[string]bool{}, slotsOf("02:00", roles...)
	for i, role := range roles {
		at := all[fmt.Sprintf("h%d", i+1)]
		if managers[at] {
			t.Errorf("host %d, a %s, shares %s with a manager", i+1, role, at)
		}
		managers[at] = role == "manager"
	}
}

func TestHostAtTheEndMovesNoSlot(t *testing.T) {
	before := slotsOf("02:00", "manager", "worker", "worker")
	for _, role := range []string{"manager", "worker"} {
		after := slotsOf("02:00", "manager", "worker", "worker", role)
		delete(after, "h4")
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("a %s more moved others (-before +after):\n%s", role, diff)
		}
	}
}
