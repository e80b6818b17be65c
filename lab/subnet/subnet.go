// Package subnet chooses the addresses of a lab's networks.
package subnet

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"net"
	"net/netip"
	"os"
	"strings"
)

// Pair is the two networks of a lab; they share a number so that 10.77.3.11
// and 10.78.3.11 are one machine.
type Pair struct {
	Public, Private netip.Prefix
}

// Free returns the first pair that overlaps nothing that is taken.
func Free(taken []netip.Prefix) (Pair, error) {
	for n := range 256 {
		pair := Pair{
			Public:  netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, byte(n), 0}), 24),
			Private: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 78, byte(n), 0}), 24),
		}
		if !overlaps(pair.Public, taken) && !overlaps(pair.Private, taken) {
			return pair, nil
		}
	}
	return Pair{}, fmt.Errorf("choose addresses: nothing is free in 10.77.0.0/16 with 10.78.0.0/16: remove networks or routes there")
}

func overlaps(p netip.Prefix, taken []netip.Prefix) bool {
	for _, other := range taken {
		if p.Overlaps(other) {
			return true
		}
	}
	return false
}

// Routed returns what this machine already sends somewhere: the addresses of
// its interfaces and its routes other than the default one.
func Routed() ([]netip.Prefix, error) {
	text, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return nil, fmt.Errorf("read routes: %w", err)
	}
	taken, err := parseRoutes(string(text))
	if err != nil {
		return nil, fmt.Errorf("read routes: %w", err)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("read addresses of interfaces: %w", err)
	}
	for _, addr := range addrs {
		if p, err := netip.ParsePrefix(addr.String()); err == nil && p.Addr().Is4() {
			taken = append(taken, p.Masked())
		}
	}
	return taken, nil
}

// parseRoutes reads the kernel's IPv4 table: hexadecimal numbers in the
// machine's byte order, which is little-endian wherever Debian runs Docker
// except on s390x.
func parseRoutes(table string) ([]netip.Prefix, error) {
	var found []netip.Prefix
	for lines := bufio.NewScanner(strings.NewReader(table)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 || fields[0] == "Iface" {
			continue
		}
		destination, err := parseHex(fields[1])
		if err != nil {
			return nil, err
		}
		mask, err := parseHex(fields[7])
		if err != nil {
			return nil, err
		}
		length := bits.OnesCount32(binary.BigEndian.Uint32(mask[:]))
		if length > 0 {
			found = append(found, netip.PrefixFrom(netip.AddrFrom4(destination), length))
		}
	}
	return found, nil
}

func parseHex(text string) ([4]byte, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 4 {
		return [4]byte{}, fmt.Errorf("parse %q as an address", text)
	}
	return [4]byte{raw[3], raw[2], raw[1], raw[0]}, nil
}
