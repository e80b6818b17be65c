package e2e

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestIngress is how visitors come in: names, certificates and routes on every
// host that takes them.
func TestIngress(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	c.ends()
	c.steps([]step{
		{"every route answers by name on every host", testRoutes},
		{"second up changes nothing and restarts nothing", testIngressAgain},
		{"Traefik may do little", testTraefikMayLittle},
		{"who is not asked for learns nothing", testUnknownNames},
		{"visitors cannot pose as others", testForgedHeaders},
		{"one zone does not reach another", testZones},
		{"a faulty label fails the preview", testFaultyLabel},
		{"a route changes under load", testRouteUnderLoad},
		{"what is changed by hand is told, and put back", testIngressDrift},
		{"one host gone, visitors come in by the others", testIngressHostGone},
		{"a stack takes its routes with it", testRouteGoes},
	})
}

const guestFile = "stacks/guest/compose.yaml"

func addresses(c *checkout) []string {
	c.t.Helper()
	var out []string
	for _, host := range hosts {
		out = append(out, hostOutputs(c, "lab")[host].PublicAddress)
	}
	return out
}

func testRoutes(c *checkout) {
	c.run("cp -r lab/e2e/testdata/stacks/{vault,guest} stacks/")
	c.edit("Pulumi.lab.yaml", "skep:stacks: [whoami]", "skep:stacks: [whoami, vault, guest]")
	c.run("scripts/tools --packages-for lab && .skep/bin/lab up")
	c.pulumi("lab", "pulumi stack init lab && pulumi up --yes --skip-preview")
	for _, name := range []string{"whoami.skep.test", "vault.skep.test", "guest.skep.test"} {
		for i, address := range addresses(c) {
			if out := page(c, "lab", name, address, ""); !strings.Contains(out, "Hostname: ") || !strings.Contains(out, "X-Forwarded-Proto: https") {
				c.t.Errorf("%s at %s: %s", name, hosts[i], out)
			}
		}
		if out := c.on("node-2", fetchThere(c, "lab", name)); !strings.Contains(out, "Hostname: ") {
			c.t.Errorf("%s by the lab's DNS: %s", name, out)
		}
	}
	// The authority of the cluster and no other, and nothing older than TLS 1.2.
	at := addresses(c)[0]
	if out, err := c.try("curl -sS --max-time 5 --resolve whoami.skep.test:443:" + at + " https://whoami.skep.test/"); err == nil {
		c.t.Errorf("somebody who does not know the authority trusts it: %s", out)
	}
	if out, err := c.try(fetch(c, "lab", "whoami.skep.test", at, "--tls-max 1.1")); err == nil {
		c.t.Errorf("TLS 1.1 is spoken: %s", out)
	}
	headers := c.run(fetch(c, "lab", "whoami.skep.test", at, "-D - -o /dev/null"))
	if !strings.Contains(strings.ToLower(headers), "strict-transport-security: max-age=31536000") {
		c.t.Errorf("browsers are not told to use TLS:\n%s", headers)
	}
}

func testIngressAgain(c *checkout) {
	before := tasks(c)
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	if diff := cmp.Diff(before, tasks(c)); diff != "" {
		c.t.Errorf("a second up restarts:\n%s", diff)
	}
}

// traefik is the container of Traefik on a host, for a line of shell there.
const traefik = `"$(docker ps -q --filter name=ingress_traefik | head -n1)"`

func testTraefikMayLittle(c *checkout) {
	for _, host := range hosts {
		got := c.on(host, `docker inspect `+traefik+` --format '{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.CapAdd}} {{.HostConfig.Privileged}}'`)
		if got != "20080:20080 true [ALL] [] false" && got != "20080:20080 true [CAP_ALL] [] false" {
			c.t.Errorf("%s: user, read-only root, capabilities: %s", host, got)
		}
		status := c.on(host, `grep -E "^(Uid|CapEff|CapBnd|NoNewPrivs)" "/proc/$(docker inspect -f "{{.State.Pid}}" `+traefik+`)/status" | tr -s "\t" " " | xargs`)
		if !strings.HasPrefix(status, "Uid: 20080 20080 20080 20080 CapEff: 0000000000000000 ") {
			c.t.Errorf("%s: the process is %s", host, status)
		}
		mounts := c.on(host, `docker inspect `+traefik+` --format '{{range .Mounts}}{{if ne .Type "tmpfs"}}{{.Source}} {{.RW}}{{println}}{{end}}{{end}}' | sort | xargs`)
		if strings.Contains(mounts, ".sock") || mounts != "/var/lib/skep/ingress/certs false /var/lib/skep/ingress/dynamic false" {
			c.t.Errorf("%s: it has mounted %s", host, mounts)
		}
		modes := c.on(host, `cd /var/lib/skep/ingress && stat -c "%a %u:%g %F" certs certs/ca-*.key | sort -u | xargs`)
		if modes != "640 0:20080 regular file 750 0:20080 directory" {
			c.t.Errorf("%s: keys are %s", host, modes)
		}
	}
}

