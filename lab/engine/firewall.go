package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"skep/lab/instance"
)

const forwardSetting = "/proc/sys/net/ipv4/ip_forward"

// forwarding is what a Docker engine changes on a machine for good: it starts
// to route, drops what it does not know and adds chains, and leaves all that
// behind when it stops. The lab puts it back.
type forwarding struct {
	// Enabled is the kernel's setting, "0" or "1".
	Enabled string `json:"enabled"`
	// Policy is that of the chain FORWARD.
	Policy string `json:"policy"`
	// Docker tells that another engine's chains were there already.
	Docker bool `json:"docker"`
}

func (d Daemon) forwardingFile() string { return filepath.Join(d.Run, "forwarding.json") }

// keepForwarding writes down how it was before the engine starts for the first
// time since the machine was booted.
func (d Daemon) keepForwarding(ctx context.Context) error {
	if _, err := os.Stat(d.forwardingFile()); err == nil {
		return nil
	}
	enabled, err := os.ReadFile(forwardSetting)
	if err != nil {
		return err
	}
	rules, err := filterRules(ctx)
	if err != nil {
		return err
	}
	before := forwarding{Enabled: strings.TrimSpace(string(enabled)), Policy: forwardPolicy(rules)}
	before.Docker = strings.Contains(rules, "\n:DOCKER-USER ")
	text, err := json.Marshal(before)
	if err != nil {
		return err
	}
	return instance.WriteFile(d.forwardingFile(), text, 0o600)
}

// restoreForwarding undoes what the engine did, unless another one was or is
// there: the chains have the same names.
func (d Daemon) restoreForwarding(ctx context.Context) error {
	text, err := os.ReadFile(d.forwardingFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var before forwarding
	if err == nil {
		err = json.Unmarshal(text, &before)
	}
	if err != nil {
		return fmt.Errorf("restore forwarding: %w", err)
	}
	if before.Docker || engineProcess() {
		return nil
	}
	for _, table := range []string{"raw", "nat", "filter"} {
		rules, err := run(ctx, "iptables-save", "-t", table)
		if err != nil {
			continue // The kernel has no such table, so nothing is in it.
		}
		for _, args := range undoChains(rules) {
			if _, err := run(ctx, "iptables", append([]string{"-t", table}, args...)...); err != nil {
				return fmt.Errorf("restore forwarding: %w", err)
			}
		}
	}
	if _, err := run(ctx, "iptables", "-P", "FORWARD", before.Policy); err != nil {
		return fmt.Errorf("restore forwarding: %w", err)
	}
	return os.WriteFile(forwardSetting, []byte(before.Enabled), 0)
}

// engineProcess tells whether a Docker engine runs on this machine itself:
// those inside hosts share no network with it.
func engineProcess() bool {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return true
	}
	names, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil || strings.TrimSpace(string(text)) != "dockerd" {
			continue
		}
		if other, err := os.Readlink(filepath.Join(filepath.Dir(name), "ns", "net")); err == nil && other == own {
			return true
		}
	}
	return false
}

func forwardPolicy(rules string) string {
	for _, line := range strings.Split(rules, "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == ":FORWARD" {
			return fields[1]
		}
	}
	return "ACCEPT"
}

// undoChains returns the arguments of iptables that remove Docker's rules and
// chains from a table as iptables-save prints it.
func undoChains(rules string) [][]string {
	var jumps, flushes, removals [][]string
	for _, line := range strings.Split(rules, "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) > 1 && strings.HasPrefix(fields[0], ":DOCKER"):
			chain := strings.TrimPrefix(fields[0], ":")
			flushes = append(flushes, []string{"-F", chain})
			removals = append(removals, []string{"-X", chain})
		case len(fields) > 2 && fields[0] == "-A" && !strings.HasPrefix(fields[1], "DOCKER") && jumpsToDocker(fields):
			jumps = append(jumps, append([]string{"-D"}, fields[1:]...))
		}
	}
	return append(append(jumps, flushes...), removals...)
}

func jumpsToDocker(rule []string) bool {
	for i, word := range rule[:len(rule)-1] {
		if (word == "-j" || word == "-g") && strings.HasPrefix(rule[i+1], "DOCKER") {
			return true
		}
	}
	return false
}

func filterRules(ctx context.Context) (string, error) {
	return run(ctx, "iptables-save", "-t", "filter")
}

func run(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return string(out), err
}
