package cloudflare

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge/bridgetest"
)

// of plays the engine for another type.
func (w *world) of(kind string) *world {
	w.Type = "cloudflare:index/" + strings.ToLower(kind[:1]) + kind[1:] + ":" + kind
	return w
}

func encoded(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func request(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return encoded("CERTIFICATE REQUEST", der)
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestGetRecord(t *testing.T) {
	w := newWorld(t)
	one := w.Create(address(nil))
	w.Create(address(m{"name": "two"}))
	w.Create(address(m{"name": "two", "content": "10.77.0.12"}))
	w.Create(address(m{"name": "@", "type": "MX", "content": ".", "priority": 0}))
	w.Create(address(m{"name": "mail", "type": "MX", "content": "a.skep.test", "priority": 10}))
	w.Create(address(m{"name": "mail", "type": "MX", "content": "b.skep.test", "priority": 20}))
	ask := func(more m) (m, string) {
		args := m{"zoneId": zoneID, "hostname": "whoami.skep.test"}
		for k, v := range more {
			args[k] = v
		}
		return w.Invoke("cloudflare:index/getRecord:getRecord", args)
	}
	got, _ := ask(nil)
	want := m{
		"id": one.ID, "zoneId": zoneID, "hostname": "whoami.skep.test", "type": "A", "value": "10.77.0.11", "ttl": 300.0, "proxied": false,
		"proxiable": true, "content": nil, "priority": nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if got, failure := ask(m{"hostname": "two.skep.test", "content": "10.77.0.12"}); got["value"] != "10.77.0.12" {
		t.Errorf("by content: %v %s", got, failure)
	}
	if got, failure := ask(m{"hostname": "skep.test", "type": "MX"}); got["value"] != "." {
		t.Errorf("null MX: %v %s", got, failure)
	}
	if got, failure := ask(m{"hostname": "mail.skep.test", "type": "MX", "priority": 20}); got["value"] != "b.skep.test" {
		t.Errorf("by priority: %v %s", got, failure)
	}
	for want, more := range map[string]m{
		"didn't get any DNS records for hostname: none.skep.test":         {"hostname": "none.skep.test"},
		"didn't get any DNS records for hostname: whoami.skep.test":       {"type": "AAAA"},
		"only wanted 1 DNS record. Got 2 records":                         {"hostname": "two.skep.test"},
		"unable to find single record for mail.skep.test type MX":         {"hostname": "mail.skep.test", "type": "MX"},
		"error listing DNS records: Could not route to /client/v4/zones/": {"zoneId": "none"},
		`expected type to be one of ["A"`:                                 {"type": "ALIAS"},
	} {
		if _, failure := ask(more); !strings.Contains(failure, want) {
			t.Errorf("%v: %q, want %q", more, failure, want)
		}
	}
}

func TestOriginCertificate(t *testing.T) {
	w := newWorld(t).of("OriginCaCertificate")
	key := ecKey(t)
	in := m{"csr": request(t, key), "hostnames": list{"skep.test", "*.skep.test"}, "requestType": "origin-ecc", "requestedValidity": 30, "minDaysForRenewal": 7}
	r := w.Create(in)
	block, _ := pem.Decode([]byte(r.State["certificate"].(string)))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !key.PublicKey.Equal(certificate.PublicKey) || certificate.VerifyHostname("www.skep.test") != nil {
		t.Errorf("the certificate is for %v", certificate.DNSNames)
	}
	if got := r.State["expiresOn"]; got != certificate.NotAfter.Format(time.RFC3339) {
		t.Errorf("it ends %v, the state says %v", certificate.NotAfter, got)
	}
	in["hostnames"] = list{"*.skep.test", "skep.test"} // a set
	if got := w.Diff(r, in); got != "" {
		t.Errorf("without a change: %s", got)
	}
	others := m{"csr": request(t, key), "hostnames": list{"skep.test"}, "requestedValidity": 90}
	for name, value := range others {
		changed := m{}
		for k, v := range in {
			changed[k] = v
		}
		changed[name] = value
		if got := w.Diff(r, changed); !strings.Contains(got, "REPLACE") {
			t.Errorf("another %s: %q", name, got)
		}
	}
	in["minDaysForRenewal"] = 40
	if got := w.Diff(r, in); !strings.Contains(got, "REPLACE") {
		t.Errorf("near its end: %q", got)
	}
	w.Delete(r)
	if got := w.Refresh(r); got.ID != "" {
		t.Error("a certificate that is revoked is still there")
	}
}

func TestOriginCertificateRefusals(t *testing.T) {
	w := newWorld(t).of("OriginCaCertificate")
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := m{"csr": request(t, ecKey(t)), "hostnames": list{"skep.test"}, "requestType": "origin-ecc"}
	for want, more := range map[string]m{
		"Failed to validate requested hostname www.example.org: This zone is either not part of your account": {"hostnames": list{"www.example.org"}},
		"does not fit the request type": {"csr": request(t, weak)},
	} {
		in := m{"csr": good["csr"], "hostnames": good["hostnames"], "requestType": good["requestType"]}
		for k, v := range more {
			in[k] = v
		}
		_, err := w.TryCreate(in)
		refuses(t, more, err, want)
	}
	for want, more := range map[string]m{
		`"csr": invalid PEM data`:           {"csr": "rubbish"},
		"expected requested_validity to be": {"requestedValidity": 31},
		"expected request_type to be":       {"requestType": "origin-ed25519"},
	} {
		in := m{"csr": good["csr"], "hostnames": good["hostnames"], "requestType": good["requestType"]}
		for k, v := range more {
			in[k] = v
		}
		if _, failures := w.Check(nil, in); !strings.Contains(strings.Join(failures, ";"), want) {
			t.Errorf("%v: %v, want %q", more, failures, want)
		}
	}
}

// clientPair is a self-signed certificate with its key.
func clientPair(t *testing.T, authority bool) (string, string) {
	t.Helper()
	key := ecKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "client"}, NotAfter: time.Now().AddDate(1, 0, 0), IsCA: authority, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return encoded("CERTIFICATE", der), encoded("PRIVATE KEY", private)
}

func TestOriginPulls(t *testing.T) {
	w := newWorld(t).of("AuthenticatedOriginPullsCertificate")
	public, private := clientPair(t, false)
	in := m{"zoneId": zoneID, "type": "per-zone", "certificate": public, "privateKey": private}
	certificate := w.Create(in)
	if diff := cmp.Diff(bridgetest.Secret(private), certificate.State["privateKey"]); diff != "" {
		t.Error("the key is in the state in plain text")
	}
	if certificate.State["status"] != "active" || certificate.State["signature"] != "ECDSAWithSHA256" || certificate.State["serialNumber"] != "" {
		t.Errorf("state is %v", certificate.State)
	}
	if got := w.Diff(certificate, in); got != "" {
		t.Errorf("without a change: %s", got)
	}
	other, _ := clientPair(t, false)
	_, err := w.TryCreate(m{"zoneId": zoneID, "type": "per-zone", "certificate": other, "privateKey": private})
	refuses(t, "another key", err, "error uploading Per-Zone AOP certificate on zone")
	if err != nil && strings.Contains(err.Error(), "BEGIN") {
		t.Error("the error holds the key")
	}
	authority, key := clientPair(t, true)
	_, err = w.TryCreate(m{"zoneId": zoneID, "type": "per-zone", "certificate": authority, "privateKey": key})
	refuses(t, "an authority", err, "a leaf is needed")

	w.of("AuthenticatedOriginPulls")
	on := m{"zoneId": zoneID, "authenticatedOriginPullsCertificate": certificate.ID, "enabled": true}
	pulls := w.Create(on)
	if got := w.Diff(pulls, m{"zoneId": zoneID, "authenticatedOriginPullsCertificate": "another", "enabled": true}); got != "authenticatedOriginPullsCertificate:UPDATE" {
		t.Errorf("another certificate: %s", got)
	}
	var set pullSetting
	if err := w.store.Get(cloud.Pulls, zoneID, &set); err != nil || !set.Enabled || set.Certificate != certificate.ID {
		t.Errorf("the zone has %+v, %v", set, err)
	}
	w.Delete(pulls)
	if got := w.Refresh(pulls); got.State["enabled"] != false {
		t.Errorf("after its removal it is %v", got.State["enabled"])
	}
	w.of("AuthenticatedOriginPullsCertificate").Delete(certificate)
	if got := w.Refresh(certificate); got.ID != "" {
		t.Error("the certificate is still there")
	}
}

func TestZoneDNSSEC(t *testing.T) {
	w := newWorld(t).of("ZoneDnssec")
	in := m{"zoneId": zoneID}
	r := w.Create(in)
	if r.ID != zoneID || r.State["status"] != "pending" || !strings.HasPrefix(r.State["ds"].(string), "skep.test. 3600 IN DS ") {
		t.Errorf("state is %v", r.State)
	}
	if again := w.Create(in); again.State["modifiedOn"] != r.State["modifiedOn"] {
		t.Error("a zone that is signed was signed anew")
	}
	if got := w.Diff(r, in); got != "" {
		t.Errorf("without a change: %s", got)
	}
	if got := w.Diff(r, m{"zoneId": otherZone}); got != "zoneId:UPDATE_REPLACE" {
		t.Errorf("another zone: %s", got)
	}
	w.Delete(r)
	var o dnssecObject
	if err := w.store.Get(cloud.DNSSEC, zoneID, &o); err != nil || o.Status != "disabled" {
		t.Errorf("after its removal it is %+v, %v", o, err)
	}
}

func TestZoneSettings(t *testing.T) {
	w := newWorld(t).of("ZoneSettingsOverride")
	in := m{"zoneId": zoneID, "settings": m{"ssl": "strict", "minTlsVersion": "1.2", "tls13": "on"}}
	r := w.Create(in)
	initial, _ := r.State["initialSettings"].(list)
	if len(initial) != 1 || initial[0].(m)["ssl"] != "full" || initial[0].(m)["zeroRtt"] != "off" {
		t.Errorf("initial settings are %v", initial)
	}
	shown := r.State["settings"].(m)
	if shown["ssl"] != "strict" || shown["zeroRtt"] != nil {
		t.Errorf("settings are %v", shown)
	}
	if got := w.Diff(r, in); got != "" {
		t.Errorf("without a change: %s", got)
	}
	if diff := cmp.Diff(r.State, w.Refresh(r).State); diff != "" {
		t.Errorf("refresh without drift:\n%s", diff)
	}
	if got := w.Diff(r, m{"zoneId": zoneID, "settings": m{"ssl": "full", "minTlsVersion": "1.2", "tls13": "on"}}); got != "settings.ssl:UPDATE" {
		t.Errorf("another mode: %s", got)
	}
	_, err := w.TryCreate(m{"zoneId": zoneID, "settings": m{"http2": "on"}})
	refuses(t, "http2", err, `invalid zone setting "http2" (value: on) found - cannot be set as it is read only`)
	if _, failures := w.Check(nil, m{"zoneId": zoneID, "settings": m{"tls13": "maybe"}}); len(failures) != 1 || !strings.Contains(failures[0], "tls_1_3") {
		t.Errorf("a wrong value: %v", failures)
	}
	w.Delete(r)
	now := map[string]any{}
	if err := w.store.Get(cloud.ZoneSettings, zoneID, &now); err != nil || now["ssl"] != "full" || now["minTlsVersion"] != "1.0" {
		t.Errorf("after its removal ssl is %v, the version %v (%v)", now["ssl"], now["minTlsVersion"], err)
	}
}

func TestTunnel(t *testing.T) {
	w := newWorld(t).of("ZeroTrustTunnelCloudflared")
	secret := base64.StdEncoding.EncodeToString(make([]byte, 32))
	in := m{"accountId": "account", "name": "skep", "secret": bridgetest.Secret(secret), "configSrc": "cloudflare"}
	tunnel := w.Create(in)
	if tunnel.State["cname"] != tunnel.ID+".cfargotunnel.com" {
		t.Errorf("its name is %v", tunnel.State["cname"])
	}
	sealed, _ := tunnel.State["tunnelToken"].(m)
	raw, err := base64.StdEncoding.DecodeString(sealed["value"].(string))
	var token map[string]string
	if err != nil || json.Unmarshal(raw, &token) != nil || token["t"] != tunnel.ID || token["s"] != secret {
		t.Errorf("token is %v", sealed)
	}
	if got := w.Diff(tunnel, in); got != "" {
		t.Errorf("without a change: %s", got)
	}
	_, err = w.TryCreate(in)
	refuses(t, "a name twice", err, "You already have a tunnel with this name. (1013)")
	_, err = w.TryCreate(m{"accountId": "account", "name": "b", "secret": "c2hvcnQ="})
	refuses(t, "a short secret", err, "at least 32 bytes")

	w.of("ZeroTrustTunnelCloudflaredConfig")
	rules := func(last m) m {
		return m{"accountId": "account", "tunnelId": tunnel.ID, "config": m{"ingressRules": list{
			m{"hostname": "www.skep.test", "service": "https://tasks.ingress_traefik:8443", "originRequest": m{"originServerName": "www.skep.test"}}, last,
		}}}
	}
	all := rules(m{"service": "http_status:404"})
	config := w.Create(all)
	if got := w.Diff(config, all); got != "" {
		t.Errorf("without a change: %s", got)
	}
	if diff := cmp.Diff(config.State, w.Refresh(config).State); diff != "" {
		t.Errorf("refresh without drift:\n%s", diff)
	}
	_, err = w.TryCreate(rules(m{"hostname": "a.skep.test", "service": "http_status:404"}))
	refuses(t, "no last rule", err, "The last ingress rule must match all URLs")
	w.of("ZeroTrustTunnelCloudflared").Delete(tunnel)
	if _, _, err := (&account{open: func() (*cloud.Store, error) { return w.store, nil }}).tunnel(tunnel.ID); err == nil {
		t.Error("the tunnel is still there")
	}
}
