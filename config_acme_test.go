package main

import (
	"strings"
	"testing"
)

const acmeToken = "CANARY-00000000000000000000000000000000000"

// acmeConfig is one that nothing is wrong with.
func acmeConfig() (*Config, ACMEConfig) {
	ingress, not := true, false
	c := &Config{
		Domain: "example.org", ACMEToken: acmeToken, DNS: DNSConfig{Zone: "example.org"},
		Hosts: []HostConfig{{Name: "a", Role: "manager", Ingress: &ingress}, {Name: "b", Role: "worker", Ingress: &not}},
	}
	return c, ACMEConfig{Email: "ops@example.org", Directory: letsEncrypt}
}

func TestACMEFaults(t *testing.T) {
	c, a := acmeConfig()
	if err := c.validateACME(a); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]struct {
		change func(*Config, *ACMEConfig)
		want   string
	}{
		"no address":      {func(_ *Config, a *ACMEConfig) { a.Email = "" }, `skep:ingress.acme.email: "": need the address`},
		"address":         {func(_ *Config, a *ACMEConfig) { a.Email = "../ops@example.org" }, `skep:ingress.acme.email: "../ops@example.org"`},
		"directory":       {func(_ *Config, a *ACMEConfig) { a.Directory = "http://acme" }, `skep:ingress.acme.directory: "http://acme"`},
		"roots":           {func(_ *Config, a *ACMEConfig) { a.CA = "rubbish" }, "skep:ingress.acme.ca: need certificates in PEM"},
		"roots, not read": {func(_ *Config, a *ACMEConfig) { a.CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" }, "skep:ingress.acme.ca: a certificate there cannot be read"},
		"no token":        {func(c *Config, _ *ACMEConfig) { c.ACMEToken = "" }, "skep:acmeToken: missing"},
		"token":           {func(c *Config, _ *ACMEConfig) { c.ACMEToken = "CANARY" }, "skep:acmeToken: it has not the form"},
		"worker":          {func(c *Config, _ *ACMEConfig) { c.Hosts[0].Role = "worker" }, `skep:hosts[0]: "a" takes visitors and is no manager`},
	} {
		t.Run(name, func(t *testing.T) {
			c, a := acmeConfig()
			change.change(c, &a)
			err := c.validateACME(a)
			if err == nil || !strings.Contains(err.Error(), change.want) {
				t.Errorf("error is %v, want one with %q", err, change.want)
			}
			if err != nil && strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

func TestACMETokenMustBeSecret(t *testing.T) {
	said := faulty(t, map[string]string{"skep:acmeToken": acmeToken})
	if !strings.Contains(said, "skep:acmeToken: it stands in plain text") || strings.Contains(said, acmeToken) {
		t.Errorf("error is %q", said)
	}
}
