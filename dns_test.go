package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/internal/pulumitest"
)

const (
	certificateToken  = "cloudflare:index/originCaCertificate:OriginCaCertificate"
	pullsToken        = "cloudflare:index/authenticatedOriginPulls:AuthenticatedOriginPulls"
	pullsClientToken  = "cloudflare:index/authenticatedOriginPullsCertificate:AuthenticatedOriginPullsCertificate"
	zoneDNSSECToken   = "cloudflare:index/zoneDnssec:ZoneDnssec"
	zoneSettingsToken = "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride"
)

func answerCertificate(string, resource.PropertyMap) resource.PropertyMap {
	return resource.NewPropertyMapFromMap(map[string]any{"certificate": "-----BEGIN CERTIFICATE-----", "expiresOn": "2041-11-18T00:00:00Z"})
}

// behind is the lab behind Cloudflare, with more keys of skep:dns.
func behind(t *testing.T, more string) pulumitest.Program {
	p := proxied(t, []any{"104.16.0.0/13"}, []any{"2606:4700::/32"})
	p.Config["skep:dns"] = `{"ttl":60,"proxied":true` + more + `}`
	return p
}

func ofCloudflare(g *pulumitest.Graph) []string {
	var found []string
	for _, r := range g.Resources {
		if strings.HasPrefix(r.TypeToken, "cloudflare:") && r.TypeToken != recordToken {
			found = append(found, r.TypeToken+" "+r.Name)
		}
	}
	slices.Sort(found)
	return found
}

