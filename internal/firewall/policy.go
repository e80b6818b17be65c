// Package firewall turns one policy into the rules of a host (an nftables table
// of our own) and those of a cloud's firewall, so that the two cannot differ.
package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"skep/internal/address"
)

// Ports of Docker Swarm, which are open inside the mesh only: 2377 manages the
// swarm, 7946 gossips, 4789 carries overlay networks without any check of who
// sent what.
const overlayPort = 4789

var (
	swarmTCP = []int{2377, 7946}
	swarmUDP = []int{overlayPort, 7946}
)

// SwarmOwn says whether a port is one of Docker Swarm's.
func SwarmOwn(protocol string, port int) bool {
	return protocol == "tcp" && slices.Contains(swarmTCP, port) || protocol == "udp" && slices.Contains(swarmUDP, port)
}

// metadata is where clouds tell a machine its user data. Containers have no
// business there.
const metadata = "169.254.169.254"

// Policy says what may reach a host, or all hosts of a cluster.
type Policy struct {
	// SSHPort is open to Admins, which may not be empty.
	SSHPort int
	Admins  []netip.Prefix
	// WebPorts are open to WebSources, or to everybody where that is nil. No
	// ports means that the host takes no visitors.
	WebPorts   []int
	WebSources []netip.Prefix
	// Entries are the other ports of visitors, open to everybody: no proxy stands
	// in front of them.
	Entries []Entry
	// MeshPort is WireGuard's, over UDP and open to everybody: it does not
	// answer those without a key. Without a mesh it is 0.
	MeshPort int
	Mesh     Mesh
	// Docker is the range of the bridges of Docker's on the host.
	Docker netip.Prefix
}

// Mesh says what may come in over the mesh.
type Mesh struct {
	// Interface is the device, Networks the sources that may come over it. No
	// Interface means that there is no mesh: Networks are then the hosts on
	// their LAN, which may reach Swarm's ports, and overlays only encrypted.
	Interface string
	Networks  []netip.Prefix
	// Guests are those of them that are no hosts: they reach everything but
	// the swarm's own ports.
	Guests []netip.Prefix
	// Limited are those guests that reach nothing here but Doors.
	Limited []netip.Prefix
	Doors   []Door
}

// Entry is a port by which visitors come in.
type Entry struct {
	// Protocol is tcp or udp.
	Protocol string
	Port     int
}

// Door is a port of the host that a limited guest reaches.
type Door struct {
	From netip.Prefix
	// Protocol is tcp or udp.
	Protocol string
	Port     int
}

// everywhere is all there is, in both families.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// validate refuses a policy that locks its operator out, or lets everybody in
// where it was to let in some.
func (p *Policy) validate() error {
	var faults []error
	if len(p.Admins) == 0 {
		faults = append(faults, errors.New("no admins: nobody could reach SSH"))
	}
	open := append([]int{p.SSHPort}, p.WebPorts...)
	if p.Mesh.Interface != "" {
		open = append(open, p.MeshPort)
	}
	for _, port := range open {
		if port < 1 || port > 65535 {
			faults = append(faults, fmt.Errorf("port %d: need 1 to 65535", port))
		}
	}
	for _, e := range p.Entries {
		if e.Protocol != "tcp" && e.Protocol != "udp" || e.Port < 1 || e.Port > 65535 {
			faults = append(faults, fmt.Errorf("entry %v: need tcp or udp, and a port", e))
		}
	}
	if len(p.Mesh.Networks) == 0 || !p.Docker.IsValid() {
		faults = append(faults, errors.New("need Mesh.Networks and Docker"))
	}
	for _, d := range p.Mesh.Doors {
		if !slices.Contains(p.Mesh.Limited, d.From) || d.Protocol != "tcp" && d.Protocol != "udp" || d.Port < 1 || d.Port > 65535 {
			faults = append(faults, fmt.Errorf("door %v: need one of Mesh.Limited, tcp or udp, and a port", d))
		}
	}
	if p.WebSources != nil {
		faults = append(faults, CheckSources(p.WebSources))
	}
	faults = append(faults, CheckAdmins("admins", p.Admins))
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("firewall policy: %w", err)
	}
	return nil
}

// CheckAdmins refuses ranges of which one holds another: whoever takes the
// larger one out believes that he has closed what the smaller one leaves open.
// name is the config key, for the message.
func CheckAdmins(name string, ranges []netip.Prefix) error {
	networks := make([]address.Network, len(ranges))
	for i, r := range ranges {
		networks[i] = address.Network{Name: fmt.Sprintf("%s[%d]", name, i), Prefix: r}
	}
	var faults []error
	for i, a := range networks {
		for _, b := range networks[i+1:] {
			if a.Prefix.Overlaps(b.Prefix) {
				faults = append(faults, fmt.Errorf("%s: %s overlaps %s: %s: keep one of them", a.Name, a.Prefix, b.Name, b.Prefix))
			}
		}
	}
	return errors.Join(faults...)
}

// Ranges wider than these are not those of a network of proxies. The widest of
// Cloudflare's are a /13 and a /29. base-ranges.sh holds what it fetches to the
// same.
const (
	widest4 = 10
	widest6 = 20
)

// notPublic is what no visitor on the internet has (RFC 6890), but for the
// ranges of documentation, which are fit for trying things.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("::/3"), netip.MustParsePrefix("4000::/2"), netip.MustParsePrefix("8000::/1"),
}

// CheckSources refuses a list of ranges that cannot be what a network of
// proxies publishes: none at all, one so wide that it means everybody, or one
// that is not public.
func CheckSources(ranges []netip.Prefix) error {
	if len(ranges) == 0 {
		return errors.New("the list of web sources is empty: keep the last good one")
	}
	var faults []error
	for _, r := range ranges {
		least := widest4
		if r.Addr().Is6() {
			least = widest6
		}
		switch {
		case !r.IsValid() || r != r.Masked() || r.Bits() < least:
			faults = append(faults, fmt.Errorf("web source %q: need a range of /%d or smaller, without host bits", r, least))
		case slices.ContainsFunc(notPublic, r.Overlaps):
			faults = append(faults, fmt.Errorf("web source %q: need a public range", r))
		}
	}
	return errors.Join(faults...)
}

// Distinct leaves out ranges that lie in another of the list, which a set of
// the kernel's refuses.
func Distinct(ranges []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for i, r := range ranges {
		if !slices.ContainsFunc(ranges[:i], func(o netip.Prefix) bool { return o == r }) &&
			!slices.ContainsFunc(ranges, func(o netip.Prefix) bool { return o.Bits() < r.Bits() && o.Contains(r.Addr()) }) {
			out = append(out, r)
		}
	}
	return out
}
