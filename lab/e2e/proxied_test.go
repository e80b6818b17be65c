package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	fromCloudflare = "173.245.48.10"
	fromNewRange   = "203.0.113.7"
)

// visit is a visitor with an address of its own, played by node-2, that knocks
// at node-1: what curl tells of the web page, such as "301", or "000-28" for a
// silence and "000-7" for a refusal. In clear, Traefik only sends visitors on.
func visit(c *checkout, from string, port int) string {
	c.t.Helper()
	to := hostOutputs(c, "lab")["node-1"].PublicAddress
	out := `dev=$(ip route show default | cut -d" " -f5); `
	c.on("node-1", out+fmt.Sprintf("ip route replace %s/32 dev $dev", from))
	return c.on("node-2", out+fmt.Sprintf(`ip addr replace %[1]s/32 dev $dev; curl -s -o /dev/null -w "%%{http_code}" --interface %[1]s --max-time 2 http://%[2]s:%[3]d/ || echo "-$?"`, from, to, port))
}

// stranger6Web is a neighbour that speaks IPv6, which the lab's network does
// not, once with an address of Cloudflare's and once with another. Docker refuses,
// since its container has no IPv6: what is refused, the firewall let through.
const stranger6Web = `
	trap 'kill $(jobs -p) 2>/dev/null; ip netns del stranger; ip link del out0 2>/dev/null' EXIT
	ip netns add stranger
	ip link add out0 type veth peer name in0 netns stranger
	echo 0 >/proc/sys/net/ipv6/conf/out0/disable_ipv6
	ip netns exec stranger sh -c 'echo 0 >/proc/sys/net/ipv6/conf/in0/disable_ipv6'
	for net in 2606:4700: fd00:6:; do
		ip addr add $net:1/64 dev out0 nodad && ip -n stranger addr add $net:2/64 dev in0 nodad
	done
	ip link set out0 up && ip -n stranger link set in0 up
	for net in 2606:4700: fd00:6:; do
		case $(ip netns exec stranger nc -6 -z -v -w 2 $net:1 443 2>&1) in *refused*) echo "$net" ;; *) echo "not-$net" ;; esac
	done`

func testProxied(c *checkout) {
	c.edit("Pulumi.lab.yaml", "skep:dns: {ttl: 60}", "skep:dns: {ttl: 60, proxied: true}")
	out := c.pulumi("lab", "pulumi up --yes --skip-preview")
	if !strings.Contains(out, "~ 14 updated") {
		c.t.Errorf("want 14 updates: base, mesh and ingress of three hosts, Traefik's stack and what it reads, the cloud's firewall and the route's record:\n%s", tail(out))
	}
	if !strings.Contains(out, "+ 5 created") {
		c.t.Errorf("want 5 new: origin, seed, its certificate, and the one that proxies show, in use:\n%s", tail(out))
	}
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	for _, host := range hosts {
		c.firewall(host, "check")
		if open, refused := scan(hostOutputs(c, "lab")[host].PublicAddress, []int{22, 80, 443, 9999}); !slices.Equal(open, []int{22}) || refused != nil {
			c.t.Errorf("%s: somebody who is not Cloudflare finds %v open, and %v refused", host, open, refused)
		}
	}
	for port, want := range map[int]string{80: "301", 443: "404", 9999: "000-28", 2377: "000-28"} {
		if got := visit(c, fromCloudflare, port); got != want {
			c.t.Errorf("from %s, port %d: %s, want %s", fromCloudflare, port, got, want)
		}
	}
	if got := visit(c, fromNewRange, 80); got != "000-28" {
		c.t.Errorf("from %s, which is not Cloudflare's: %s", fromNewRange, got)
	}
	if c.on("node-3", "test -e /proc/net/if_inet6 && echo yes || echo no") == "yes" {
		got := strings.Fields(c.on("node-3", "{ "+stranger6Web+"\n} 2>/dev/null"))
		if diff := cmp.Diff([]string{"2606:4700:", "not-fd00:6:"}, got); diff != "" {
			c.t.Errorf("visitors over IPv6 (-want +got):\n%s", diff)
		}
	}
	if rules := c.run("cat .skep/lab/cloud/firewall/*.json"); strings.Count(rules, "173.245.48.0/20") != 2 {
		c.t.Errorf("the cloud's firewall has other web sources:\n%s", tail(rules))
	}
}