func TestOrigin(t *testing.T) {
	g := pulumitest.Run(t, behind(t, ""))
	want := []string{pullsToken + " origin-pulls", pullsClientToken + " origin-client", certificateToken + " origin-certificate"}
	if diff := cmp.Diff(want, ofCloudflare(g)); diff != "" {
		t.Errorf("resources at Cloudflare beside records (-want +got):\n%s", diff)
	}
	certificate := g.Named(t, certificateToken, "origin-certificate")
	if diff := cmp.Diff("*.skep.test\nskep.test", pulumitest.Text(certificate, "hostnames")); diff != "" {
		t.Errorf("names:\n%s", diff)
	}
	// What differed from run to run would order a new certificate each time.
	if pulumitest.Secret(certificate, "csr") {
		t.Error("the signing request is secret: a preview could not show that it has changed")
	}
	block, _ := pem.Decode([]byte(pulumitest.Text(certificate, "csr")))
	if block == nil {
		t.Fatalf("no signing request: %v", certificate.Inputs["csr"])
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || request.CheckSignature() != nil {
		t.Errorf("the signing request is not sound: %v", err)
	}
	client := g.Named(t, pullsClientToken, "origin-client")
	if !pulumitest.Secret(client, "privateKey") {
		t.Error("the key of the proxies' certificate is not secret")
	}
	if _, err := tls.X509KeyPair([]byte(pulumitest.Text(client, "certificate")), []byte(pulumitest.Text(client, "privateKey"))); err != nil {
		t.Errorf("the proxies' certificate: %v", err)
	}
	again := pulumitest.Run(t, behind(t, ""))
	for _, r := range []pulumi.MockResourceArgs{certificate, client} {
		if diff := cmp.Diff(r.Inputs.Mappable(), again.Named(t, r.TypeToken, r.Name).Inputs.Mappable()); diff != "" {
			t.Errorf("%s differs on the second run:\n%s", r.Name, diff)
		}
	}
	raised := pulumitest.Run(t, behind(t, `,"epoch":1`))
	for _, r := range []pulumi.MockResourceArgs{certificate, client} {
		if other := raised.Named(t, r.TypeToken, r.Name); pulumitest.Text(r, "csr")+pulumitest.Text(r, "privateKey") ==
			pulumitest.Text(other, "csr")+pulumitest.Text(other, "privateKey") {
			t.Errorf("%s has the same key in the next epoch", r.Name)
		}
	}
	if got := ofCloudflare(pulumitest.Run(t, behind(t, `,"originPulls":false`))); len(got) != 1 {
		t.Errorf("without origin pulls there are %v", got)
	}
}

// What is made for the origins must get to them, and they must ask for what the
// proxies show.
func TestOriginsServeTheirCertificate(t *testing.T) {
	archive := func(p pulumitest.Program) string {
		command := pulumitest.Run(t, p).Named(t, commandToken, "ingress-node-1")
		if !pulumitest.Secret(command, "stdin") {
			t.Error("what has the origins' key in it is not secret")
		}
		return unpacked(t, pulumitest.Text(command, "stdin"))
	}
	both := archive(behind(t, ""))
	for _, want := range []string{"certs/origin-", "RequireAndVerifyClientCert", "certs/clients-"} {
		if !strings.Contains(both, want) {
			t.Errorf("hosts do not get %q", want)
		}
	}
	if alone := archive(behind(t, `,"originPulls":false`)); strings.Contains(alone, "ClientCert") || !strings.Contains(alone, "certs/origin-") {
		t.Error("without origin pulls hosts ask the proxies for a certificate, or have none themselves")
	}
	for kind, want := range map[string]int{"acme": 2, "ca": 2, "none": 0} {
		p := behind(t, "")
		p.Config["skep:ingress"] = `{"tls":"` + kind + `"}`
		if kind == "acme" {
			p.Config["skep:ingress"] = `{"tls":"acme","acme":{"email":"ops@skep.test"}}`
			p.Config["skep:acmeToken"], p.Secrets = pulumitest.Canary+strings.Repeat("-token", 6), append(p.Secrets, "skep:acmeToken")
		}
		if got := ofCloudflare(pulumitest.Run(t, p)); len(got) != want {
			t.Errorf("with certificates from %s there are %v at Cloudflare, want %d: the proxies' one and its use", kind, got, want)
		}
	}
}

func TestProtectionIsAskedFor(t *testing.T) {
	if got := ofCloudflare(pulumitest.Run(t, world(shipped(t, "prod")))); len(got) > 0 {
		t.Errorf("nobody asked for %v", got)
	}
	records := func(p pulumitest.Program) []string {
		var found []string
		for _, r := range pulumitest.Run(t, p).OfType(recordToken) {
			if kind := pulumitest.Text(r, "type"); kind == "CAA" || kind == "TXT" || kind == "MX" {
				content := pulumitest.Text(r, "content")
				if data := r.Inputs["data"]; data.IsObject() {
					content = fmt.Sprint(data.ObjectValue()["flags"].StringValue(), " ", data.ObjectValue()["tag"].StringValue(), " ", data.ObjectValue()["value"].StringValue())
				}
				found = append(found, fmt.Sprintf("%s %s %s", pulumitest.Text(r, "name"), kind, content))
			}
		}
		slices.Sort(found)
		return found
	}
	if got := records(world(shipped(t, "prod"))); len(got) > 0 {
		t.Errorf("nobody asked for the records %v", got)
	}
	want := []string{
		`*._domainkey.skep.test TXT "v=DKIM1; p="`,
		`_dmarc.skep.test TXT "v=DMARC1; p=reject; sp=reject; adkim=s; aspf=s"`,
		"skep.test CAA 0 issue example.net", "skep.test CAA 0 issue letsencrypt.org", "skep.test CAA 0 issue pki.goog",
		"skep.test CAA 0 issue sectigo.com", "skep.test CAA 0 issue ssl.com",
		"skep.test MX .", `skep.test TXT "v=spf1 -all"`,
	}
	p := behind(t, `,"caa":["auto","example.net","pki.goog"],"mail":"none","dnssec":true,"settings":"manage"`)
	if diff := cmp.Diff(want, records(p)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	g := pulumitest.Run(t, p)
	signed := g.Named(t, zoneDNSSECToken, "dns-dnssec")
	if !signed.RegisterRPC.GetRetainOnDelete() {
		t.Error("a destroy would stop the signing of a zone whose parent still demands it")
	}
	settings := g.Named(t, zoneSettingsToken, "dns-settings").Inputs["settings"].ObjectValue()
	for name, want := range map[resource.PropertyKey]string{"ssl": "strict", "minTlsVersion": "1.2", "alwaysUseHttps": "on", "zeroRtt": "off"} {
		if settings[name].StringValue() != want {
			t.Errorf("%s is %v, want %s", name, settings[name], want)
		}
	}
	if _, has := settings["http2"]; has {
		t.Error("http2 is read-only on free plans, which refuse the whole call then")
	}
}

// Records are told by their resources' names, so that the name under which the
// provider imports one, with the zone's or without, replaces nothing.
func TestImportedRecordsStay(t *testing.T) {
	g := pulumitest.Run(t, world(shipped(t, "lab")))
	names := map[string]bool{}
	for _, r := range g.OfType(recordToken) {
		if diff := cmp.Diff([]string{"name"}, r.RegisterRPC.GetIgnoreChanges()); diff != "" {
			t.Errorf("%s ignores changes of (-want +got):\n%s", r.Name, diff)
		}
		orphan := false
		for _, alias := range r.RegisterRPC.GetAliases() {
			orphan = orphan || alias.GetSpec().GetNoParent()
		}
		if !orphan {
			t.Errorf("%s would not be taken over from an import", r.Name)
		}
		names[r.Name] = true
	}
	moved := shipped(t, "lab")
	moved["skep:domain"], moved["skep:dns"] = "two.skep.test", `{"ttl":60,"zone":"skep.test"}`
	for _, r := range pulumitest.Run(t, world(moved)).OfType(recordToken) {
		if names[r.Name] {
			t.Errorf("in another domain %s is the same resource, whose name would stay", r.Name)
		}
	}
}

func TestAddressesOfIPv6(t *testing.T) {
	config := withSSHKey(t, shipped(t, "home"))
	config["skep:dns"] = `{}`
	config["skep:hosts"] = strings.Replace(config["skep:hosts"], `"192.168.1.11"`, `"2001:db8::11"`, 1)
	config["skep:mesh"] = `{"userspace":"allow"}`
	for i := 12; i <= 13; i++ {
		address := fmt.Sprintf(`"192.168.1.%d"`, i)
		config["skep:hosts"] = strings.Replace(config["skep:hosts"], address, address+fmt.Sprintf(`,"endpoints":["192.168.1.%d","2001:db8::%d"]`, i, i), 1)
	}
	g := pulumitest.Run(t, world(config))
	for name, want := range map[string]string{
		"dns-board-1.home.example.org": "AAAA", "dns-ingress-board-1.home.example.org": "AAAA", "dns-board-2.home.example.org": "A",
	} {
		if got := pulumitest.Text(g.Named(t, recordToken, name), "type"); got != want {
			t.Errorf("%s is of type %s, want %s", name, got, want)
		}
	}
}

func TestFaultsOfDNS(t *testing.T) {
	for tls, want := range map[string]string{
		"cloudflare": "skep:ingress.tls: cloudflare without skep:dns.proxied", "ca": "skep:dns.settings: manage makes the proxies check",
	} {
		change := map[string]string{"skep:ingress": `{"tls":"` + tls + `"}`, "skep:dns": `{}`}
		if tls == "ca" {
			change["skep:dns"] = `{"proxied":true,"settings":"manage"}`
		}
		if got := faulty(t, change); !strings.Contains(got, want) {
			t.Errorf("%s: error is %s, want one with %q", tls, got, want)
		}
	}
	for value, want := range map[string]string{
		`{"caa":["auto"]}`:                          "skep:dns.caa[0]: auto stands for",
		`{"caa":["Lets Encrypt"]}`:                  `skep:dns.caa[0]: "Lets Encrypt"`,
		`{"mail":"maybe"}`:                          `skep:dns.mail: "maybe"`,
		`{"settings":"manage"}`:                     "skep:dns.settings: manage without skep:dns.proxied",
		`{"settings":"all","proxied":true}`:         `skep:dns.settings: "all"`,
		`{"originPulls":true}`:                      "skep:dns.originPulls",
		`{"epoch":-1}`:                              "skep:dns.epoch: -1",
		`{"provider":"none","mail":"none"}`:         "skep:dns.mail: with provider",
		`{"provider":"none","dnssec":true}`:         "skep:dns.dnssec: with provider",
		`{"provider":"none","caa":["example.org"]}`: "skep:dns.caa: with provider",
	} {
		if got := faulty(t, map[string]string{"skep:dns": value}); !strings.Contains(got, want) {
			t.Errorf("%s: error is %s, want one with %q", value, got, want)
		}
	}
}
