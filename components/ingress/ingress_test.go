package ingress

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"skep/internal/compose"
	"skep/internal/golden"
	"skep/internal/scripttest"
)

func TestScripts(t *testing.T) {
	scripttest.Run(t, "../host/prelude.sh", "ingress.sh")
}

var everything = Traefik{
	TLS:     true,
	Trusted: []netip.Prefix{netip.MustParsePrefix("173.245.48.0/20"), netip.MustParsePrefix("2400:cb00::/32")},
	Extra:   []EntryPoint{{"smtp", "tcp", 25}, {"dns", "udp", 53}, {"git", "tcp", 2222}, {"busy", "tcp", 8082}},
}

func file(t *testing.T, traefik Traefik) *compose.File {
	t.Helper()
	f, err := traefik.File()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Skep's own stack keeps to the policy that it has for others, but for what the
// file itself waives.
func TestTraefikKeepsToThePolicy(t *testing.T) {
	for _, traefik := range []Traefik{{}, {TLS: true}, everything} {
		notes, err := compose.Check([]*compose.File{file(t, traefik)}, compose.World{})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range notes {
			if strings.Contains(n.String(), "waives") && !strings.Contains(n.String(), "rule bind-mount") {
				t.Errorf("another waiver: %s", n)
			}
		}
	}
}

func TestRenderedTraefik(t *testing.T) {
	for name, traefik := range map[string]Traefik{"plain": {}, "everything": everything} {
		text, err := file(t, traefik).Render(compose.Rendering{MTU: 1420})
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, "testdata/"+name+".rendered", text)
	}
}

func TestEveryEntryPointHasAPortOfItsOwn(t *testing.T) {
	points := Traefik{Extra: []EntryPoint{{"a", "tcp", 20001}, {"b", "tcp", 1}, {"c", "udp", 2}, {"d", "tcp", 8443}, {"e", "tcp", 20002}}}.entryPoints()
	var inside []int
	for _, p := range points {
		inside = append(inside, p.Inside)
		if p.Inside < 1024 || p.Inside == healthPort {
			t.Errorf("%s is on %d in its container", p.Name, p.Inside)
		}
	}
	slices.Sort(inside)
	if len(slices.Compact(inside)) != 7 {
		t.Errorf("two share a port: %+v", points)
	}
}

func TestArchive(t *testing.T) {
	own, err := requests()
	if err != nil {
		t.Fatal(err)
	}
	dynamic := map[string]string{"routes.yaml": "http: {}", requestsFile: own}
	text, err := archive(dynamic, []pair{{"z", "CHAIN Z\n", "KEY Z\n"}, {"a", "CHAIN A\n", "KEY A\n"}}, "CLIENTS\n")
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/archive", text)
	if len(dynamic) != 2 {
		t.Error("the plan itself was changed")
	}
	other, err := archive(dynamic, []pair{{"z", "CHAIN Z2\n", "KEY Z\n"}}, "")
	if err != nil || strings.Contains(other, "clientAuth") {
		t.Errorf("without a client's authority (%v):\n%s", err, other)
	}
	if name := (pair{"z", "CHAIN Z\n", ""}).file(); strings.Contains(other, name) {
		t.Error("another certificate has the same file, so Traefik would not read it")
	}
}
