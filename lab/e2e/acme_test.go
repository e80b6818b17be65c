package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestACME is a cluster whose certificates come from a real ACME authority.
func TestACME(t *testing.T) {
	c := newCheckout(t)
	t.Parallel()
	c.ends()
	c.steps([]step{
		{"one order serves all hosts", testOneOrder},
		{"second up changes nothing", testSecondUp},
		{"another host renews when the leader is dead", testRenewedByAnother},
		{"a bundle that was tampered with changes nothing", testBrokenBundle},
		{"who gives up tls: acme keeps nothing of it", testACMEUndone},
		{"destroy leaves nothing", testDestroyed},
	})
}

// journal are lines of what the lab's authority and the played Cloudflare did.
func journal(c *checkout, of string) []string {
	c.t.Helper()
	out := c.engine("logs skep-" + c.lab().ID + "-services 2>&1")
	return regexp.MustCompile("(?m)^.*"+of+".*$").FindAllString(out, -1)
}

// certificateOf is what an ingress host shows for whoami, validated by the root of
// the lab's ACME authority.
func certificateOf(c *checkout, host string) (*x509.Certificate, error) {
	c.t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(c.on("node-3", "curl -fsS https://acme.skep.internal/roots/0"))) {
		c.t.Fatal("the authority shows no root")
	}
	address := net.JoinHostPort(hostOutputs(c, "lab")[host].PublicAddress, "443")
	connection, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", address, &tls.Config{ServerName: "whoami.skep.test", RootCAs: roots})
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close() }()
	return connection.ConnectionState().PeerCertificates[0], nil
}

// shown waits until a host, which may just have booted, shows a certificate that
// validates and is not the one with this serial number.
func shown(c *checkout, host, other string) string {
	c.t.Helper()
	var serial string
	var err error
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		var certificate *x509.Certificate
		if certificate, err = certificateOf(c, host); err == nil {
			if serial = certificate.SerialNumber.String(); serial != other {
				return serial
			}
		}
		if time.Now().After(end) {
			c.t.Fatalf("%s shows certificate %q, want another than %q: %v\n%s", host, serial, other, err,
				c.on(host, "cat /var/lib/skep/acme /var/lib/skep/ingress/dynamic/acme.yaml; journalctl -u skep-acme --no-pager | tail"))
		}
	}
}

func testOneOrder(c *checkout) {
	c.run("scripts/tools --packages-for lab")
	c.run(".skep/bin/lab up")
	c.edit("Pulumi.lab.yaml", "  skep:stacks:", "  skep:ingress:\n    tls: acme\n    acme: {email: ops@skep.test, directory: \"https://acme.skep.internal/dir\"}\n  skep:stacks:")
	c.pulumi("lab", "pulumi stack init lab")
	out, err := c.try(inStack("lab", "pulumi preview"))
	if err == nil || !strings.Contains(out, "skep:acmeToken: missing") {
		c.t.Errorf("a preview without the token: %v\n%s", err, tail(out))
	}
	c.pulumi("lab", "printf %s played-by-the-lab-0000000000000000000000 | pulumi config set --secret acmeToken")
	preview := planned(c, "lab")
	start := time.Now()
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	c.t.Logf("first up, the certificate included: %s", time.Since(start).Round(time.Second))
	if diff := cmp.Diff(preview, present(c, "lab")); diff != "" {
		c.t.Errorf("up made other resources than preview showed (-preview +up):\n%s", diff)
	}
	serial := shown(c, "node-1", "")
	for _, host := range hosts {
		if got := shown(c, host, ""); got != serial {
			c.t.Errorf("%s shows certificate %s, node-1 %s", host, got, serial)
		}
		to := hostOutputs(c, "lab")[host].PublicAddress
		if out := c.on("node-3", fmt.Sprintf("curl -fsS https://acme.skep.internal/roots/0 >/run/root.pem; curl -fsS --max-time 5 --cacert /run/root.pem --resolve whoami.skep.test:443:%s https://whoami.skep.test/", to)); !strings.Contains(out, "Hostname: ") {
			c.t.Errorf("%s does not answer over TLS: %s", host, out)
		}
		if got := c.on(host, "bash /usr/local/lib/skep/acme check && sed -n 's/^error=//p' /var/lib/skep/acme"); got != "" {
			c.t.Errorf("%s: %s", host, got)
		}
	}
	if orders := journal(c, "Added order"); len(orders) != 1 {
		c.t.Errorf("want one order for three hosts:\n%s", strings.Join(orders, "\n"))
	}
	if left := journal(c, "Cloudflare .*TXT"); len(left) != 2 || !strings.Contains(left[1], "DELETE") {
		c.t.Errorf("want one record, made and taken away:\n%s", strings.Join(left, "\n"))
	}
	testACMESecrets(c)
}

// testACMESecrets looks for the token, the account's key and the certificate's
// where others than root could find them.
func testACMESecrets(c *checkout) {
	for _, host := range hosts {
		hits := c.on(host, `secrets=$(sed -n 's/^Authorization: Bearer //p' /etc/skep/acme/authorization; sed -n 2p /etc/skep/acme/account.key; sed -n 2p /var/lib/skep/ingress/certs/acme-*.key)
			{ journalctl --no-pager -q; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr "\0" "\n" | grep -v "^secrets="
				docker config inspect --format "{{printf \"%s\" .Spec.Data}}" $(docker config ls -q); cat /var/lib/skep/acme; } |
				grep -cF -f <(printf "%s\n" "$secrets") || true`)
		if hits != "0" {
			c.t.Errorf("%s: %s lines of logs, process lists or the swarm's objects hold a secret", host, hits)
		}
		if open := c.on(host, "find /etc/skep/acme -perm /077; find /var/lib/skep/ingress/certs -name '*.key' ! -perm 640; ls /run | grep skep-acme | grep -v lock || true"); open != "" {
			c.t.Errorf("%s: others may read %s", host, open)
		}
	}
}

