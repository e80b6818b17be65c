package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// baseParts are the base's scripts in their order.
var baseParts = []string{"base-packages", "base-admin", "base-ssh", "base-kernel", "base-logs", "base-time", "base-engine", "base-prune", "base-upgrades"}

// baseHosts are a droplet of either Debian and a machine that exists.
var baseHosts = []string{"node-1", "node-2", "board-1"}

// TestBase brings up a cluster of two hosts that are made, of one release of
// Debian and the one before, and a machine that exists; audits what the base has
// made of them, tampers with one and repairs it, and undoes the base on another.
func TestBase(t *testing.T) {
	c := newCheckout(t)
	t.Parallel() // beside the others: checkouts have their labs side by side
	c.ends()
	c.run("scripts/tools --packages-for lab && .skep/bin/lab up")
	c.run("ssh-keygen -q -t ed25519 -N '' -f key")
	board := c.machine("board-1", "root")
	c.on("board-1", "test -e /etc/ssh/ssh_host_ecdsa_key || ssh-keygen -q -t ecdsa -N '' -f /etc/ssh/ssh_host_ecdsa_key")
	before := c.on("board-1", footprint)
	c.edit("Pulumi.lab.yaml", "    - {name: node-2, id: 2, role: manager}\n    - {name: node-3, id: 3, role: manager}\n",
		"    - {name: node-2, id: 2, image: debian-12-x64, ingress: true}\n"+
			fmt.Sprintf("    - {name: board-1, id: 3, ingress: true, address: %s, port: %d, hostKey: %s}\n", board.Address, board.Port, board.HostKey))
	c.edit("Pulumi.lab.yaml", "  skep:stacks: [whoami]\n", "  skep:stacks: [whoami]\n  skep:admins: [10.0.0.0/8]\n")

	c.steps([]step{
		{"up", testBaseUp}, {"every check is green", testBaseChecks}, {"settings are live", testBaseLive}, {"root stays out", testBaseRoot},
		{"CIS Docker Benchmark", testBaseCIS},
		{"ssh-audit finds nothing", testBaseAudit}, {"drift is found and repaired", testBaseDrift},
		{"a pinned engine is held", testBasePin},
		{"undo leaves nothing", func(c *checkout) { testBaseUndo(c, before) }},
	})
}

// footprint is a line of shell that prints what the base may change on a host.
const footprint = `cd / && find etc/ssh etc/sudoers.d etc/sysctl.d etc/modprobe.d etc/security etc/systemd etc/apt etc/docker usr/local var/lib/systemd/timers etc/skep \
	\( -type f -o -type l \) 2>/dev/null | grep -v /timers.target.wants/apt- | sort | while read -r f; do echo "$f $(cat "$f" 2>/dev/null | sha256sum | cut -c1-12)"; done
	sysctl kernel.kptr_restrict net.ipv4.conf.all.send_redirects net.ipv4.ip_nonlocal_bind
	sshd -T | sort; docker network inspect bridge --format "{{.Options}}"; docker network ls --format "{{.Name}}" | sort`

func testBaseUp(c *checkout) {
	c.pulumi("lab", "pulumi stack init lab && pulumi config set --secret sshPrivateKey <key")
	start := time.Now()
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	c.t.Logf("first up: %s", time.Since(start).Round(100*time.Millisecond))
	for _, host := range baseHosts {
		if out := page(c, "lab", "whoami.skep.test", hostOutputs(c, "lab")[host].PublicAddress, ""); !strings.Contains(out, "Hostname: ") {
			c.t.Errorf("whoami does not answer on %s: %s", host, out)
		}
	}
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}

// operator is a line that runs a command on a host as an operator does, with a
// key of their own in an agent, and as root.
func operator(host, command string) string {
	return inStack("lab", "ssh-agent bash -c "+quoted(fmt.Sprintf("ssh-add -q key && scripts/ssh %s %s", host, quoted("sudo "+command))))
}

func testBaseChecks(c *checkout) {
	for _, host := range baseHosts {
		c.run(operator(host, "bash /usr/local/lib/skep/base check"))
		// Each by itself, too.
		c.on(host, fmt.Sprintf(`eval "set -- $(cat /etc/skep/base)"; while [ "$1" != --docker-pool ]; do shift; done
			for part in %s; do bash /usr/local/lib/skep/$part-??????????.sh check "$@" || exit; done`, strings.Join(baseParts, " ")))
	}
}

