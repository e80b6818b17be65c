package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// proxyCertificate is what Cloudflare was given to show hosts: certificate and
// key, from the stack's state.
func proxyCertificate(c *checkout) string {
	c.t.Helper()
	var state struct {
		Deployment struct {
			Resources []struct {
				Type   string
				Inputs struct {
					Certificate string
					PrivateKey  struct{ Plaintext string }
				}
			}
		}
	}
	c.data("lab", "pulumi stack export --show-secrets", &state)
	for _, r := range state.Deployment.Resources {
		if r.Type != "cloudflare:index/authenticatedOriginPullsCertificate:AuthenticatedOriginPullsCertificate" {
			continue
		}
		var key string
		if err := json.Unmarshal([]byte(r.Inputs.PrivateKey.Plaintext), &key); err != nil {
			c.t.Fatalf("read the key of the proxies' certificate: %v", err)
		}
		return r.Inputs.Certificate + key
	}
	c.t.Fatal("the state has no certificate for the proxies")
	return ""
}

// testPulls visits as another customer of Cloudflare's would, from its proxies
// but through a zone of his own, and as our zone's proxies do.
func testPulls(c *checkout) {
	to := hostOutputs(c, "lab")["node-1"].PublicAddress
	pem := base64.StdEncoding.EncodeToString([]byte(proxyCertificate(c)))
	get := fmt.Sprintf("curl -sSkv --interface %s --max-time 5 --resolve whoami.skep.test:443:%s https://whoami.skep.test/", fromCloudflare, to)
	visit(c, fromCloudflare, 80) // gives node-2 the address
	if out := c.on("node-2", get+" 2>&1 || true"); strings.Contains(out, "Hostname: ") || !strings.Contains(out, "certificate required") && !strings.Contains(out, "handshake failure") && !strings.Contains(out, "bad certificate") {
		c.t.Errorf("somebody else's zone, from the same proxies, is not refused for want of a certificate:\n%s", tail(out))
	}
	out := c.on("node-2", fmt.Sprintf("umask 077; echo %s | base64 -d >/run/proxy.pem; %s --cert /run/proxy.pem 2>&1; rm /run/proxy.pem", pem, get))
	if !strings.Contains(out, "Hostname: ") || !strings.Contains(out, "CloudFlare Origin") {
		c.t.Errorf("our own proxies do not get the page, or not with the origin certificate:\n%s", tail(out))
	}
}
