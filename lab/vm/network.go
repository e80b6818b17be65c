package vm

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
)

// ether is how the names of a container's network devices begin.
const ether = "eth"

// bridgeCommands are the ip commands that put a tap device in the place of a
// container's own: the machine behind it has the addresses, down to that of the
// card, and the container has none.
func bridgeCommands(device, mac string) [][]string {
	number := strings.TrimPrefix(device, ether)
	bridge, tap := "br"+number, "tap"+number
	return [][]string{
		{"link", "add", bridge, "type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0"},
		{"tuntap", "add", tap, "mode", "tap"},
		{"addr", "flush", "dev", device},
		// A bridge keeps what is addressed to one of its own ports.
		{"link", "set", device, "down"},
		{"link", "set", device, "address", own(mac)},
		{"link", "set", device, "master", bridge, "up"},
		{"link", "set", tap, "master", bridge, "up"},
		{"link", "set", bridge, "up"},
	}
}

// own is another address than mac, and as unique: both are of those that are
// given out locally, and the engine's all begin with 02.
func own(mac string) string { return "06" + mac[2:] }

// connect bridges every network of the container and returns the machine's
// cards in their order.
func connect() ([]card, error) {
	devices, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("connect networks: %w", err)
	}
	var cards []card
	for _, d := range devices {
		if !strings.HasPrefix(d.Name, ether) {
			continue
		}
		mac := d.HardwareAddr.String()
		for _, args := range bridgeCommands(d.Name, mac) {
			if said, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
				return nil, fmt.Errorf("connect networks: ip %s: %w: %s", strings.Join(args, " "), err, said)
			}
		}
		cards = append(cards, card{tap: "tap" + strings.TrimPrefix(d.Name, ether), mac: mac})
	}
	return cards, nil
}
