package acme

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/internal/golden"
	"skep/internal/keys"
)

var seed = keys.Seed(strings.Repeat("s", keys.SeedLen))

func TestNames(t *testing.T) {
	for name, c := range map[string]struct {
		hosts        []string
		domain, zone string
		want         string
	}{
		"no route":           {nil, "example.org", "example.org", "*.example.org"},
		"one label below":    {[]string{"www.example.org", "Git.Example.org."}, "example.org", "example.org", "*.example.org"},
		"the domain itself":  {[]string{"example.org"}, "example.org", "example.org", "*.example.org example.org"},
		"deeper":             {[]string{"a.b.example.org", "c.b.example.org", "b.example.org"}, "example.org", "example.org", "*.b.example.org *.example.org"},
		"a wildcard":         {[]string{"*.pages.example.org"}, "example.org", "example.org", "*.example.org *.pages.example.org"},
		"beside the domain":  {[]string{"www.example.org", "example.org"}, "lab.example.org", "example.org", "*.lab.example.org example.org www.example.org"},
		"order of no matter": {[]string{"z.y.example.org", "x.example.org"}, "example.org", "example.org", "*.example.org *.y.example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Names(c.hosts, c.domain, c.zone)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamesThatCannotBeCertified(t *testing.T) {
	if _, err := Names([]string{"www.example.com"}, "example.org", "example.org"); err == nil || !strings.Contains(err.Error(), `"www.example.com" lies outside skep:dns.zone`) {
		t.Errorf("a name outside the zone: %v", err)
	}
	var many []string
	for i := range mostNames {
		many = append(many, "a.b"+strings.Repeat("x", i)+".example.org")
	}
	if _, err := Names(many, "example.org", "example.org"); err == nil || !strings.Contains(err.Error(), "101 names") {
		t.Errorf("too many names: %v", err)
	}
}

func TestArchive(t *testing.T) {
	order := Order{Directory: "https://acme.example/dir", Email: "ops@example.org", CA: "-----BEGIN CERTIFICATE-----\n", Names: []string{"*.example.org", "example.org"}, Zone: "example.org"}
	first, err := order.Archive(seed, "a token")
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/archive", first)
	if again, _ := order.Archive(seed, "a token"); again != first {
		t.Error("two archives of the same differ")
	}

	// What a host may try at once where it failed before, and what is the same
	// certificate as before.
	value := func(text, key string) string {
		_, rest, _ := strings.Cut(text, "\n"+key+"=")
		line, _, _ := strings.Cut(rest, "\n")
		return line
	}
	token, _ := order.Archive(seed, "another token")
	if value(token, "set") != value(first, "set") || value(token, "revision") == value(first, "revision") {
		t.Error("another token must be another revision of the same set")
	}
	order.Directory = "https://other.example/dir"
	moved, _ := order.Archive(seed, "a token")
	if value(moved, "set") == value(first, "set") {
		t.Error("another authority must be another set")
	}
}
