package dns

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// newServer serves skep.test with the given records; nothing is forwarded.
func newServer(t *testing.T, records ...record) *Server {
	t.Helper()
	s := &Server{Dir: t.TempDir(), Services: netip.MustParseAddr("10.77.0.2")}
	write(t, s, "zone", "z1", map[string]string{"id": "z1", "name": "skep.test"})
	for i, r := range records {
		write(t, s, "record", string(rune('a'+i)), r)
	}
	return s
}

func write(t *testing.T, s *Server, kind, id string, object any) {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(s.Dir, kind)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, id+".json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ask returns the code and the records of an answer, one line each without
// its TTL.
func ask(s *Server, name string, kind uint16) string {
	m := s.answer(new(dns.Msg).SetQuestion(dns.Fqdn(name), kind))
	lines := []string{dns.RcodeToString[m.Rcode]}
	for _, rr := range append(m.Answer, m.Ns...) {
		fields := strings.Fields(rr.String())
		lines = append(lines, strings.Join(append(fields[:1:1], fields[3:]...), " "))
	}
	return strings.Join(lines, "\n")
}

func TestAnswer(t *testing.T) {
	s := newServer(t,
		record{Name: "skep.test", Type: "CAA", Content: `0 issue "letsencrypt.org"`, TTL: 1},
		record{Name: "skep.test", Type: "MX", Content: "mail.skep.test", Priority: 10, TTL: 300},
		record{Name: "skep.test", Type: "TXT", Content: "v=spf1 -all", TTL: 300},
		record{Name: "mute.skep.test", Type: "MX", Content: ".", TTL: 300},
		record{Name: "*._domainkey.skep.test", Type: "TXT", Content: `"v=DKIM1; p="`, TTL: 300},
		record{Name: "h1.skep.test", Type: "A", Content: "10.77.0.11", TTL: 300},
		record{Name: "h1.skep.test", Type: "AAAA", Content: "fd00::1", TTL: 300},
		record{Name: "www.skep.test", Type: "CNAME", Content: "h1.skep.test", TTL: 300},
		record{Name: "out.skep.test", Type: "CNAME", Content: "example.org", TTL: 300},
		record{Name: "loop.skep.test", Type: "CNAME", Content: "loop.skep.test", TTL: 300},
		record{Name: "*.apps.skep.test", Type: "A", Content: "10.77.0.12", TTL: 300},
		record{Name: "own.apps.skep.test", Type: "TXT", Content: `"quoted"`, TTL: 300},
	)
	const soa = "skep.test. SOA ns.skep.test. hostmaster.skep.test. 1 60 60 600 5"
	for _, test := range []struct {
		name string
		kind uint16
		want string
	}{
		{"skep.test", dns.TypeCAA, "NOERROR\nskep.test. CAA 0 issue \"letsencrypt.org\""},
		{"skep.test", dns.TypeMX, "NOERROR\nskep.test. MX 10 mail.skep.test."},
		{"skep.test", dns.TypeTXT, "NOERROR\nskep.test. TXT \"v=spf1 -all\""},
		{"mute.skep.test", dns.TypeMX, "NOERROR\nmute.skep.test. MX 0 ."},
		{"any._domainkey.skep.test", dns.TypeTXT, "NOERROR\nany._domainkey.skep.test. TXT \"v=DKIM1; p=\""},
		{"skep.test", dns.TypeA, "NOERROR\n" + soa},
		{"H1.Skep.Test", dns.TypeA, "NOERROR\nh1.skep.test. A 10.77.0.11"},
		{"h1.skep.test", dns.TypeAAAA, "NOERROR\nh1.skep.test. AAAA fd00::1"},
		{"www.skep.test", dns.TypeA, "NOERROR\nwww.skep.test. CNAME h1.skep.test.\nh1.skep.test. A 10.77.0.11"},
		{"www.skep.test", dns.TypeCNAME, "NOERROR\nwww.skep.test. CNAME h1.skep.test."},
		{"loop.skep.test", dns.TypeTXT, "SERVFAIL" + strings.Repeat("\nloop.skep.test. CNAME loop.skep.test.", maxChain)},
		{"x.apps.skep.test", dns.TypeA, "NOERROR\nx.apps.skep.test. A 10.77.0.12"},
		{"y.x.apps.skep.test", dns.TypeA, "NOERROR\ny.x.apps.skep.test. A 10.77.0.12"},
		{"own.apps.skep.test", dns.TypeA, "NOERROR\n" + soa},
		{"apps.skep.test", dns.TypeA, "NOERROR\n" + soa},
		{"x.own.apps.skep.test", dns.TypeA, "NXDOMAIN\n" + soa},
		{"none.skep.test", dns.TypeA, "NXDOMAIN\n" + soa},
		{"registry.skep.internal", dns.TypeA, "NOERROR\nregistry.skep.internal. A 10.77.0.2"},
		{"www.cloudflare.com", dns.TypeA, "NOERROR\nwww.cloudflare.com. A 10.77.0.2"},
		{"api.cloudflare.com", dns.TypeA, "NOERROR\napi.cloudflare.com. A 10.77.0.2"},
		{"acme.skep.internal", dns.TypeA, "NOERROR\nacme.skep.internal. A 10.77.0.2"},
		{"dash.cloudflare.com", dns.TypeA, "SERVFAIL"},
		{"example.org", dns.TypeA, "SERVFAIL"},
		{"out.skep.test", dns.TypeA, "SERVFAIL\nout.skep.test. CNAME example.org."},
	} {
		if diff := cmp.Diff(test.want, ask(s, test.name, test.kind)); diff != "" {
			t.Errorf("%s %s (-want +got)\n%s", test.name, dns.TypeToString[test.kind], diff)
		}
	}
}

func TestAnswerFollowsFiles(t *testing.T) {
	s := newServer(t)
	if got := ask(s, "new.skep.test", dns.TypeA); !strings.HasPrefix(got, "NXDOMAIN") {
		t.Fatalf("before the record: %s", got)
	}
	write(t, s, "record", "r1", record{Name: "new.skep.test", Type: "A", Content: "10.77.0.13", TTL: 60})
	if got, want := ask(s, "new.skep.test", dns.TypeA), "NOERROR\nnew.skep.test. A 10.77.0.13"; got != want {
		t.Errorf("after the record: %s", got)
	}
	write(t, s, "record", "bad", record{Name: "bad.skep.test", Type: "A", Content: "no address"})
	if got := ask(s, "new.skep.test", dns.TypeA); !strings.HasPrefix(got, "NOERROR") {
		t.Errorf("a bad record hides a good one: %s", got)
	}
	if err := os.Remove(filepath.Join(s.Dir, "record", "r1.json")); err != nil {
		t.Fatal(err)
	}
	if got := ask(s, "new.skep.test", dns.TypeA); !strings.HasPrefix(got, "NXDOMAIN") {
		t.Errorf("after its removal: %s", got)
	}
}

func TestAnswerRotates(t *testing.T) {
	s := newServer(t,
		record{Name: "web.skep.test", Type: "A", Content: "10.77.0.11"},
		record{Name: "web.skep.test", Type: "A", Content: "10.77.0.12"},
		record{Name: "web.skep.test", Type: "A", Content: "10.77.0.13"},
	)
	first := map[string]int{}
	for range 9 {
		first[strings.Split(ask(s, "web.skep.test", dns.TypeA), "\n")[1]]++
	}
	want := map[string]int{
		"web.skep.test. A 10.77.0.11": 3, "web.skep.test. A 10.77.0.12": 3, "web.skep.test. A 10.77.0.13": 3,
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("first addresses (-want +got)\n%s", diff)
	}
}

func TestLongTextIsSplit(t *testing.T) {
	s := newServer(t, record{Name: "long.skep.test", Type: "TXT", Content: strings.Repeat("a", 300)})
	m := s.answer(new(dns.Msg).SetQuestion("long.skep.test.", dns.TypeTXT))
	got := m.Answer[0].(*dns.TXT).Txt
	want := []string{strings.Repeat("a", 255), strings.Repeat("a", 45)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("strings (-want +got)\n%s", diff)
	}
}
