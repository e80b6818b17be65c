package main

import (
	"strings"
	"testing"

	"skep/internal/pulumitest"
	"skep/internal/traefik"
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

// withACME is the lab's config with certificates by ACME, and a worker that takes
// no visitors.
func withACME(t *testing.T) pulumitest.Program {
	config := shipped(t, "lab")
	config["skep:ingress"] = `{"tls":"acme","acme":{"email":"ops@skep.test"}}`
	config["skep:acmeToken"] = pulumitest.Canary + strings.Repeat("0", 40)
	config["skep:hosts"] = strings.TrimSuffix(config["skep:hosts"], "]") + `,{"name":"node-4","id":4}]`
	w := world(config)
	w.Secrets = append(w.Secrets, "skep:acmeToken")
	return w
}

func TestACMEIsPartOfWhatIngressHostsRun(t *testing.T) {
	g := pulumitest.Run(t, withACME(t))
	stdin := ""
	for _, host := range []string{"node-1", "node-2", "node-3"} {
		command := g.Named(t, commandToken, "ingress-"+host)
		if !strings.Contains(pulumitest.Text(command, "create"), " --acme /usr/local/lib/skep/acme-") {
			t.Errorf("%s is not told of the issuer", host)
		}
		if !pulumitest.Secret(command, "stdin") {
			t.Errorf("%s: what is packed hides a secret from this test alone", host)
		}
		given := unpacked(t, pulumitest.Text(command, "stdin"))
		for _, want := range []string{
			"@@skep acme/settings\ndirectory=https://acme-v02.api.letsencrypt.org/directory\nemail=ops@skep.test\nnames=*.skep.test\n", "zone=skep.test\n",
			"@@skep acme/authorization\nAuthorization: Bearer " + pulumitest.Canary, "BEGIN EC PRIVATE KEY",
		} {
			if !strings.Contains(given, want) {
				t.Errorf("%s is not given %q", host, want)
			}
		}
		if stdin != "" && given != stdin {
			t.Errorf("%s is given something else than the host before", host)
		}
		stdin = given
	}
	for _, c := range g.OfType(commandToken) {
		if !strings.HasPrefix(c.Name, "ingress-") && strings.Contains(pulumitest.Text(c, "stdin"), pulumitest.Canary+"000") {
			t.Errorf("%s is given the token", c.Name)
		}
	}
}

func TestACMERefusesRoutesOutsideTheZone(t *testing.T) {
	c, a := acmeConfig()
	c.Ingress.TLS, c.Ingress.ACME = "acme", a
	e := &entrance{plan: &traefik.Plan{Routes: []traefik.Route{{Host: "www.elsewhere.example", TLS: true}}}}
	if err := e.planACME(c); err == nil || !strings.Contains(err.Error(), `route "www.elsewhere.example" lies outside`) {
		t.Errorf("error is %v", err)
	}
	e.plan.Routes[0].Passthrough = true // the service's own certificate
	if err := e.planACME(c); err != nil {
		t.Errorf("a route whose TLS is the service's: %v", err)
	}
}

func TestACMEFaultsStopThePreview(t *testing.T) {
	said := faulty(t, map[string]string{"skep:ingress": `{"tls":"acme"}`})
	for _, want := range []string{"skep:ingress.acme.email", "skep:acmeToken: missing"} {
		if !strings.Contains(said, want) {
			t.Errorf("error %q does not name %s", said, want)
		}
	}
	if said := faulty(t, map[string]string{"skep:ingress": `{"acme":{"mail":"x"}}`}); !strings.Contains(said, "skep:ingress.acme.mail: unknown key") {
		t.Errorf("a key that nothing reads: %q", said)
	}
}