// traefikOn is Traefik's container on a host, and since when it runs.
func traefikOn(c *checkout, host string) string {
	c.t.Helper()
	return c.on(host, `docker ps -q --filter label=com.docker.swarm.service.name=ingress_traefik | xargs docker inspect --format "{{.Id}} {{.State.StartedAt}}"`)
}

// testRenewedByAnother forces a renewal while the swarm's leader, which has the
// newest of everything, is off.
func testRenewedByAnother(c *checkout) {
	before := map[string]string{}
	serial, leader := shown(c, "node-1", ""), ""
	for _, host := range hosts {
		before[host] = traefikOn(c, host)
		if c.on(host, "docker node inspect self --format {{.ManagerStatus.Leader}}") == "true" {
			leader = host
		}
	}
	accounts := journal(c, "accounts in memory")
	c.engine("kill " + c.container(leader))
	var alive []string
	for _, host := range hosts {
		if host != leader {
			alive = append(alive, host)
		}
	}
	c.until(time.Minute, "another leader", func() bool {
		_, err := c.try(".skep/bin/lab ssh " + alive[0] + " docker node ls")
		return err == nil
	})
	start := time.Now()
	c.on(alive[0], "bash /usr/local/lib/skep/acme up --renew now")
	renewed := shown(c, alive[0], serial)
	c.t.Logf("renewed by %s without %s in %s", alive[0], leader, time.Since(start).Round(100*time.Millisecond))
	// What the timer starts.
	c.on(alive[1], "systemctl start skep-acme.service")
	if got := shown(c, alive[1], serial); got != renewed {
		c.t.Errorf("%s shows certificate %s, %s %s", alive[1], got, alive[0], renewed)
	}
	c.engine("start " + c.container(leader))
	c.until(2*time.Minute, leader+" to be back with the new certificate", func() bool {
		_, err := c.try(fmt.Sprintf(".skep/bin/lab ssh %s %s", leader, quoted("systemctl start skep-acme.service")))
		return err == nil
	})
	if got := shown(c, leader, serial); got != renewed {
		c.t.Errorf("%s is back with certificate %s, want %s", leader, got, renewed)
	}
	if orders := journal(c, "Added order"); len(orders) != 2 {
		c.t.Errorf("want two orders in all:\n%s", strings.Join(orders, "\n"))
	}
	if now := journal(c, "accounts in memory"); len(now) != len(accounts) || len(now) != 1 {
		c.t.Errorf("want one account:\n%s", strings.Join(now, "\n"))
	}
	// The leader's own is another after its death; those of the others are not.
	for _, host := range alive {
		if got := traefikOn(c, host); got != before[host] {
			c.t.Errorf("%s runs Traefik in %q, before the renewal in %q", host, got, before[host])
		}
	}
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}

// testBrokenBundle has the swarm hold a newer certificate that is none.
func testBrokenBundle(c *checkout) {
	serial := shown(c, "node-1", "")
	set := c.on("node-1", "sed -n 's/^set=//p' /etc/skep/acme/settings")
	id := c.on("node-2", "echo rubbish | docker config create --label skep.acme=bundle --label skep.acme.set="+set+" skep-acme-0 -")
	out, err := c.try(".skep/bin/lab ssh node-1 bash /usr/local/lib/skep/acme up")
	if err == nil || !strings.Contains(out, "no new order for another 360 minutes") {
		c.t.Errorf("a broken bundle: %v\n%s", err, out)
	}
	if out, err := c.try(".skep/bin/lab ssh node-1 bash /usr/local/lib/skep/acme check"); err == nil || !strings.Contains(out, "left none that is any good") {
		c.t.Errorf("check says of a broken bundle: %v\n%s", err, out)
	}
	if got := shown(c, "node-1", ""); got != serial {
		c.t.Errorf("node-1 shows certificate %s, want %s still", got, serial)
	}
	c.on("node-2", "docker config rm "+id)
	c.on("node-1", "bash /usr/local/lib/skep/acme up && bash /usr/local/lib/skep/acme check")
}

func testACMEUndone(c *checkout) {
	c.edit("Pulumi.lab.yaml", "tls: acme", "tls: ca")
	c.pulumi("lab", "pulumi up --yes --skip-preview && pulumi up --yes --expect-no-changes")
	for _, host := range hosts {
		if left := c.on(host, "ls -d /etc/skep/acme /var/lib/skep/acme /var/lib/skep/ingress/*/acme* /etc/systemd/system/skep-acme* /usr/local/lib/skep/acme 2>/dev/null || true"); left != "" {
			c.t.Errorf("%s still has %s", host, left)
		}
	}
	if left := c.on("node-1", "docker config ls --filter label=skep.acme"); strings.Count(left, "\n") > 0 {
		c.t.Errorf("the swarm still holds\n%s", left)
	}
	if certificate, err := certificateOf(c, "node-1"); err == nil {
		c.t.Errorf("node-1 still shows the authority's certificate %s", certificate.SerialNumber)
	}
}

func testDestroyed(c *checkout) {
	c.pulumi("lab", "pulumi destroy --yes --skip-preview")
	if left := present(c, "lab"); len(left) > 0 {
		c.t.Errorf("the state still holds %v", left)
	}
}
