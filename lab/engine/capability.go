package engine

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// capabilities are the kernel's names in the order of their numbers.
var capabilities = []string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
}

// missingCapabilities returns the capabilities, up to number last, that a
// process with the given /proc/<pid>/status can never get. A container that
// asks for one of them does not start.
func missingCapabilities(status []byte, last int) ([]string, error) {
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		value, found := strings.CutPrefix(lines.Text(), "CapBnd:")
		if !found {
			continue
		}
		bounding, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			return nil, fmt.Errorf("read bounding set %q: %w", strings.TrimSpace(value), err)
		}
		var missing []string
		for number, name := range capabilities {
			if number <= last && bounding&(1<<number) == 0 {
				missing = append(missing, name)
			}
		}
		return missing, nil
	}
	return nil, fmt.Errorf("read bounding set: no CapBnd line")
}

// Grant returns the arguments of docker create that give a container all that
// this machine can give: what systemd, nftables and a nested engine need.
func Grant() ([]string, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, fmt.Errorf("find what containers may do: %w", err)
	}
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return nil, fmt.Errorf("find what containers may do: %w", err)
	}
	number, err := strconv.Atoi(strings.TrimSpace(string(last)))
	if err != nil {
		return nil, fmt.Errorf("find what containers may do: %w", err)
	}
	missing, err := missingCapabilities(status, number)
	if err != nil {
		return nil, err
	}
	var devices []string
	for _, device := range []string{"/dev/net/tun", "/dev/fuse"} {
		if _, err := os.Stat(device); err == nil {
			devices = append(devices, device)
		}
	}
	return grantArgs(missing, devices), nil
}

func grantArgs(missing, devices []string) []string {
	// Never --privileged, even where it would work: it hands the machine's own
	// disks and consoles to a guest that runs udev and gettys.
	args := []string{"--cap-add", "ALL"}
	for _, name := range missing {
		args = append(args, "--cap-drop", name)
	}
	args = append(args,
		"--security-opt", "seccomp=unconfined",
		"--security-opt", "apparmor=unconfined",
		"--security-opt", "systempaths=unconfined",
	)
	for _, device := range devices {
		args = append(args, "--device", device)
	}
	return args
}
