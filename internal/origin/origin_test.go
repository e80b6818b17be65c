package origin_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/internal/keys"
	"skep/internal/origin"
)

var seed = keys.Seed(strings.Repeat("s", keys.SeedLen))

func TestNames(t *testing.T) {
	got, err := origin.Names("example.org", []string{
		"www.example.org", "a.b.example.org", "example.org", "example.com", "a.b.example.org", "notexample.org",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"*.example.org", "a.b.example.org", "example.com", "example.org", "notexample.org"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	var many []string
	for i := range origin.MaxNames - 2 {
		many = append(many, fmt.Sprintf("r.%d.example.org", i))
	}
	if _, err := origin.Names("example.org", many); err != nil {
		t.Errorf("%d names: %v", origin.MaxNames, err)
	}
	_, err = origin.Names("example.org", append(many, "one.more.example.org"))
	if err == nil || !strings.Contains(err.Error(), "201 names") {
		t.Errorf("one name too many: error is %v", err)
	}
}

func TestRequest(t *testing.T) {
	names := []string{"*.example.org", "example.org"}
	one, err := origin.Request(seed, 0, names)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := origin.Request(seed, 0, names)
	if diff := cmp.Diff(one, again); diff != "" {
		t.Errorf("the second run makes another request:\n%s", diff)
	}
	raised, _ := origin.Request(seed, 1, names)
	other, _ := origin.Request(keys.Seed(strings.Repeat("t", keys.SeedLen)), 0, names)
	if raised.Key == one.Key || other.Key == one.Key {
		t.Error("another epoch or seed has the same key")
	}
	block, _ := pem.Decode([]byte(one.Public))
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := request.CheckSignature(); err != nil {
		t.Errorf("signature: %v", err)
	}
	if diff := cmp.Diff(names, request.DNSNames); diff != "" {
		t.Errorf("names:\n%s", diff)
	}
	if block, _ := pem.Decode([]byte(one.Key)); block == nil || block.Type != "PRIVATE KEY" {
		t.Error("the key is no PKCS #8")
	}
	if _, err := origin.Request(seed, 0, nil); err == nil {
		t.Error("a request without names was made")
	}
}

// shake lets a client with a certificate meet an origin that trusts an authority.
func shake(t *testing.T, authority string, client origin.Pair) error {
	t.Helper()
	server, err := origin.NewClient(keys.Seed(strings.Repeat("x", keys.SeedLen)), 0)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM([]byte(authority)) {
		t.Fatal("the authority is no certificate")
	}
	certificate := func(p origin.Pair) []tls.Certificate {
		c, err := tls.X509KeyPair([]byte(p.Public), []byte(p.Key))
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{c}
	}
	one, two := net.Pipe()
	defer one.Close()
	go func() {
		defer two.Close()
		_ = tls.Client(two, &tls.Config{InsecureSkipVerify: true, Certificates: certificate(client)}).Handshake()
	}()
	return tls.Server(one, &tls.Config{
		Certificates: certificate(server.Pair), ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted,
		SessionTicketsDisabled: true, MaxVersion: tls.VersionTLS12,
	}).Handshake()
}

func TestClient(t *testing.T) {
	ours, err := origin.NewClient(seed, 0)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := origin.NewClient(seed, 0)
	if diff := cmp.Diff(ours, again); diff != "" {
		t.Errorf("the second run makes another certificate:\n%s", diff)
	}
	if err := shake(t, ours.Authorities, ours.Pair); err != nil {
		t.Errorf("our proxies are refused: %v", err)
	}
	next, _ := origin.NewClient(seed, 1)
	if err := shake(t, ours.Authorities, next.Pair); err != nil {
		t.Errorf("proxies that have the certificate of the next epoch already are refused: %v", err)
	}
	other, _ := origin.NewClient(keys.Seed(strings.Repeat("t", keys.SeedLen)), 0)
	if shake(t, ours.Authorities, other.Pair) == nil {
		t.Error("the proxies of another cluster get in")
	}
	if shake(t, next.Authorities, ours.Pair) == nil {
		t.Error("raising the epoch does not end the certificate before")
	}
}
