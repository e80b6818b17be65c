package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

// ACMEConfig is the authority that certificates come from where skep:ingress.tls
// is acme.
type ACMEConfig struct {
	// Email is that of the account: authorities write there, and lego wants one.
	Email string `json:"email"`
	// Directory is the authority's address.
	Directory string `json:"directory"`
	// CA is the root, in PEM, by which hosts trust a private authority's server.
	CA string `json:"ca"`
}

// letsEncrypt is the directory of Let's Encrypt.
const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

var (
	acmeDirectory = regexp.MustCompile(`^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?$`)
	acmeEmail     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._%+-]*@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+$`)
	// cloudflareToken is what the official provider asks of its own, as a whole.
	cloudflareToken = regexp.MustCompile(`^[A-Za-z0-9_-]{40,}$`)
)

// readACMEToken reads skep:acmeToken, which may only be encrypted. It is a key of
// its own, since a secret inside skep:ingress would make a secret of all of it.
func (c *Config) readACMEToken(ctx *pulumi.Context, source *config.Config) error {
	c.ACMEToken = source.Get("acmeToken")
	if c.ACMEToken != "" && !ctx.IsConfigSecret("skep:acmeToken") {
		return errors.New("skep:acmeToken: it stands in plain text: set it anew with pulumi config set --secret acmeToken, and make a new token at Cloudflare if the file was shared")
	}
	return nil
}

// validateACME reports what stands in the way of certificates by ACME.
func (c *Config) validateACME(a ACMEConfig) error {
	var faults []error
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !acmeEmail.MatchString(a.Email) {
		add("skep:ingress.acme.email: %q: need the address of the account at the authority, such as ops@%s", a.Email, c.Domain)
	}
	if !acmeDirectory.MatchString(a.Directory) {
		add("skep:ingress.acme.directory: %q: need the https:// address of an ACME directory, such as %s", a.Directory, letsEncrypt)
	}
	if a.CA != "" {
		if err := checkRoots(a.CA); err != nil {
			add("skep:ingress.acme.ca: %w", err)
		}
	}
	switch {
	case c.ACMEToken == "":
		add("skep:acmeToken: missing: hosts answer the authority by DNS records: make a token at Cloudflare that may read zones and edit the DNS of %s alone, then pulumi config set --secret acmeToken", c.DNS.Zone)
	case !cloudflareToken.MatchString(c.ACMEToken):
		add("skep:acmeToken: it has not the form of a Cloudflare API token: need 40 or more letters, digits, dashes and underscores")
	}
	for i, h := range c.Hosts {
		if h.Ingress != nil && *h.Ingress && !h.Manager() {
			add("skep:hosts[%d]: %q takes visitors and is no manager: with skep:ingress.tls acme certificates travel by the swarm's managers; give it role manager or ingress: false", i, h.Name)
		}
	}
	return errors.Join(faults...)
}

// checkRoots says what is wrong with certificates in PEM.
func checkRoots(text string) error {
	rest := []byte(strings.TrimSpace(text))
	for first := true; first || len(rest) > 0; first = false {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" {
			return errors.New("need certificates in PEM (-----BEGIN CERTIFICATE-----) and nothing else")
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("a certificate there cannot be read: %w", err)
		}
	}
	return nil
}