func testBaseLive(c *checkout) {
	for _, host := range baseHosts {
		got := c.on(host, `docker info --format "{{.LiveRestoreEnabled}} {{.LoggingDriver}}"; docker network inspect bridge --format "{{json .Options}}"; docker info --format "{{json .DefaultAddressPools}}"`)
		for _, want := range []string{"false json-file", `"com.docker.network.bridge.enable_icc":"false"`, `"10.92.0.0/16"`} {
			if !strings.Contains(got, want) {
				c.t.Errorf("%s: the engine lacks %q: %s", host, want, got)
			}
		}
		timers := c.on(host, "systemctl list-timers --no-legend | grep -o 'skep-[a-z]*.timer' | sort | xargs")
		if timers != "skep-prune.timer skep-upgrades.timer" {
			c.t.Errorf("%s has timers %q", host, timers)
		}
		c.on(host, "systemctl start skep-prune.service")
	}
	for host, want := range map[string]string{"node-1": "13", "node-2": "12", "board-1": "13"} {
		if got := c.on(host, `. /etc/os-release && echo "$VERSION_ID"`); got != want {
			c.t.Errorf("%s runs Debian %s, want %s", host, got, want)
		}
	}
	// The only manager has the first slot, the first worker the first after seven.
	for host, want := range map[string]string{"node-1": "02:00:00", "node-2": "04:20:00", "board-1": "04:40:00"} {
		if got := c.on(host, "systemctl show -p TimersCalendar --value skep-upgrades.timer"); !strings.Contains(got, want+" UTC") {
			c.t.Errorf("%s upgrades at %s, want %s", host, got, want)
		}
	}
	for host, want := range map[string]string{"node-1": "ed25519", "node-2": "ed25519", "board-1": "ecdsa ed25519"} {
		if keys := c.on(host, "ls /etc/ssh | sed -n 's/^ssh_host_\\(.*\\)_key$/\\1/p' | xargs"); keys != want {
			c.t.Errorf("%s has host keys %q, want %q: those of a machine that exists are its owner's", host, keys, want)
		}
	}
}

// testBaseRoot: a droplet lets in its admin and nobody else, a machine whose
// config says root lets in root, and the preview tells so.
func testBaseRoot(c *checkout) {
	for host, want := range map[string]string{"node-1": "no", "node-2": "no", "board-1": "without-password"} {
		if got := c.on(host, "sshd -T | sed -n 's/^permitrootlogin //p'"); got != want {
			c.t.Errorf("%s: PermitRootLogin is %s, want %s", host, got, want)
		}
	}
	node := hostOutputs(c, "lab")["node-1"]
	if node.User != "skep" {
		c.t.Errorf("the output names %q as node-1's user", node.User)
	}
	for _, user := range []string{"root", "debian", "nobody"} {
		out, err := c.try(knockSSH(user, node.PublicAddress, "-i key"))
		if err == nil || !strings.Contains(out, "Permission denied (publickey)") {
			c.t.Errorf("%s is let in to node-1, or told more than a stranger is (%v): %s", user, err, out)
		}
	}
	if out, err := c.try(knockSSH("skep", node.PublicAddress, "-o PreferredAuthentications=password,keyboard-interactive")); err == nil || !strings.Contains(out, "Permission denied (publickey)") {
		c.t.Errorf("node-1 asks for a password (%v): %s", err, out)
	}
	got := c.on("node-1", `for user in root skep; do passwd -S $user | cut -d" " -f2; done; getent passwd skep | cut -d: -f7; stat -c "%a %U" /etc/sudoers.d/60-skep
		visudo -c >/dev/null && echo sound; awk -F: '$2 !~ /^[!*]/ { print "password: " $1 }' /etc/shadow; id -nG skep`)
	if want := "L\nL\n/bin/bash\n440 root\nsound\nskep"; got != want {
		c.t.Errorf("node-1's accounts are %q, want %q", got, want)
	}
	if out := c.pulumi("lab", "pulumi preview --expect-no-changes"); !strings.Contains(out, "logs in to board-1 as root") || !strings.Contains(out, "user: skep") {
		c.t.Errorf("preview does not tell that root's login is open on board-1:\n%s", tail(out))
	}
}

// knockSSH is a line that tries to log in.
func knockSSH(user, address, how string) string {
	return fmt.Sprintf("ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes %s %s@%s true", how, user, address)
}