// publish makes the played Cloudflare publish a list, to the data source and at
// its address; nil is the real one again.
func publish(c *checkout, lines []string) {
	c.t.Helper()
	path := filepath.Join(c.root, ".skep/lab/cloud/ranges/ips-v4")
	if lines == nil {
		_ = os.Remove(path)
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// refresh runs what the timer starts, however often.
func refresh(c *checkout, host string) error {
	c.t.Helper()
	_, err := c.try(fmt.Sprintf(".skep/bin/lab ssh %s %s", host, quoted("systemctl reset-failed skep-ranges.service 2>/dev/null; systemctl start skep-ranges.service")))
	return err
}

func testRangesRefresh(c *checkout) {
	before := tasksBehind(c)
	real := strings.Fields(c.on("node-1", "curl -fsS https://www.cloudflare.com/ips-v4"))
	more := append(slices.Clone(real), "203.0.113.0/24")
	publish(c, more)
	if err := refresh(c, "node-1"); err != nil {
		c.t.Fatalf("refresh: %v\n%s", err, c.on("node-1", "journalctl -u skep-ranges --no-pager | tail"))
	}
	reaches := func(when string) {
		c.t.Helper()
		for _, from := range []string{fromCloudflare, fromNewRange} {
			if got := visit(c, from, 80); got != "301" {
				c.t.Errorf("%s, a visitor from %s gets %s", when, from, got)
			}
		}
	}
	reaches("with a range more")
	for name, list := range map[string][]string{
		"empty": {""}, "no list": {"<html>", "sorry"}, "everybody": append([]string{"0.0.0.0/0"}, real...),
		"private": append([]string{"10.0.0.0/16"}, real...), "short": real[:3], "cut off": append(slices.Clone(real), "203.0.1"),
		"overlapping": append([]string{"104.17.0.0/16"}, real...),
	} {
		publish(c, list)
		if refresh(c, "node-1") == nil {
			c.t.Errorf("a list that is %s was taken", name)
		}
		if said := c.on("node-1", "cat /var/lib/skep/ranges; journalctl -u skep-ranges -n 5 --no-pager"); strings.Count(said, "ips-v4") < 2 && !strings.Contains(said, "nft") || strings.Contains(said, "error=\n") {
			c.t.Errorf("a list that is %s was refused without a word:\n%s", name, said)
		}
	}
	reaches("after lists that are not sound")
	c.firewall("node-1", "check")

	// Neither drift, nor put back by a run or a repair.
	publish(c, nil)
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	c.on("node-1", "bash /usr/local/lib/skep/base check")
	c.on("node-1", "nft add rule inet skep outside tcp dport 9997 accept")
	c.pulumi("lab", "pulumi up --yes --skip-preview --target-replace '**node-1-base'")
	c.firewall("node-1", "check")
	reaches("after a repair")
	testAtomicRefresh(c, real, more)

	// What Cloudflare takes back goes with the next refresh; what it adds, up brings to all.
	publish(c, nil)
	if err := refresh(c, "node-1"); err != nil || visit(c, fromNewRange, 80) == "301" {
		c.t.Errorf("a range that Cloudflare gave up is still open (%v)", err)
	}
	publish(c, append(slices.Clone(real), "198.51.100.0/24"))
	if out := c.pulumi("lab", "pulumi up --yes --skip-preview"); !strings.Contains(out, "~ 13 updated") {
		c.t.Errorf("want 13 updates for a range more:\n%s", tail(out))
	}
	for _, host := range hosts {
		if got := c.on(host, "nft list set inet skep web4"); !strings.Contains(got, "198.51.100.0/24") || strings.Contains(got, "203.0.113.0/24") {
			c.t.Errorf("%s has other ranges than the run brought: %s", host, got)
		}
	}
	publish(c, nil)
	c.pulumi("lab", "pulumi up --yes --skip-preview && pulumi up --yes --expect-no-changes")
	if diff := cmp.Diff(before, tasksBehind(c)); diff != "" {
		c.t.Errorf("ranges restarted tasks:\n%s", diff)
	}
}

// testAtomicRefresh visits without a pause while lists change to and fro.
func testAtomicRefresh(c *checkout, lists ...[]string) {
	to := hostOutputs(c, "lab")["node-1"].PublicAddress
	c.on("node-2", fmt.Sprintf(`systemd-run -q --collect --unit visits bash -c 'while [ ! -e /run/visited ]; do curl -s -o /dev/null -w "%%{http_code}\n" --interface %s --max-time 2 http://%s/; done >/run/visits'`, fromCloudflare, to))
	start, changes := time.Now(), 0
	for ; changes < 8; changes++ {
		publish(c, lists[changes%len(lists)])
		if err := refresh(c, "node-1"); err != nil {
			c.t.Errorf("refresh %d: %v", changes, err)
		}
	}
	got := c.on("node-2", "touch /run/visited; while systemctl -q is-active visits; do sleep 0.2; done; sort /run/visits | uniq -c | xargs; rm /run/visited")
	c.t.Logf("%d refreshes in %s, visits by answer: %s", changes, time.Since(start).Round(100*time.Millisecond), got)
	if fields := strings.Fields(got); len(fields) != 2 || fields[1] != "301" {
		c.t.Errorf("visits failed while the ranges changed: %s", got)
	}
}
