package main

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"skep/internal/pulumitest"
)

const tunnelConfigToken = "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig"

// With a tunnel, no host answers at 80 and 443, and routes lead to the tunnel.
func TestTunnel(t *testing.T) {
	config := shipped(t, "lab")
	config["skep:ingress"] = `{"tunnel":true}`
	w := world(config)
	w.Answers["cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared"] = func(string, resource.PropertyMap) resource.PropertyMap {
		return resource.PropertyMap{
			"cname":       resource.NewStringProperty("tunnel-id.cfargotunnel.com"),
			"tunnelToken": resource.MakeSecret(resource.NewStringProperty(pulumitest.Canary + " token")),
		}
	}
	g := pulumitest.Run(t, w)
	var names []string
	for _, r := range g.OfType(recordToken) {
		names = append(names, fmt.Sprintf("%s %s %s proxied=%v", pulumitest.Text(r, "name"), pulumitest.Text(r, "type"), pulumitest.Text(r, "content"), r.Inputs["proxied"].BoolValue()))
	}
	slices.Sort(names)
	want := []string{
		"node-1.skep.test A 192.0.2.11 proxied=false", "node-2.skep.test A 192.0.2.12 proxied=false", "node-3.skep.test A 192.0.2.13 proxied=false",
		"whoami.skep.test CNAME tunnel-id.cfargotunnel.com proxied=true",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	for _, name := range []string{"node-1-base", "node-3-base"} {
		rules := pulumitest.Text(g.Named(t, commandToken, name), "stdin")
		if strings.Contains(rules, "443") || !strings.Contains(rules, "51820") {
			t.Errorf("%s: a web port is open, or this is no firewall", name)
		}
	}
	if rules := pulumitest.Text(g.Named(t, "digitalocean:index/firewall:Firewall", "cloud-firewall"), "inboundRules"); strings.Contains(rules, "443") {
		t.Errorf("the cloud's firewall has web ports open: %s", rules)
	}
	deploy := g.Named(t, commandToken, "tunnel-connectors-deploy")
	if text := pulumitest.Text(deploy, "stdin"); !pulumitest.Secret(deploy, "stdin") || !strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(pulumitest.Canary+" token"))) {
		t.Error("the connectors do not get the tunnel's token, or not as a secret")
	}
	rules := g.Named(t, tunnelConfigToken, "tunnel-routes").Inputs["config"].ObjectValue()["ingressRules"].ArrayValue()
	if len(rules) != 2 || rules[0].ObjectValue()["hostname"].StringValue() != "whoami.skep.test" {
		t.Errorf("the tunnel's rules are %v", rules)
	}
	if got := ofCloudflare(g); len(got) != 3 {
		t.Errorf("at Cloudflare there are %v, want the certificate, the tunnel and its routes: connectors show no certificate to hosts", got)
	}
}

func TestFaultsOfTunnel(t *testing.T) {
	for change, want := range map[string]string{
		`{"tunnel":true,"tls":"ca"}`: "skep:ingress.tls: the tunnel does not know the cluster's own authority",
	} {
		if got := faulty(t, map[string]string{"skep:ingress": change}); !strings.Contains(got, want) {
			t.Errorf("%s: error is %s, want one with %q", change, got, want)
		}
	}
	for change, want := range map[string]string{
		`{"proxied":true}`: "skep:dns.proxied: a tunnel's visitors", `{"provider":"none"}`: "skep:ingress.tunnel: true with skep:dns.provider",
	} {
		if got := faulty(t, map[string]string{"skep:ingress": `{"tunnel":true}`, "skep:dns": change}); !strings.Contains(got, want) {
			t.Errorf("%s: error is %s, want one with %q", change, got, want)
		}
	}
}

// A host keeps the one address of all that take visitors, with a token that is a
// secret, and nobody else touches what it has written.
func TestDynamic(t *testing.T) {
	config := withSSHKey(t, shipped(t, "home"))
	config["skep:dns"] = `{"dynamic":"board-2"}`
	config["skep:secrets"] = `{"dns.token":"` + token + `-of-the-zone"}`
	w := world(config)
	w.Secrets = append(w.Secrets, "skep:secrets")
	g := pulumitest.Run(t, w)
	kept := g.Named(t, recordToken, "dns-ingress.home.example.org")
	if diff := cmp.Diff([]string{"name", "content"}, kept.RegisterRPC.GetIgnoreChanges()); diff != "" {
		t.Errorf("ignored changes (-want +got):\n%s", diff)
	}
	for _, r := range g.OfType(recordToken) {
		if pulumitest.Text(r, "name") == "ingress.home.example.org" && r.Name != kept.Name {
			t.Errorf("%s is another address of ingress", r.Name)
		}
	}
	command := g.Named(t, commandToken, "dns-address")
	if !pulumitest.Secret(command, "stdin") || pulumitest.Text(command, "stdin") != token+"-of-the-zone" {
		t.Error("the host does not get the token as a secret")
	}
	if line := pulumitest.Text(command, "create"); !strings.Contains(line, "--zone zone-id --name ingress.home.example.org") {
		t.Errorf("the host is told to %s", line)
	}
	for change, want := range map[string]string{
		`{"dynamic":"board-9"}`: `skep:dns.dynamic: "board-9": need the name of a host`, `{"dynamic":"board-1"}`: "skep:dns.dynamic: no token",
		`{"dynamic":"board-1","provider":"none"}`: "skep:dns.dynamic: there is no record to keep",
	} {
		faulty := withSSHKey(t, shipped(t, "home"))
		faulty["skep:dns"] = change
		if _, err := pulumitest.Start(t, world(faulty)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want one with %q", change, err, want)
		}
	}
}