func testUnknownNames(c *checkout) {
	at := addresses(c)[0]
	out := c.run(strings.Replace(fetch(c, "lab", "nobody.skep.test", at, "-D -"), "-fsS", "-sS", 1))
	if !strings.HasPrefix(out, "HTTP/2 404") || regexp.MustCompile(`(?im)^(server|via|x-powered-by):|traefik`).MatchString(out) {
		c.t.Errorf("a name without a route:\n%s", out)
	}
	// Whoever scans addresses learns no name: not of a certificate either.
	for _, sni := range []string{"-noservername", "-servername elsewhere.example"} {
		if said, _ := c.try("timeout 5 openssl s_client -connect " + at + ":443 " + sni + " </dev/null 2>&1"); strings.Contains(said, "BEGIN CERTIFICATE") {
			c.t.Errorf("s_client %s gets a certificate:\n%s", sni, said)
		}
	}
}

// forged are the headers by which visitors may try to be somebody else.
var forged = []string{"X-Forwarded-For", "X-Real-Ip", "X-Forwarded-Host", "X-Forwarded-User", "CF-Connecting-IP", "CF_Connecting_IP", "True-Client-IP", "X_Forwarded_For", "Forwarded", "X-Client-IP"}

func testForgedHeaders(c *checkout) {
	const lie = "198.51.100.66"
	options := ""
	for _, header := range forged {
		options += fmt.Sprintf(" -H '%s: %s'", header, lie)
	}
	for _, host := range hosts {
		out := c.run(fetch(c, "lab", "whoami.skep.test", hostOutputs(c, "lab")[host].PublicAddress, options))
		if strings.Contains(out, lie) {
			c.t.Errorf("%s: what a visitor says of itself reaches the service:\n%s", host, out)
		}
		// The visitor's own address does: this machine's, on the lab's bridge.
		from := regexp.MustCompile(`(?m)^X-Forwarded-For: (\S+)\r?$`).FindStringSubmatch(out)
		if from == nil || net.ParseIP(from[1]) == nil || !c.ours(from[1]) {
			c.t.Errorf("%s: the service takes the visitor for %v:\n%s", host, from, out)
		}
	}
}

// ours says whether an address is one of this machine.
func (c *checkout) ours(address string) bool {
	c.t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		c.t.Fatal(err)
	}
	return slices.ContainsFunc(all, func(a net.Addr) bool { return strings.HasPrefix(a.String(), address+"/") })
}

// inside starts a line that runs in the network of a container of a service.
func inside(service string) string {
	return fmt.Sprintf(`nsenter -n -t "$(docker inspect "$(docker ps -q --filter name=%s | head -n1)" --format '{{.State.Pid}}')" `, service)
}

func testZones(c *checkout) {
	for host, want := range map[string]string{"guest_visitor": "", "vault_safe": "found"} {
		on := "node-1"
		if host == "vault_safe" {
			on = c.on("node-1", `docker service ps vault_safe --filter desired-state=running --format "{{.Node}}" | head -n1`)
		}
		got := "found"
		if c.on(on, inside(host)+`nslookup -type=a tasks.vault_safe 127.0.0.11 | awk '/^Address: / { print $2 }'`) == "" {
			got = ""
		}
		if got != want {
			c.t.Errorf("%s asks for the service of another zone: %q, want %q", host, got, want)
		}
	}
	// Its address does not help: there is no way from one network to the other. (On
	// its way out of the host, somebody else may have that address, and answer.)
	on := c.on("node-1", `docker service ps vault_safe --filter desired-state=running --format "{{.Node}}" | head -n1`)
	address := c.on(on, `docker inspect "$(docker ps -q --filter name=vault_safe | head -n1)" --format '{{(index .NetworkSettings.Networks "edge-core").IPAddress}}'`)
	if got := c.on(on, inside("ingress_traefik")+"curl -s --max-time 5 http://"+address+":8080/"); !strings.Contains(got, "Hostname: ") {
		c.t.Fatalf("Traefik does not reach %s, so this proves nothing: %s", address, got)
	}
	for _, from := range hosts {
		if got := c.on(from, inside("guest_visitor")+"curl -s --max-time 3 http://"+address+":8080/ || true"); strings.Contains(got, "Hostname: ") {
			c.t.Errorf("a service of the zone users on %s reaches one of core: %s", from, got)
		}
	}
}

func testFaultyLabel(c *checkout) {
	const good, bad = "traefik.http.routers.visitor.rule", "traefik.http.routers.visitor.rul"
	c.edit(guestFile, good, bad)
	line := 1 + strings.Count(strings.Split(c.read(guestFile), bad)[0], "\n")
	out, err := c.try(inStack("lab", "pulumi preview"))
	if want := fmt.Sprintf("%s:%d:", guestFile, line); err == nil || !strings.Contains(out, want) {
		c.t.Errorf("a faulty label (%v) is not told at %s\n%s", err, want, tail(out))
	}
	c.edit(guestFile, bad, good)
}

// loadRate is how many requests a second go on while a route changes.
func loadRate() int {
	rate := 500
	if _, err := fmt.Sscan(os.Getenv("SKEP_LAB_RATE"), &rate); err != nil {
		return 500
	}
	return rate
}

