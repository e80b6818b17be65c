//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package cloudflare

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

// originValidities are those that Cloudflare offers, in days.
var originValidities = []int{7, 30, 90, 365, 730, 1095, 5475}

// originObject is a certificate of the played origin authority.
type originObject struct {
	ID          string    `json:"id"`
	Certificate string    `json:"certificate"`
	CSR         string    `json:"csr"`
	Hostnames   []string  `json:"hostnames"`
	RequestType string    `json:"requestType"`
	Validity    int       `json:"validity"`
	ExpiresOn   time.Time `json:"expiresOn"`
	Revoked     bool      `json:"revoked"`
}

func (o originObject) values() bridge.Values {
	return bridge.Values{
		"certificate": o.Certificate, "expiresOn": o.ExpiresOn.Format(time.RFC3339), "hostnames": o.Hostnames,
		"requestType": o.RequestType, "requestedValidity": o.Validity,
	}
}

func originCertificate(a *account) *bridge.Resource {
	text := func() *bridge.Field { return &bridge.Field{Type: bridge.String, Required: true, ForceNew: true} }
	csr, kind := text(), text()
	csr.Check, kind.Check = checkCSR, bridge.OneOf("origin-rsa", "origin-ecc", "keyless-certificate")
	return &bridge.Resource{
		Token: "cloudflare:index/originCaCertificate:OriginCaCertificate",
		Fields: bridge.Fields{
			"csr": csr, "requestType": kind,
			"hostnames":         {Type: bridge.Set, Required: true, ForceNew: true, Elem: &bridge.Field{Type: bridge.String}},
			"requestedValidity": {Type: bridge.Int, Optional: true, Computed: true, ForceNew: true, Check: checkValidity},
			"minDaysForRenewal": {Type: bridge.Int, Optional: true},
			"certificate":       output(bridge.String), "expiresOn": output(bridge.String),
		},
		Customize: renewal,
		Create:    a.createOrigin,
		Read:      a.readOrigin,
		Update: func(ctx context.Context, id string, _, in bridge.Values) (bridge.Values, error) {
			return a.readOrigin(ctx, id, in)
		},
		Delete: func(_ context.Context, id string, _ bridge.Values) error {
			store, err := a.request()
			if err != nil {
				return fmt.Errorf("error revoking Cloudflare OriginCACertificate: %w", err)
			}
			var o originObject
			if err := store.Get(cloud.OriginCertificates, id, &o); err != nil {
				return fmt.Errorf("error revoking Cloudflare OriginCACertificate: %w", err)
			}
			o.Revoked = true
			return store.Put(cloud.OriginCertificates, id, o)
		},
	}
}

func checkCSR(name string, value any) error {
	block, _ := pem.Decode([]byte(value.(string)))
	if block == nil {
		return fmt.Errorf("%q: invalid PEM data", name)
	}
	if _, err := x509.ParseCertificateRequest(block.Bytes); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	return nil
}

func checkValidity(name string, value any) error {
	if days, _ := value.(float64); !slices.Contains(originValidities, int(days)) {
		return fmt.Errorf("expected %s to be one of %v, got %v", name, originValidities, value)
	}
	return nil
}

// renewal replaces a certificate that is near its end.
func renewal(p *bridge.Plan) error {
	if p.Prior == nil {
		return nil
	}
	end, err := time.Parse(time.RFC3339, p.Prior.String("expiresOn"))
	if err != nil {
		return nil
	}
	if time.Now().After(end.AddDate(0, 0, -p.Planned.Int("minDaysForRenewal"))) {
		p.Recompute("expiresOn")
		p.Replace("expiresOn")
	}
	return nil
}

func (a *account) createOrigin(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
	store, err := a.request()
	if err != nil {
		return "", nil, fmt.Errorf("error creating origin certificate: %w", err)
	}
	o := originObject{
		ID: cloud.NewHexID(), CSR: in.String("csr"), Hostnames: in.Strings("hostnames"), RequestType: in.String("requestType"),
		Validity: in.Int("requestedValidity"),
	}
	slices.Sort(o.Hostnames)
	if o.Validity == 0 {
		o.Validity = originValidities[len(originValidities)-1]
	}
	if err := ownHostnames(store, o.Hostnames); err != nil {
		return "", nil, fmt.Errorf("error creating origin certificate: %w", err)
	}
	if err := o.sign(); err != nil {
		return "", nil, fmt.Errorf("error creating origin certificate: %w", err)
	}
	return o.ID, o.values(), store.Put(cloud.OriginCertificates, o.ID, o)
}

// ownHostnames refuses names in zones that the account does not hold.
func ownHostnames(store *cloud.Store, names []string) error {
	if len(names) > 200 {
		return errors.New("Failed to parse request: too many hostnames (1100)")
	}
	zones, err := cloud.List[cloud.Zone](store, cloud.Zones)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(zones, func(z cloud.Zone) bool { return name == z.Name || strings.HasSuffix(name, "."+z.Name) }) {
			return fmt.Errorf("Failed to validate requested hostname %s: This zone is either not part of your account, or you do not have access to it. Please contact support if using a multi-user organization. (1010)", name)
		}
	}
	return nil
}

// sign makes the certificate, by an authority that nobody knows again: the real
// one is trusted by Cloudflare's proxies only, which the lab has not got.
func (o *originObject) sign() error {
	block, _ := pem.Decode([]byte(o.CSR))
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = request.CheckSignature()
	}
	if err != nil {
		return fmt.Errorf("Failed to parse CSR: %w (1001)", err)
	}
	if _, elliptical := request.PublicKey.(*ecdsa.PublicKey); elliptical != (o.RequestType == "origin-ecc") {
		return fmt.Errorf("The CSR's key does not fit the request type %s (1001)", o.RequestType)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	start := time.Now().UTC().Truncate(time.Minute)
	o.ExpiresOn = start.AddDate(0, 0, o.Validity)
	authority := &x509.Certificate{
		Subject: pkix.Name{Organization: []string{"CloudFlare, Inc."}, OrganizationalUnit: []string{"CloudFlare Origin SSL ECC Certificate Authority"}},
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, DNSNames: o.Hostnames, NotBefore: start, NotAfter: o.ExpiresOn,
		Subject:  pkix.Name{Organization: []string{"CloudFlare, Inc."}, CommonName: "CloudFlare Origin Certificate"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}, authority, request.PublicKey, key)
	if err != nil {
		return err
	}
	o.Certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return nil
}

func (a *account) readOrigin(_ context.Context, id string, _ bridge.Values) (bridge.Values, error) {
	store, err := a.request()
	if err != nil {
		return nil, fmt.Errorf("error finding OriginCACertificate %q: %w", id, err)
	}
	var o originObject
	err = store.Get(cloud.OriginCertificates, id, &o)
	if errors.Is(err, cloud.ErrNotFound) || err == nil && o.Revoked {
		return nil, bridge.ErrGone
	}
	return o.values(), err
}
