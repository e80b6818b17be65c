package address

import (
	"net/netip"
	"strings"
	"testing"
)

func TestHostIsNetworkPlusID(t *testing.T) {
	for _, c := range []struct {
		network string
		id      int
		want    string
	}{
		{"10.90.0.0/24", 1, "10.90.0.1"},
		{"10.90.0.0/24", 254, "10.90.0.254"},
		{"10.90.0.0/16", 257, "10.90.1.1"},
		{"10.90.0.7/24", 2, "10.90.0.2"}, // host bits in config do not move anybody
	} {
		got, err := Host(netip.MustParsePrefix(c.network), c.id)
		if err != nil || got.String() != c.want {
			t.Errorf("Host(%s, %d) = %v, %v; want %s", c.network, c.id, got, err, c.want)
		}
	}
}

func TestHostRefusesWhatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		network string
		id      int
	}{{"10.90.0.0/24", 0}, {"10.90.0.0/24", 255}, {"10.90.0.0/24", -1}, {"10.90.0.0/30", 3}, {"fd00::/64", 1}} {
		if got, err := Host(netip.MustParsePrefix(c.network), c.id); err == nil {
			t.Errorf("Host(%s, %d) = %s, want an error", c.network, c.id, got)
		}
	}
}

func TestOverlapsNamesBothOfEachPair(t *testing.T) {
	err := Overlaps([]Network{
		{"networks.mesh", netip.MustParsePrefix("10.90.0.0/16")},
		{"networks.swarm", netip.MustParsePrefix("10.90.1.0/24")},
		{"networks.docker", netip.MustParsePrefix("10.91.0.0/16")},
		{"networks.lan[0]", netip.MustParsePrefix("10.91.2.0/24")},
	})
	if err == nil {
		t.Fatal("no overlap found")
	}
	for _, want := range []string{"networks.mesh", "networks.swarm", "networks.docker", "networks.lan[0]"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not name %s: %v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "overlaps"); n != 2 {
		t.Errorf("%d overlaps reported, want 2: %v", n, err)
	}
}