func testRouteUnderLoad(c *checkout) {
	before := tasks(c)
	visitors := client(c.t, c.read(authority(c, "lab")), addresses(c))
	start := time.Now()
	stop := load(visitors, "https://whoami.skep.test/bench", loadRate())
	c.edit(guestFile, "      labels:\n", "      labels:\n        traefik.http.routers.second.rule: Host(`second.${DOMAIN}`)\n")
	out := c.pulumi("lab", "pulumi up --yes --skip-preview")
	for i, address := range addresses(c) {
		c.until(20*time.Second, "the new route on "+hosts[i], func() bool {
			_, err := c.try(fetch(c, "lab", "second.skep.test", address, ""))
			return err == nil
		})
	}
	a := stop()
	c.t.Logf("a route changed on %d hosts: %d requests in %s (%.0f/s of %d/s), %d failed, p50 %s, p99 %s", len(hosts), a.ok+a.failed,
		time.Since(start).Round(time.Second), float64(a.ok+a.failed)/time.Since(start).Seconds(), loadRate(), a.failed, a.percentile(50), a.percentile(99))
	if a.failed > 0 || a.ok < 1000 {
		c.t.Errorf("%d requests failed, %d did not: %v", a.failed, a.ok, a.faults)
	}
	if diff := cmp.Diff(before, tasks(c)); diff != "" {
		c.t.Errorf("a new route restarted tasks:\n%s\n%s", diff, tail(out))
	}
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}

// ingressScript runs the host script.
func (c *checkout) ingressScript(host, words string) (string, error) {
	c.t.Helper()
	return c.try(fmt.Sprintf(".skep/bin/lab ssh %s %s", host, quoted(`bash "$(ls -t /usr/local/lib/skep/ingress-*.sh | head -n1)" `+words+" </dev/null 2>&1")))
}

func testIngressDrift(c *checkout) {
	for _, host := range hosts {
		if out, err := c.ingressScript(host, "check"); err != nil {
			c.t.Errorf("%s has drifted already: %s", host, out)
		}
	}
	c.on("node-1", `cd /var/lib/skep/ingress/dynamic && sed -i s/vault.skep.test/thief.skep.test/ routes.yaml && touch strange.yaml`)
	c.until(20*time.Second, "the route to go", func() bool {
		_, err := c.try(fetch(c, "lab", "vault.skep.test", addresses(c)[0], "2>/dev/null"))
		return err != nil
	})
	if out, err := c.ingressScript("node-1", "check"); err == nil || strings.Count(out, "dynamic/") < 2 {
		c.t.Errorf("what was changed by hand is not told (%v): %s", err, out)
	}
	c.pulumi("lab", "pulumi up --yes --skip-preview --target-replace '**::ingress-node-1'")
	c.until(20*time.Second, "the route to be back", func() bool {
		_, err := c.try(fetch(c, "lab", "vault.skep.test", addresses(c)[0], ""))
		return err == nil
	})
	if out, err := c.ingressScript("node-1", "check"); err != nil {
		c.t.Errorf("after a repair: %s", out)
	}
}

// testIngressHostGone asks as a browser does that gets three addresses of a name:
// one after the other, until one answers.
func testIngressHostGone(c *checkout) {
	all := addresses(c)
	container := c.container("node-3")
	c.engine("kill " + container)
	resolve := "whoami.skep.test:443:" + strings.Join(all, ",")
	slowest, sum, count := time.Duration(0), time.Duration(0), 0
	for i := range 12 {
		// Another order each time, as DNS gives it.
		turned := append(slices.Clone(all[i%3:]), all[:i%3]...)
		start := time.Now()
		out, err := c.try(strings.Replace(fetch(c, "lab", "whoami.skep.test", strings.Join(turned, ","), ""), "--max-time 5", "--max-time 30 --connect-timeout 15", 1))
		if err != nil || !strings.Contains(out, "Hostname: ") {
			c.t.Errorf("a visitor who tries %v gets in nowhere: %v: %s", turned, err, out)
			continue
		}
		slowest, sum, count = max(slowest, time.Since(start)), sum+time.Since(start), count+1
	}
	if count > 0 {
		c.t.Logf("with one of three ingress hosts dead, %d visitors got in (%s): on average after %s, at the worst after %s", count, resolve,
			(sum / time.Duration(count)).Round(time.Millisecond), slowest.Round(time.Millisecond))
	}
	c.engine("start " + container)
	c.until(3*time.Minute, "node-3 to be back", func() bool {
		_, err := c.try(fetch(c, "lab", "whoami.skep.test", all[2], "2>/dev/null"))
		return err == nil
	})
}

func testRouteGoes(c *checkout) {
	c.edit("Pulumi.lab.yaml", "skep:stacks: [whoami, vault, guest]", "skep:stacks: [whoami, vault]")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	for i, address := range addresses(c) {
		c.until(20*time.Second, "the route to go on "+hosts[i], func() bool {
			out, _ := c.try(strings.Replace(fetch(c, "lab", "guest.skep.test", address, "-o /dev/null -w '%{http_code}'"), "-fsS", "-sS", 1))
			return strings.HasSuffix(out, "404")
		})
	}
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}
