package firewall

import (
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/internal/golden"
)

func ranges(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

func standard() Policy {
	return Policy{
		SSHPort: 22, Admins: everywhere, WebPorts: []int{80, 443}, MeshPort: 51820,
		Mesh:   Mesh{Interface: "wg0", Networks: ranges("10.90.0.0/24"), Guests: ranges("10.90.0.201/32")},
		Docker: netip.MustParsePrefix("10.92.0.0/16"),
	}
}

// policies are those of the golden files, by their names.
func policies() map[string]Policy {
	proxied, worker, v4, dual := standard(), standard(), standard(), standard()
	proxied.WebSources = ranges("173.245.48.0/20", "104.16.0.0/13", "2606:4700::/32")
	proxied.Admins = ranges("198.51.100.0/24", "2001:db8:1::/48")
	worker.WebPorts = nil
	v4.SSHPort, v4.Admins, v4.Mesh.Guests = 2222, ranges("192.168.1.0/24", "10.0.0.7/32"), nil
	dual.Mesh.Networks = append(dual.Mesh.Networks, netip.MustParsePrefix("fd00:90::/64"))
	dual.Mesh.Guests = ranges("10.90.0.201/32", "10.90.0.202/32", "fd00:90::c9/128")
	lan := standard()
	lan.MeshPort, lan.Mesh = 0, Mesh{Networks: ranges("192.168.1.11/32", "192.168.1.12/32")}
	limited := standard()
	limited.Mesh.Guests = ranges("10.90.0.201/32", "10.90.0.202/32", "192.168.5.0/24", "fd00:90::c9/128")
	limited.Mesh.Networks = append(limited.Mesh.Networks, ranges("192.168.5.0/24", "fd00:90::/64")...)
	limited.Mesh.Limited = ranges("10.90.0.202/32", "192.168.5.0/24", "fd00:90::c9/128")
	limited.Mesh.Doors = []Door{
		{ranges("192.168.5.0/24")[0], "udp", 53}, {ranges("10.90.0.202/32")[0], "tcp", 443}, {ranges("fd00:90::c9/128")[0], "tcp", 443},
	}
	entries := proxied
	entries.Entries = []Entry{{"udp", 53}, {"tcp", 465}, {"tcp", 25}}
	return map[string]Policy{"entries": entries, "lan": lan, "limited": limited, "standard": standard(), "proxied": proxied, "worker": worker, "v4": v4, "dual": dual}
}

func TestTables(t *testing.T) {
	for name, policy := range policies() {
		t.Run(name, func(t *testing.T) {
			got, err := policy.Table()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".nft")
			golden.Compare(t, path, got)
			check(t, path)
		})
	}
}

// check lets nft read a table without loading it, where there is an nft that
// may ask the kernel.
func check(t *testing.T, path string) {
	probe := exec.Command("nft", "-c", "-f", "-")
	probe.Stdin = strings.NewReader("table inet skep_probe\n")
	if probe.Run() != nil {
		t.Logf("no nft here that may ask the kernel: %s is not checked", path)
		return
	}
	if out, err := exec.Command("nft", "-c", "-f", path).CombinedOutput(); err != nil {
		t.Errorf("nft refuses %s: %v\n%s", path, err, out)
	}
}

func TestTableDoesNotDependOnOrder(t *testing.T) {
	one, other := policies()["proxied"], policies()["proxied"]
	other.WebSources = ranges("2606:4700::/32", "104.16.0.0/13", "173.245.48.0/20")
	a, _ := one.Table()
	b, _ := other.Table()
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("the order of sources changes the table:\n%s", diff)
	}
}

func TestCloud(t *testing.T) {
	got, err := policies()["entries"].Cloud()
	if err != nil {
		t.Fatal(err)
	}
	web := []string{"173.245.48.0/20", "104.16.0.0/13", "2606:4700::/32"}
	everybody := []string{"0.0.0.0/0", "::/0"}
	want := []CloudRule{
		{"tcp", "22", []string{"198.51.100.0/24", "2001:db8:1::/48"}},
		{"tcp", "80", web}, {"tcp", "443", web},
		{"udp", "53", everybody}, {"tcp", "465", everybody}, {"tcp", "25", everybody},
		{"udp", "51820", []string{"0.0.0.0/0", "::/0"}},
		{"icmp", "", []string{"0.0.0.0/0", "::/0"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the cloud's rules differ (-want +got):\n%s", diff)
	}
}

func TestPoliciesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Policy)
		want   string
	}{
		"no admins":          {func(p *Policy) { p.Admins = nil }, "nobody could reach SSH"},
		"overlapping admins": {func(p *Policy) { p.Admins = ranges("10.0.0.0/8", "10.1.0.0/16") }, "admins[0]: 10.0.0.0/8 overlaps admins[1]"},
		"no port":            {func(p *Policy) { p.SSHPort = 0 }, "port 0"},
		"empty sources":      {func(p *Policy) { p.WebSources = []netip.Prefix{} }, "empty"},
		"all the world":      {func(p *Policy) { p.WebSources = ranges("104.16.0.0/13", "0.0.0.0/0") }, `"0.0.0.0/0"`},
		"all of IPv6":        {func(p *Policy) { p.WebSources = ranges("::/0") }, `"::/0"`},
		"too wide":           {func(p *Policy) { p.WebSources = ranges("104.0.0.0/9") }, `"104.0.0.0/9": need a range of /10`},
		"private":            {func(p *Policy) { p.WebSources = ranges("172.0.0.0/10") }, `"172.0.0.0/10": need a public range`},
		"private IPv6":       {func(p *Policy) { p.WebSources = ranges("fd00::/32") }, `"fd00::/32": need a public range`},
		"host bits":          {func(p *Policy) { p.WebSources = ranges("104.16.0.1/13") }, `"104.16.0.1/13"`},
		"door of nobody":     {func(p *Policy) { p.Mesh.Doors = []Door{{ranges("10.90.0.9/32")[0], "tcp", 80}} }, "door {10.90.0.9/32 tcp 80}"},
		"no mesh":            {func(p *Policy) { p.Mesh.Networks = nil }, "Mesh.Networks"},
	} {
		t.Run(name, func(t *testing.T) {
			p := standard()
			c.change(&p)
			_, table := p.Table()
			_, cloud := p.Cloud()
			for _, err := range []error{table, cloud} {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want an error with %q", err, c.want)
				}
			}
		})
	}
}

func TestDistinct(t *testing.T) {
	got := Distinct(ranges("104.16.0.0/13", "104.17.0.0/16", "104.16.0.0/13", "2606:4700::/32", "2606:4700:1::/48", "104.24.0.0/14"))
	if diff := cmp.Diff(ranges("104.16.0.0/13", "2606:4700::/32", "104.24.0.0/14"), got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("Distinct (-want +got):\n%s", diff)
	}
}
