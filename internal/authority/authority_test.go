package authority

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"skep/internal/keys"
)

const seed = keys.Seed("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR")

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func issue(t *testing.T, r Request) *Certificate {
	t.Helper()
	c, err := Issue(seed, r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func verify(t *testing.T, c *Certificate, authority, name string, at time.Time) error {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(c.Chain), []byte(c.Key))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(authority)) {
		t.Fatal("the authority is no PEM")
	}
	_, err = pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: at})
	return err
}

func TestClientsTrustWhatIsCertified(t *testing.T) {
	c := issue(t, Request{Domain: "skep.test", Hosts: []string{"whoami.skep.test", "a.b.skep.test", "other.example"}, Now: now})
	if want := []string{"*.skep.test", "a.b.skep.test", "other.example", "skep.test"}; !slices.Equal(c.Names, want) {
		t.Errorf("names %v, want %v", c.Names, want)
	}
	for _, name := range []string{"whoami.skep.test", "a.b.skep.test", "other.example", "skep.test"} {
		if err := verify(t, c, c.Authority, name, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"x.b.skep.test", "skep.example", "other.example.org"} {
		if verify(t, c, c.Authority, name, now) == nil {
			t.Errorf("%s is certified", name)
		}
	}
}

// Who has the key of the authority must not pose as anybody else.
func TestAuthorityIsBoundToItsNames(t *testing.T) {
	ours := issue(t, Request{Domain: "skep.test", Now: now})
	more := issue(t, Request{Domain: "skep.test", Hosts: []string{"bank.example"}, Now: now})
	if err := verify(t, more, ours.Authority, "bank.example", now); err == nil || !strings.Contains(err.Error(), "not permitted") {
		t.Errorf("clients of the first authority take the name of another: %v", err)
	}
}

// A route outside the domain does not cut off those who trust the earlier
// certificate of the authority, as far as other names go.
func TestTrustOutlivesPeriodsAndNames(t *testing.T) {
	first := issue(t, Request{Domain: "skep.test", Now: now})
	for range 10 {
		now := now.Add(Period)
		later := issue(t, Request{Domain: "skep.test", Hosts: []string{"x.y.skep.test"}, Now: now})
		if err := verify(t, later, first.Authority, "whoami.skep.test", now); err != nil {
			t.Error(err)
		}
	}
	other := issue(t, Request{Domain: "skep.test", Epoch: 1, Now: now})
	if verify(t, other, first.Authority, "skep.test", now) == nil {
		t.Error("another epoch has the same key")
	}
}

func TestRunsOfOnePeriodGiveTheSameBytes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.StringMatching(`[a-z]{1,8}(\.[a-z]{1,8}){1,3}`)
		request := Request{Domain: name.Draw(r, "domain"), Hosts: rapid.SliceOfN(name, 0, 4).Draw(r, "hosts"), Now: now}
		one, err := Issue(seed, request)
		if err != nil {
			r.Fatal(err)
		}
		slices.Reverse(request.Hosts)
		request.Now = now.Add(time.Duration(rapid.IntRange(0, 3600).Draw(r, "seconds")) * time.Second)
		two, err := Issue(seed, request)
		if err != nil {
			r.Fatal(err)
		}
		if one.Chain != two.Chain || one.Key != two.Key || one.Authority != two.Authority {
			r.Error("two runs differ")
		}
		ends, err := expiry(one.Chain)
		if err != nil || ends.Before(request.Now.Add(Period)) || ends.After(request.Now.Add(2*Period)) {
			r.Errorf("it ends at %s (%v)", ends, err)
		}
	})
}

func TestRefusesTimesBeyondTheAuthority(t *testing.T) {
	for _, at := range []time.Time{{}, end} {
		if _, err := Issue(seed, Request{Domain: "skep.test", Now: at}); err == nil {
			t.Errorf("certified at %s", at)
		}
	}
}

// expiry is when the first certificate of a chain ends.
func expiry(chain string) (time.Time, error) {
	block, _ := pem.Decode([]byte(chain))
	if block == nil {
		return time.Time{}, errors.New("read certificate: no PEM")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, fmt.Errorf("read certificate: %w", err)
	}
	return leaf.NotAfter, nil
}
