// Package authority makes the cluster's own certificates: a certificate
// authority and the one certificate of all routes, both from a seed. The same
// seed, names and time give the same bytes, so that nothing changes between two
// runs of the program, and nothing but the seed is kept.
package authority

import (
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"

	"skep/internal/keys"
)

// Period is how long one certificate is the newest. It is valid for that and
// the next one, so at least half a year after the last run of the program.
const Period = 26 * 7 * 24 * time.Hour

// The authority itself is valid as long as dates of two digits reach: its key
// lives as long as the seed.
var (
	begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	end   = time.Date(2049, 12, 31, 0, 0, 0, 0, time.UTC)
)

// Request says what to certify.
type Request struct {
	// Domain is the cluster's: it and the names right below it are certified
	// whatever routes there are.
	Domain string
	// Hosts are the names of routes.
	Hosts []string
	// Epoch counts the authority's keys.
	Epoch int
	// Now decides the period.
	Now time.Time
}

// Certificate is what a server needs.
type Certificate struct {
	// Names are what it is for, sorted.
	Names []string
	// Chain and Key are PEM. Key is secret.
	Chain, Key string
	// Authority is the certificate of the authority, PEM: what clients trust.
	Authority string
}

// Issue makes the authority and the certificate of all routes.
//
// The authority may certify names of the domain and of routes only, so that
// whoever gets hold of its key cannot pose as anybody else. A route outside the
// domain therefore changes its certificate, though not its key: clients that
// have the earlier one go on trusting everything but that route.
func Issue(seed keys.Seed, r Request) (*Certificate, error) {
	if r.Domain == "" || r.Now.Before(begin) || !r.Now.Before(end.Add(-2*Period)) {
		return nil, fmt.Errorf("certify %q at %s: need a domain, and a time from %s to two periods before %s", r.Domain, r.Now, begin, end)
	}
	root, rootKey, err := r.authority(seed)
	if err != nil {
		return nil, err
	}
	period := int(r.Now.Sub(begin) / Period)
	first := begin.Add(time.Duration(period) * Period)
	names := r.names()
	purpose := fmt.Sprintf("routes/%d/%d", r.Epoch, period)
	key, err := seed.AuthorityKey(purpose)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(seed, purpose+" "+strings.Join(names, " ")),
		Subject:      pkix.Name{CommonName: short(r.Domain)},
		// A day for clocks that are late, where there is one.
		NotBefore: latest(begin, first.Add(-24*time.Hour)), NotAfter: first.Add(2 * Period),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              names,
	}
	leaf, err := sign(template, root, key, rootKey)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("certify %q: %w", r.Domain, err)
	}
	return &Certificate{
		Names: names, Chain: text("CERTIFICATE", leaf.Raw), Key: text("PRIVATE KEY", private),
		Authority: text("CERTIFICATE", root.Raw),
	}, nil
}

func (r Request) authority(seed keys.Seed) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	purpose := fmt.Sprintf("authority/%d", r.Epoch)
	key, err := seed.AuthorityKey(purpose)
	if err != nil {
		return nil, nil, err
	}
	permitted := r.permitted()
	template := &x509.Certificate{
		SerialNumber:                serial(seed, purpose+" "+strings.Join(permitted, " ")),
		Subject:                     pkix.Name{Organization: []string{"Skep"}, CommonName: short(r.Domain) + " authority"},
		NotBefore:                   begin,
		NotAfter:                    end,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         permitted,
		// A constraint binds names of its own kind only, so addresses need theirs.
		ExcludedIPRanges: []*net.IPNet{
			{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
		},
	}
	root, err := sign(template, template, key, key)
	return root, key, err
}

// sign makes a certificate of parent's. Without a source of randomness the
// signature is the deterministic one of RFC 6979.
func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(nil, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, fmt.Errorf("certify %q: %w", template.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

// names are what the certificate is for, each once, sorted.
func (r Request) names() []string {
	names := []string{r.Domain, "*." + r.Domain}
	for _, host := range r.Hosts {
		// One label below the domain is under its star already, so that a new
		// route there needs no new certificate.
		if label, below := strings.CutSuffix(host, "."+r.Domain); !below || strings.Contains(label, ".") {
			names = append(names, host)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// permitted are the domains that the authority may certify below.
func (r Request) permitted() []string {
	domains := []string{r.Domain}
	for _, host := range r.Hosts {
		if !strings.HasSuffix("."+host, "."+r.Domain) {
			domains = append(domains, strings.TrimPrefix(host, "*."))
		}
	}
	slices.Sort(domains[1:])
	return slices.Compact(domains)
}

func serial(seed keys.Seed, content string) *big.Int {
	number := seed.AuthoritySerial(content)
	number[0] = number[0]&0x7f | 0x40 // positive, and always of one length
	return new(big.Int).SetBytes(number)
}

// short cuts what is too long for a common name (RFC 5280: 64 characters, here
// with room for what follows). Clients read the other names.
func short(name string) string { return name[:min(len(name), 50)] }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func text(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