// testBaseAudit audits from a machine of its own, since the auditor has to know
// algorithms as new as those of the hosts.
func testBaseAudit(c *checkout) {
	c.machine("auditor", "root")
	c.on("auditor", "apt-get -qq update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends ssh-audit >/dev/null 2>&1")
	for host, out := range hostOutputs(c, "lab") {
		report, err := c.try(fmt.Sprintf(".skep/bin/lab ssh auditor 'ssh-audit -n %s'", out.PublicAddress))
		if err != nil {
			c.t.Errorf("ssh-audit of %s: %v\n%s", host, err, tail(report))
		}
		// The newest that its sshd knows.
		newest := map[string]string{"node-2": "sntrup761x25519-sha512@openssh.com"}[host]
		if newest == "" {
			newest = "mlkem768x25519-sha256"
		}
		if !strings.Contains(report, newest) || !strings.Contains(report, "curve25519-sha256") {
			c.t.Errorf("ssh-audit of %s does not show the key exchanges:\n%s", host, tail(report))
		}
	}
	// The audit's many broken connections must not have shut the admins out.
	c.run(operator("node-1", "true"))
}

func testBaseDrift(c *checkout) {
	c.on("node-1", `sed -i "s/^PasswordAuthentication.*/PasswordAuthentication yes/" /etc/ssh/sshd_config.d/10-skep.conf && systemctl reload ssh
		sed -i s/10m/10g/ /etc/docker/daemon.json; systemctl -q disable --now skep-prune.timer; sysctl -q -w kernel.kptr_restrict=0`)
	out, err := c.try(operator("node-1", "bash /usr/local/lib/skep/base check"))
	if err == nil {
		c.t.Error("check is green on a host that was tampered with")
	}
	for _, want := range []string{"PasswordAuthentication is yes, not no", "daemon.json is not as Skep wrote it", "skep-prune.timer does not run",
		"kernel.kptr_restrict is 0", "base-ssh has drifted", "base-engine has drifted", "base-prune has drifted", "base-kernel has drifted"} {
		if !strings.Contains(out, want) {
			c.t.Errorf("check does not say %q:\n%s", want, tail(out))
		}
	}
	urns := present(c, "lab")
	at := slices.IndexFunc(urns, func(urn string) bool { return strings.HasSuffix(urn, "::node-1-base") })
	c.pulumi("lab", fmt.Sprintf("pulumi up --yes --skip-preview --target-replace %s", quoted(urns[at])))
	c.run(operator("node-1", "bash /usr/local/lib/skep/base check"))
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}

// testBasePin goes on without the older Debian, whose engine has no such version.
func testBasePin(c *checkout) {
	c.edit("Pulumi.lab.yaml", "    - {name: node-2, id: 2, image: debian-12-x64, ingress: true}\n", "")
	have := c.on("node-1", "docker version --format '{{.Server.Version}}'")
	have, _, _ = strings.Cut(have, "+")
	c.edit("Pulumi.lab.yaml", "  skep:stacks: [whoami]\n", fmt.Sprintf("  skep:stacks: [whoami]\n  skep:engine: {version: \"%s\"}\n", have))
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	if held := c.on("node-1", "apt-mark showhold"); held != "docker.io" {
		c.t.Errorf("held packages: %q, want docker.io", held)
	}
	c.edit("Pulumi.lab.yaml", `{version: "`+have+`"}`, `{version: "1.2"}`)
	out, err := c.try(inStack("lab", "pulumi up --yes --skip-preview"))
	if err == nil || !strings.Contains(out, "config wants 1.2, and this host is in a swarm") || !strings.Contains(out, "base-engine failed") {
		c.t.Errorf("another version on a host in a swarm is not refused, or the error does not say why (%v):\n%s", err, tail(out))
	}
	c.edit("Pulumi.lab.yaml", "  skep:engine: {version: \"1.2\"}\n", "")
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	if held := c.on("node-1", "apt-mark showhold"); held != "" {
		c.t.Errorf("still held without a pin: %q", held)
	}
}

func testBaseUndo(c *checkout, before string) {
	c.pulumi("lab", "pulumi destroy --yes --skip-preview")
	after := c.on("board-1", footprint)
	if before == after {
		return
	}
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	for _, line := range is {
		if !slices.Contains(was, line) {
			c.t.Errorf("undo left %s", line)
		}
	}
	for _, line := range was {
		if !slices.Contains(is, line) {
			c.t.Errorf("undo took away %s", line)
		}
	}
}
