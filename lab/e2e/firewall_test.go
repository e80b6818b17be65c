package e2e

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFirewall looks at hosts from outside, as a stranger does, and tries to
// lock itself out.
func TestFirewall(t *testing.T) {
	c := newCheckout(t)
	t.Parallel()
	c.ends()
	c.steps([]step{
		{"up", testFirewallUp},
		{"strangers see the intended ports", testStrangers},
		{"the mesh sees the others", testMeshSees},
		{"containers keep out of the swarm's ports", testContainers},
		{"IPv6 is the same", testIPv6},
		{"a changed rule is quick and restarts nothing", testChangedRule},
		{"rules that lock us out fail the run", testLockout},
		{"rules that nobody confirms go by themselves", testUnconfirmed},
		{"visitors come through Cloudflare only", testProxied},
		{"their proxies serve others too, who are refused", testPulls},
		{"ranges are refreshed, and only by sound lists", testRangesRefresh},
		{"a record of others is left alone", testRecordsOfOthers},
		{"a boot loads the rules before Docker", testFirewallBoot},
	})
}

// publisher publishes, on each host, a port that no policy knows.
const publisher = `
services:
  publisher:
    image: traefik/whoami:v1.11.0@sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab
    command: [--port, "8080"]
    user: "20999:20999"
    cap_drop: [ALL]
    read_only: true
    networks: [inside]
    ports:
      - {target: 8080, published: 9999, mode: host}
    deploy:
      mode: global
      endpoint_mode: dnsrr
      resources: {limits: {memory: 32M}}
    x-skep: {waive: {health-check: the image holds one program}}
networks:
  inside: {driver: overlay}
`

const admins = "  skep:admins: [\"0.0.0.0/0\", \"::/0\"]\n"

func testFirewallUp(c *checkout) {
	c.run("scripts/tools --packages-for lab && .skep/bin/lab up && mkdir -p stacks/publisher")
	c.write("stacks/publisher/compose.yaml", publisher)
	c.edit("Pulumi.lab.yaml", "skep:stacks: [whoami]", "skep:stacks: [whoami, publisher]")
	c.edit("Pulumi.lab.yaml", "config:\n", "config:\n"+admins)
	c.pulumi("lab", "pulumi stack init lab && pulumi up --yes --skip-preview")
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	for _, host := range hosts {
		c.firewall(host, "check")
	}
}

// firewall runs the host's firewall script.
func (c *checkout) firewall(host, words string) string {
	c.t.Helper()
	return c.on(host, `bash "$(ls -t /usr/local/lib/skep/firewall-*.sh | head -n1)" `+words+" 2>&1")
}

func testMeshSees(c *checkout) {
	for _, host := range hosts[1:] {
		if out := c.on(host, "curl -fsS --max-time 5 http://10.90.0.1:9999/"); !strings.Contains(out, "Hostname: ") {
			c.t.Errorf("%s does not reach the published port over the mesh: %s", host, out)
		}
		c.on(host, "nc -z -w 3 10.90.0.1 2377 && nc -z -w 3 10.90.0.1 7946")
		if got := c.on(host, `wg show wg0 latest-handshakes | awk "\$2 > 0" | wc -l`); got != "2" {
			c.t.Errorf("%s has shaken hands with %s hosts, want 2", host, got)
		}
	}
	// Overlay networks, which UDP 4789 carries.
	found := strings.Fields(c.on("node-1", inContainer+`nslookup -type=a tasks.publisher 127.0.0.11 | awk '/^Address: / { print $2 }'`))
	if len(found) != len(hosts) {
		c.t.Errorf("a container finds the tasks %v, want one for each host", found)
	}
	for _, address := range found {
		if got := c.on("node-1", inContainer+"curl -s -o /dev/null --max-time 5 -w %{http_code} http://"+address+":8080/"); got != "200" {
			c.t.Errorf("the task at %s does not answer over the overlay: %s", address, got)
		}
	}
}

// inContainer starts a line that runs in the network of a container.
const inContainer = `nsenter -n -t "$(docker inspect "$(docker ps -q --filter name=publisher | head -n1)" --format '{{.State.Pid}}')" `

func testContainers(c *checkout) {
	for _, closed := range []string{"169.254.169.254 80", "10.90.0.1 2377", "10.90.0.2 2377", "10.90.0.2 7946"} {
		if out := c.on("node-1", inContainer+"nc -z -w 2 "+closed+" && echo open || echo closed"); out != "closed" {
			c.t.Errorf("a container reaches %s", closed)
		}
	}
	if got := c.on("node-1", "nft list chain inet skep arrivals | grep metadata"); strings.Contains(got, "packets 0 ") {
		c.t.Errorf("nothing was dropped on its way to the metadata: %s", got)
	}
	// What containers are there for works: out to the world, and to other hosts.
	if got := c.on("node-1", inContainer+"curl -s -o /dev/null --max-time 5 -w %{http_code} http://"+hostOutputs(c, "lab")["node-2"].PublicAddress+"/"); got != "301" {
		c.t.Errorf("a container does not reach the world: %s", got)
	}
}

