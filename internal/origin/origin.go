// Package origin makes what a zone's origins and Cloudflare's proxies show one
// another: the key and the signing request of the origins' certificate, and the
// client certificate by which an origin tells that it is our zone's proxies
// that come, and not those of another customer of Cloudflare's.
//
// Everything is the same on each run: keys derive from a seed, and signatures
// are those of RFC 6979, which need no randomness. A preview that had another
// request each time would order another certificate each time.
package origin

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"skep/internal/keys"
)

// MaxNames is how many names Cloudflare puts into one certificate.
const MaxNames = 200

// What is signed here is good for ever, as far as X.509 can say it: its end is
// raising the epoch, and a date would only be the day of an outage.
var (
	notBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC)
)

// Names are those of the certificate for a domain and routes to hosts: the
// domain, all names right below it, and each host that this does not cover, in
// their order of the alphabet.
func Names(domain string, hosts []string) ([]string, error) {
	names := []string{domain, "*." + domain}
	for _, host := range hosts {
		_, parent, _ := strings.Cut(host, ".")
		if host != domain && parent != domain {
			names = append(names, host)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > MaxNames {
		return nil, fmt.Errorf("%d names in the certificate of %q: Cloudflare takes %d; give routes names right below %s, which one wildcard covers",
			len(names), domain, MaxNames, domain)
	}
	return names, nil
}

// Pair is a key with what was made for it, as PEM.
type Pair struct {
	// Key is PKCS #8, a secret.
	Key string
	// Public is a signing request or a certificate.
	Public string
}

// Request derives the origins' key, and the request for its certificate.
func Request(seed keys.Seed, epoch int, names []string) (Pair, error) {
	if len(names) == 0 {
		return Pair{}, errors.New("request an origin certificate: no names")
	}
	key, err := seed.TLSKey("origin", epoch)
	if err != nil {
		return Pair{}, err
	}
	// Cloudflare takes the names from its own call; the request has them for
	// whoever reads it.
	der, err := x509.CreateCertificateRequest(nil, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "Skep origin"}, DNSNames: names, SignatureAlgorithm: x509.ECDSAWithSHA256,
	}, key)
	if err != nil {
		return Pair{}, fmt.Errorf("request an origin certificate: %w", err)
	}
	return pair(key, "CERTIFICATE REQUEST", der)
}

// Client is how our zone's proxies are told from others.
type Client struct {
	// Authorities are the certificates, PEM, that origins trust: the one of this
	// epoch and that of the next, so that the proxies may show the next
	// certificate before the origins have heard of it.
	Authorities string
	// Pair is what Cloudflare shows.
	Pair
}

// NewClient derives the client certificate of a zone's proxies, and the
// authority that has signed it and nothing else.
func NewClient(seed keys.Seed, epoch int) (Client, error) {
	signer, signerKey, err := authority(seed, epoch)
	if err != nil {
		return Client{}, err
	}
	next, _, err := authority(seed, epoch+1)
	if err != nil {
		return Client{}, err
	}
	key, err := seed.TLSKey("origin-pulls-client", epoch)
	if err != nil {
		return Client{}, err
	}
	leaf := certificate("Cloudflare for Skep", &key.PublicKey)
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	leaf.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(nil, leaf, signer, &key.PublicKey, signerKey)
	if err != nil {
		return Client{}, fmt.Errorf("sign the client certificate of origin pulls: %w", err)
	}
	shown, err := pair(key, "CERTIFICATE", der)
	return Client{Authorities: encoded("CERTIFICATE", signer.Raw) + encoded("CERTIFICATE", next.Raw), Pair: shown}, err
}

// authority derives the authority of an epoch.
func authority(seed keys.Seed, epoch int) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := seed.TLSKey("origin-pulls-authority", epoch)
	if err != nil {
		return nil, nil, err
	}
	template := certificate("Skep origin pulls authority", &key.PublicKey)
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(nil, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, fmt.Errorf("sign the authority of origin pulls: %w", err)
	}
	signed, err := x509.ParseCertificate(der)
	return signed, key, err
}

// certificate is a template whose serial number and key id follow from the key.
func certificate(name string, public *ecdsa.PublicKey) *x509.Certificate {
	point, err := public.Bytes()
	if err != nil {
		panic(fmt.Sprintf("encode the public key of %q: %v", name, err)) // it is on the curve that it was derived on
	}
	sum := sha256.Sum256(append([]byte(name+"\x00"), point...))
	serial := new(big.Int).SetBytes(sum[:16])
	serial.SetBit(serial, 127, 0) // RFC 5280 §4.1.2.2: positive, in 20 bytes
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: notBefore, NotAfter: notAfter,
		SubjectKeyId: sum[16:], SignatureAlgorithm: x509.ECDSAWithSHA256,
	}
}

func pair(key *ecdsa.PrivateKey, kind string, der []byte) (Pair, error) {
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("encode a private key: %w", err)
	}
	return Pair{Key: encoded("PRIVATE KEY", private), Public: encoded(kind, der)}, nil
}

func encoded(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
