package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"skep/internal/pulumitest"
)

// unpacked is what a host script reads from a packed stdin.
func unpacked(t *testing.T, stdin string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(stdin, "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRoutesReachEveryIngressHost(t *testing.T) {
	config := shipped(t, "lab")
	config["skep:hosts"] = strings.TrimSuffix(config["skep:hosts"], "]") + `,{"name":"node-4","id":4}]`
	g := pulumitest.Run(t, world(config))
	for _, host := range []string{"node-1", "node-2", "node-3"} {
		command := g.Named(t, commandToken, "ingress-"+host)
		if !pulumitest.Secret(command, "stdin") {
			t.Errorf("%s: the key of the certificate is no secret", host)
		}
		archive := unpacked(t, pulumitest.Text(command, "stdin"))
		if routes := archived(t, archive, "dynamic/routes.yaml"); !strings.Contains(routes, "Host(`whoami.skep.test`)") || !strings.Contains(routes, "http://tasks.whoami_whoami:8080") {
			t.Errorf("%s: routes are\n%s", host, routes)
		}
		if key := archived(t, archive, "certs/ca-*"); !strings.Contains(key, "BEGIN CERTIFICATE") || !strings.Contains(archive, "BEGIN PRIVATE KEY") {
			t.Errorf("%s: there is no certificate", host)
		}
		if base := pulumitest.Text(g.Named(t, commandToken, host+"-base"), "create"); !strings.Contains(base, "--ingress yes") {
			t.Errorf("%s: base makes no folders for Traefik", host)
		}
	}
	for _, r := range g.OfType(commandToken) {
		if r.Name == "ingress-node-4" {
			t.Error("a host that takes no visitors gets routes")
		}
	}
	component := g.Named(t, "skep:ingress:Ingress", "ingress")
	if files := pulumitest.Text(component, "files"); pulumitest.Secret(component, "files") || !strings.Contains(files, "Host(`whoami.skep.test`)") || strings.Contains(files, "PRIVATE KEY") {
		t.Errorf("the preview shows\n%s", files)
	}
	again := pulumitest.Run(t, world(config))
	if pulumitest.Text(again.Named(t, commandToken, "ingress-node-1"), "stdin") != pulumitest.Text(g.Named(t, commandToken, "ingress-node-1"), "stdin") {
		t.Error("a second run gives other routes or another certificate")
	}
}

// An ingress host costs one resource more than one that takes no visitors.
func TestEachIngressHostCostsOneResourceMore(t *testing.T) {
	size := func(ingress string) int {
		config := shipped(t, "lab")
		config["skep:dns"] = `{"provider":"none"}`
		config["skep:hosts"] = strings.TrimSuffix(config["skep:hosts"], "]") + `,{"name":"node-4","id":4,"ingress":` + ingress + `}]`
		return len(pulumitest.Run(t, world(config)).Resources)
	}
	if with, without := size("true"), size("false"); with != without+1 {
		t.Errorf("%d resources with visitors, %d without", with, without)
	}
}

func TestTraefikRunsWhereItIsWanted(t *testing.T) {
	none, wanted := shipped(t, "lab"), shipped(t, "lab")
	none["skep:stacks"], wanted["skep:stacks"] = "[]", "[]"
	wanted["skep:ingress"] = `{"tls":"none"}`
	if n := len(pulumitest.Run(t, world(none)).OfType("skep:stack:Stack")); n != 0 {
		t.Errorf("without any route there are %d stacks", n)
	}
	g := pulumitest.Run(t, world(wanted))
	if n := len(g.OfType("skep:stack:Stack")); n != 1 {
		t.Errorf("config asks for Traefik, and there are %d stacks", n)
	}
	command := g.Named(t, commandToken, "ingress-node-1")
	if archive := unpacked(t, pulumitest.Text(command, "stdin")); pulumitest.Secret(command, "stdin") || strings.Contains(archive, "certs/") {
		t.Errorf("without TLS there is a certificate:\n%s", archive)
	}
}

func TestRoutesNeedAHostThatTakesVisitors(t *testing.T) {
	config := shipped(t, "lab")
	config["skep:hosts"] = `[{"name":"node-1","id":1,"role":"manager","ingress":false}]`
	if _, err := pulumitest.Start(t, world(config)); err == nil || !strings.Contains(err.Error(), "no host takes visitors") {
		t.Errorf("nobody is told: %v", err)
	}
}

func TestNoStackTakesTheNameOfSkepsOwn(t *testing.T) {
	config := inFolder(t, map[string]string{"ingress": partner})
	if _, err := pulumitest.Start(t, world(config)); err == nil || !strings.Contains(err.Error(), `"ingress"`) {
		t.Errorf("two stacks have one name: %v", err)
	}
}

func TestEntryPointsAreOpenWhereVisitorsComeIn(t *testing.T) {
	config := shipped(t, "lab")
	config["skep:hosts"] = strings.TrimSuffix(config["skep:hosts"], "]") + `,{"name":"node-4","id":4}]`
	config["skep:ingress"] = `{"entryPoints":{"smtp":"25/tcp","dns":"53/udp"}}`
	g := pulumitest.Run(t, world(config))
	for host, open := range map[string]bool{"node-1": true, "node-4": false} {
		rules := pulumitest.Text(g.Named(t, commandToken, host+"-base"), "stdin")
		if strings.Contains(rules, "\t\ttcp dport { 25 } accept") != open || strings.Contains(rules, "\t\tudp dport { 53 } accept") != open {
			t.Errorf("%s: open is not %v", host, open)
		}
	}
	cloud := pulumitest.Text(g.Named(t, "digitalocean:index/firewall:Firewall", "cloud-firewall"), "inboundRules")
	if !strings.Contains(cloud, "25") || !strings.Contains(cloud, "53") {
		t.Errorf("the cloud's firewall: %s", cloud)
	}
	stack := pulumitest.Text(g.Named(t, commandToken, "ingress-deploy"), "stdin")
	for _, want := range []string{"--entryPoints.smtp.address=:20002/tcp", "--entryPoints.dns.address=:20001/udp", "published: 25", "published: 53"} {
		if !strings.Contains(stack, want) {
			t.Errorf("Traefik's stack lacks %q", want)
		}
	}
}

// Every stack waits for the networks that Traefik's makes, and routes for what
// they lead to.
func TestStacksComeBetweenTraefikAndRoutes(t *testing.T) {
	g := pulumitest.Run(t, world(shipped(t, "lab")))
	depends := func(name, on string) bool {
		for _, urn := range g.Named(t, commandToken, name).RegisterRPC.GetDependencies() {
			if strings.HasSuffix(urn, "::"+on) {
				return true
			}
		}
		return false
	}
	if !depends("whoami-deploy", "ingress-deploy") || !depends("ingress-node-2", "whoami-deploy") || !depends("ingress-node-2", "ingress-deploy") {
		t.Error("the order is not Traefik, stacks, routes")
	}
}