func testChangedRule(c *checkout) {
	before := tasks(c)
	c.edit("Pulumi.lab.yaml", admins, "  skep:admins: [\"10.0.0.0/8\"]\n")
	start := time.Now()
	out := c.pulumi("lab", "pulumi up --yes --skip-preview")
	c.t.Logf("a changed rule on three hosts took %s", time.Since(start).Round(100*time.Millisecond))
	if !strings.Contains(out, "~ 7 updated") {
		c.t.Errorf("want 7 updates: base and mesh of three hosts, and the cloud's firewall:\n%s", tail(out))
	}
	for _, host := range hosts {
		c.firewall(host, "check")
		if got := c.on(host, "nft list set inet skep admins6; nft list set inet skep admins4"); !strings.Contains(got, "10.0.0.0/8") || strings.Contains(got, "::/0") {
			c.t.Errorf("%s has other admins: %s", host, got)
		}
	}
	if diff := cmp.Diff(before, tasks(c)); diff != "" {
		c.t.Errorf("a changed rule restarted tasks:\n%s", diff)
	}
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}

func testLockout(c *checkout) {
	cloud := c.run("cat .skep/lab/cloud/firewall/*.json")
	before := c.on("node-1", "nft -s list table inet skep")
	c.edit("Pulumi.lab.yaml", `["10.0.0.0/8"]`, `["192.0.2.0/24"]`)
	start := time.Now()
	out, err := c.try(inStack("lab", "pulumi up --yes --skip-preview"))
	c.t.Logf("rules that lock out: the run failed after %s", time.Since(start).Round(100*time.Millisecond))
	if err == nil || !strings.Contains(out, "would lock out SSH from") || !strings.Contains(out, "skep:admins") {
		c.t.Errorf("up took rules that lock it out, or does not say so (%v):\n%s", err, tail(out))
	}
	if diff := cmp.Diff(before, c.on("node-1", "nft -s list table inet skep")); diff != "" {
		c.t.Errorf("the rules before are not back (-before +after):\n%s", diff)
	}
	if got := c.run("cat .skep/lab/cloud/firewall/*.json"); got != cloud {
		c.t.Error("the cloud's firewall took rules that no host had proven")
	}
	c.edit("Pulumi.lab.yaml", `["192.0.2.0/24"]`, `["10.0.0.0/8"]`)
	for _, host := range hosts {
		c.ssh("lab", host, "true")
	}
	c.pulumi("lab", "pulumi up --yes --skip-preview && pulumi up --yes --expect-no-changes")
}

// Without SSH there is no connection to listen to, as when base dies: then the
// timer alone brings the earlier rules back.
func testUnconfirmed(c *checkout) {
	address := hostOutputs(c, "lab")["node-3"].PublicAddress
	before := c.on("node-3", "nft -s list table inet skep")
	c.on("node-3", "sed '/set admins4/,/}/s|10.0.0.0/8|192.0.2.0/24|' /etc/skep/firewall/rules.nft >/root/cut.nft")
	c.firewall("node-3", "apply /root/cut.nft")
	start := time.Now()
	if open, _ := scan(address, []int{22, 80}); !slices.Equal(open, []int{80}) {
		c.t.Errorf("under rules that close SSH, %v are open", open)
	}
	c.until(90*time.Second, "SSH to come back", func() bool {
		open, _ := scan(address, []int{22})
		return len(open) == 1
	})
	c.t.Logf("SSH was back after %s", time.Since(start).Round(100*time.Millisecond))
	if took := time.Since(start); took < 50*time.Second {
		c.t.Errorf("SSH was back after %s: that was not the timer", took)
	}
	if diff := cmp.Diff(before, c.on("node-3", "nft -s list table inet skep")); diff != "" {
		c.t.Errorf("the rules before are not back (-before +after):\n%s", diff)
	}
	// What was brought last is drift; base brings the right ones again.
	c.on("node-3", "cp /etc/skep/firewall/rules.nft /root/good.nft")
	c.firewall("node-3", "apply /root/good.nft")
	c.firewall("node-3", "check")
}

func testFirewallBoot(c *checkout) {
	c.engine("restart " + c.container("node-3"))
	c.until(90*time.Second, "node-3 to be back in the swarm", func() bool {
		out, err := c.try(`.skep/bin/lab ssh node-3 'docker info --format "{{.Swarm.LocalNodeState}}"'`)
		return err == nil && strings.TrimSpace(out) == "active"
	})
	c.firewall("node-3", "check")
	if got := c.on("node-3", "nft list set inet skep web4"); !strings.Contains(got, "173.245.48.0/20") {
		c.t.Errorf("after a boot the web ports are for others: %s", got)
	}
	stamps := strings.Fields(c.on("node-3", "systemctl show -P ActiveEnterTimestampMonotonic skep-firewall.service; systemctl show -P InactiveExitTimestampMonotonic docker.service"))
	loaded, _ := strconv.Atoi(stamps[0])
	docker, _ := strconv.Atoi(stamps[1])
	if loaded == 0 || loaded > docker {
		c.t.Errorf("the firewall was loaded at %d µs, Docker started at %d µs", loaded, docker)
	}
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}
