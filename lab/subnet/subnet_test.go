package subnet

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func TestFree(t *testing.T) {
	for _, test := range []struct {
		name  string
		taken []netip.Prefix
		want  string
	}{
		{"nothing taken", nil, "10.77.0.0/24"},
		{"a lab runs", prefixes("10.77.0.0/24"), "10.77.1.0/24"},
		{"a private network is left over", prefixes("10.77.0.0/24", "10.78.1.0/24"), "10.77.2.0/24"},
		{"a wider route", prefixes("10.77.0.0/18"), "10.77.64.0/24"},
		{"a single address", prefixes("10.77.0.200/32"), "10.77.1.0/24"},
		{"others do not matter", prefixes("172.17.0.0/16", "10.76.0.0/16"), "10.77.0.0/24"},
		{"all taken", prefixes("10.0.0.0/8"), ""},
	} {
		got, err := Free(test.taken)
		if test.want == "" {
			if err == nil {
				t.Errorf("%s: got %s, want an error", test.name, got.Public)
			}
			continue
		}
		if err != nil || got.Public != netip.MustParsePrefix(test.want) {
			t.Errorf("%s: got %s, %v; want %s", test.name, got.Public, err, test.want)
		}
	}
}

func TestParseRoutes(t *testing.T) {
	const table = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
tun0	00004D0A	00000000	0001	0	0	0	00C0FFFF	0	0	0
`
	got, err := parseRoutes(table)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(prefixes("192.0.2.0/24", "10.77.0.0/18"), got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("routes (-want +got)\n%s", diff)
	}
}
