package decode

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type host struct {
	Name    string            `json:"name"`
	ID      int               `json:"id"`
	Ingress *bool             `json:"ingress"`
	Labels  map[string]string `json:"labels"`
	Address netip.Addr        `json:"address"`
}

func TestInto(t *testing.T) {
	var got []host
	err := Into("skep:hosts", `[{"name":"a","id":1,"ingress":false,"labels":{"x":"y"},"address":"10.0.0.1"},{"name":"b"}]`, &got)
	if err != nil {
		t.Fatal(err)
	}
	no := false
	want := []host{{"a", 1, &no, map[string]string{"x": "y"}, netip.MustParseAddr("10.0.0.1")}, {Name: "b"}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("decoded differs (-want +got):\n%s", diff)
	}
}

func TestIntoReportsEveryFaultWithItsPath(t *testing.T) {
	var got []host
	err := Into("skep:hosts", `[{"nmae":"a","id":"one"},{"address":"10.0.0.300","ingress":"yes"},7]`, &got)
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, want := range []string{
		`skep:hosts[0].nmae: unknown key: need one of address, id`,
		`skep:hosts[0].id: "one": need a whole number`,
		`skep:hosts[1].address: "10.0.0.300": need an IP address`,
		`skep:hosts[1].ingress: "yes": need true or false`,
		`skep:hosts[2]: 7: need a mapping of keys`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}
