package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"skep/internal/pulumitest"
)

const rangesCall = "cloudflare:index/getIpRanges:getIpRanges"

// proxied is the lab with Cloudflare's proxies before it, which connect from
// the given ranges.
func proxied(t *testing.T, four, six []any) pulumitest.Program {
	config := shipped(t, "lab")
	config["skep:dns"] = `{"ttl":60,"proxied":true}`
	config["skep:hosts"] = strings.TrimSuffix(config["skep:hosts"], "]") + `,{"name":"node-4","id":4}]`
	w := world(config)
	w.Calls = maps.Clone(w.Calls)
	w.Calls[rangesCall] = func(resource.PropertyMap) resource.PropertyMap {
		return resource.NewPropertyMapFromMap(map[string]any{
			"id": "1", "ipv4CidrBlocks": four, "ipv6CidrBlocks": six, "cidrBlocks": slices.Concat(four, six),
			"chinaIpv4CidrBlocks": []any{}, "chinaIpv6CidrBlocks": []any{},
		})
	}
	return w
}

func TestProxiedRoutesAreForCloudflareOnly(t *testing.T) {
	g := pulumitest.Run(t, proxied(t, []any{"173.245.48.0/20", "104.16.0.0/13", "104.17.0.0/16"}, []any{"2606:4700::/32"}))
	for _, r := range g.OfType(recordToken) {
		route := strings.HasPrefix(r.Name, "dns-route-")
		if got := r.Inputs["proxied"].BoolValue(); got != route {
			t.Errorf("%s: proxied is %v", r.Name, got)
		}
		if want := map[bool]float64{true: 1, false: 60}[route]; r.Inputs["ttl"].NumberValue() != want {
			t.Errorf("%s: ttl is %v, want %v", r.Name, r.Inputs["ttl"], want)
		}
	}
	for host, visitors := range map[string]bool{"node-1": true, "node-4": false} {
		base := g.Named(t, commandToken, host+"-base")
		rules, line := pulumitest.Text(base, "stdin"), pulumitest.Text(base, "create")
		if got := strings.Contains(rules, "elements = { 104.16.0.0/13, 173.245.48.0/20 }"); got != visitors {
			t.Errorf("%s: web ports are for Cloudflare's ranges: %v", host, got)
		}
		if got := strings.Contains(line, "--ranges https://www.cloudflare.com"); got != visitors {
			t.Errorf("%s: keeps the ranges young: %v", host, got)
		}
	}
	cloud := pulumitest.Text(g.Named(t, "digitalocean:index/firewall:Firewall", "cloud-firewall"), "inboundRules")
	if strings.Count(cloud, "173.245.48.0/20") != 2 || strings.Count(cloud, "2606:4700::/32") != 2 {
		t.Errorf("the cloud's firewall lets in others at 80 and 443: %s", cloud)
	}
}

// What the data source says when something is wrong with it shuts nobody out
// and lets nobody in.
func TestUnsoundRangesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		four, six []any
		want      string
	}{
		"none":       {nil, nil, "it named 0 of IPv4"},
		"one family": {[]any{"104.16.0.0/13"}, nil, "0 of IPv6"},
		"everybody":  {[]any{"0.0.0.0/0"}, []any{"2606:4700::/32"}, `"0.0.0.0/0": need a range`},
		"rubbish":    {[]any{"<html>"}, []any{"2606:4700::/32"}, `"<html>"`},
		"private":    {[]any{"10.0.0.0/16"}, []any{"2606:4700::/32"}, "need a public range"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := pulumitest.Start(t, proxied(t, c.four, c.six))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
			if made := g.OfType(commandToken); len(made) > 0 {
				t.Errorf("%d commands were run all the same", len(made))
			}
		})
	}
}

func TestUnproxiedAsksForNoRanges(t *testing.T) {
	g := pulumitest.Run(t, world(shipped(t, "lab"))) // any call that is not known fails it
	var proxied []string
	for _, r := range g.OfType(recordToken) {
		if r.Inputs["proxied"].BoolValue() {
			proxied = append(proxied, r.Name)
		}
	}
	if diff := cmp.Diff([]string(nil), proxied); diff != "" {
		t.Errorf("proxied records:\n%s", diff)
	}
	if strings.Contains(pulumitest.Text(g.Named(t, commandToken, "node-1-base"), "create"), "--ranges") {
		t.Error("a host keeps ranges young that it does not have")
	}
}
