package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// slow skips a test that is not for every run: scripts/test-slow sets it.
func slow(t *testing.T) {
	t.Helper()
	if os.Getenv("SKEP_TEST_SLOW") == "" {
		t.Skip("slow: run it by `make test-slow`")
	}
}

// rule is a recommendation of the CIS Docker Benchmark 1.6.0. Its line of shell
// says nothing on a host that follows it.
type rule struct{ id, title, faults string }

// owned is a line that tells files with another owner or more rights. One that
// is not there is no fault.
func owned(paths, owner string, mode int) string {
	user, group, _ := strings.Cut(owner, ":")
	return fmt.Sprintf(`find -H %s -maxdepth 0 \( ! -user %s -o ! -group %s -o -perm /%o \) -printf "%%p %%u:%%g %%m\n" 2>/dev/null || true`,
		paths, user, group, 0o7777&^mode)
}

// cis are the recommendations on host, daemon and the daemon's files that apply
// where the engine serves a swarm. Those that are not followed are in
// docs/security.md, each with its reason, and in cisExceptions.
var cis = []rule{
	{"1.1.2", "only trusted users control the daemon", `getent group docker | cut -d: -f4`},
	{"2.2", "containers on the default bridge do not talk to one another", `docker network inspect bridge docker_gwbridge --format '{{index .Options "com.docker.network.bridge.enable_icc"}}' | grep -v "^false$" || true`},
	{"2.3", "the log level is info", `jq -r '."log-level"' /etc/docker/daemon.json | grep -v "^info$"; docker info --format "{{.Debug}}" | grep -v "^false$" || true`},
	{"2.4", "the engine keeps its own packet filter", `jq -r 'select(.iptables == false) | "off"' /etc/docker/daemon.json; iptables -S DOCKER >/dev/null`},
	{"2.5", "no insecure registries", `docker info --format '{{range $name, $r := .RegistryConfig.IndexConfigs}}{{if not $r.Secure}}{{$name}}{{end}}{{end}}{{range .RegistryConfig.InsecureRegistryCIDRs}}{{println .}}{{end}}' | grep -vE "^(127.0.0.0/8|::1/128|)$" || true`},
	{"2.6", "no aufs", `docker info --format "{{.Driver}}" | grep aufs || true`},
	{"2.7", "the daemon does not listen on TCP without TLS", `ss -Hltnp | grep -E ":(2375|2376) " || true; { tr "\0" " " <"/proc/$(pidof dockerd)/cmdline"; cat /etc/docker/daemon.json; } | grep tcp:// || true`},
	{"2.8", "default ulimits are set", `jq -r 'select((."default-ulimits" | length) == 0) | "none"' /etc/docker/daemon.json; for pid in $tasks; do grep "Max core" "/proc/$pid/limits" | grep -v " 0 *0 " || true; done`},
	{"2.10", "the default control group", `jq -r '."cgroup-parent" // empty' /etc/docker/daemon.json`},
	{"2.11", "the base device size is not changed", `jq -r '."storage-opts" // [] | .[]' /etc/docker/daemon.json`},
	{"2.14", "containers get no new privileges", `[ -n "$tasks" ] || echo "no task to look at"; for pid in $tasks; do grep NoNewPrivs "/proc/$pid/status" | grep -v 1 || true; done`},
	{"2.16", "no userland proxy", `pgrep -a docker-proxy || true; jq -r 'select(."userland-proxy" != false) | "on"' /etc/docker/daemon.json`},
	{"2.17", "a seccomp profile", `docker info --format "{{.SecurityOptions}}" | grep -qE "name=seccomp,profile=(default|builtin)" || docker info --format "{{.SecurityOptions}}"; for pid in $tasks; do grep "^Seccomp:" "/proc/$pid/status" | grep -v 2 || true; done`},
	{"2.18", "no experimental features", `docker version --format "{{.Server.Experimental}}" | grep -v "^false$" || true`},
	{"3.1-3.2", "docker.service", owned(`"$(systemctl show -P FragmentPath docker.service)"`, "root:root", 0o644)},
	{"3.3-3.4", "docker.socket", owned(`"$(systemctl show -P FragmentPath docker.socket)"`, "root:root", 0o644)},
	{"3.5-3.6", "/etc/docker", owned("/etc/docker", "root:root", 0o755)},
	{"3.7-3.14", "certificates", owned("/etc/docker/certs.d /etc/docker/certs.d/*/*", "root:root", 0o444) + "; jq -r '.tlscacert, .tlscert, .tlskey | select(. != null)' /etc/docker/daemon.json"},
	{"3.15-3.16", "docker.sock", owned("/run/docker.sock", "root:docker", 0o660)},
	{"3.17-3.18", "daemon.json", owned("/etc/docker/daemon.json", "root:root", 0o644)},
	{"3.19-3.22", "/etc/default/docker", owned("/etc/default/docker /etc/sysconfig/docker", "root:root", 0o644)},
	{"3.23-3.24", "containerd.sock", owned("/run/containerd/containerd.sock", "root:root", 0o660)},
	{"7.2", "the swarm listens on the mesh only", `ss -Hltn "( sport = :2377 or sport = :7946 )" | awk '{ print $4 }' | grep -v "^10.90.0." || true`},
	{"7.10", "data goes over the mesh as management does", `docker info --format "{{.Swarm.NodeAddr}}" | grep -v "^10.90.0." || true`},
}

// cisExceptions are the recommendations that Skep does not follow.
var cisExceptions = []string{"1.1.1", "1.1.3-1.1.18", "2.1", "2.9", "2.12", "2.13", "2.15", "7.3", "7.5"}

// cisFaults runs all rules on a host and returns the lines of those that it
// does not follow.
func cisFaults(c *checkout, host string) []string {
	c.t.Helper()
	var script strings.Builder
	script.WriteString("tasks=$(docker ps -q | xargs -r docker inspect --format '{{.State.Pid}}')\n")
	for _, r := range cis {
		fmt.Fprintf(&script, "said=$({ %s; } 2>&1) || said=\"cannot tell: $said\"\n[ -z \"$said\" ] || echo \"CIS %s, %s:\" $said\n", r.faults, r.id, r.title)
	}
	said := c.on(host, script.String())
	if said == "" {
		return nil
	}
	return strings.Split(said, "\n")
}

func testBaseCIS(c *checkout) {
	for _, host := range []string{"node-1", "node-2", "board-1"} {
		for _, fault := range cisFaults(c, host) {
			c.t.Errorf("%s: %s", host, fault)
		}
	}
	// A table that finds nothing in a bad engine would be worth nothing.
	c.on("board-1", `cp /etc/docker/daemon.json /root/good.json && chmod 666 /etc/docker/daemon.json && gpasswd -a nobody docker >/dev/null
		jq '.["userland-proxy"] = true | .["cgroup-parent"] = "x"' /root/good.json >/etc/docker/daemon.json`)
	faults := strings.Join(cisFaults(c, "board-1"), "\n")
	c.on("board-1", "gpasswd -d nobody docker >/dev/null; cp /root/good.json /etc/docker/daemon.json && chmod 644 /etc/docker/daemon.json && rm /root/good.json")
	for _, want := range []string{"CIS 1.1.2, ", "CIS 2.10, ", "CIS 2.16, ", "CIS 3.17-3.18, "} {
		if !strings.Contains(faults, want) {
			c.t.Errorf("the audit does not find %s in an engine made bad: %s", want, faults)
		}
	}
	for _, id := range cisExceptions {
		if !strings.Contains(c.read("docs/security.md"), "| "+id+" |") {
			c.t.Errorf("docs/security.md gives no reason for the exception %s", id)
		}
	}
}

// lynisFloor is what a host reached when it was last raised, less what one
// finding costs: docs/security.md has the figure and the findings.
const lynisFloor = 73

// TestSlowAudit has lynis look at a host.
func TestSlowAudit(t *testing.T) {
	slow(t)
	c := newCheckout(t)
	t.Cleanup(func() {
		c.t = t
		c.labDown()
	})
	c.run("scripts/tools --packages-for lab && .skep/bin/lab up")
	c.edit("Pulumi.lab.yaml", "    - {name: node-2, id: 2, role: manager}\n    - {name: node-3, id: 3, role: manager}\n", "")
	c.pulumi("lab", "pulumi stack init lab && pulumi up --yes --skip-preview")
	start := time.Now()
	c.on("node-1", "apt-get -qq update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends lynis >/dev/null 2>&1")
	report := c.on("node-1", "lynis audit system --quick --no-colors --quiet >/dev/null 2>&1; grep -E '^(hardening_index|warning|suggestion)' /var/log/lynis-report.dat | cut -d'|' -f1-3")
	t.Logf("lynis after %s:\n%s", time.Since(start).Round(time.Second), report)
	_, after, _ := strings.Cut(report, "hardening_index=")
	number, _, _ := strings.Cut(after, "\n")
	index, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || index < lynisFloor {
		t.Errorf("lynis gives the host %q, want %d or more", number, lynisFloor)
	}
	t.Logf("lynis hardening index: %d, floor %d", index, lynisFloor)
}

// The line that compares modes is worth a look without a host.
func TestOwnedTellsModes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	who, err := exec.Command("stat", "-c", "%U:%G", file).Output()
	if err != nil {
		t.Skip("no stat of coreutils here")
	}
	for mode, fault := range map[os.FileMode]bool{0o600: false, 0o644: false, 0o664: true, 0o666: true, 0o744: true, 0o400: false} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("bash", "-c", owned(file, strings.TrimSpace(string(who)), 0o644)).CombinedOutput()
		if err != nil || (len(out) > 0) != fault {
			t.Errorf("mode %o: %v: %q", mode, err, out)
		}
	}
	for _, owner := range []string{"nobody:root", "root:nogroup"} {
		if out, _ := exec.Command("bash", "-c", owned(file, owner, 0o777)).Output(); len(out) == 0 {
			t.Errorf("an owner other than %s is not told", owner)
		}
	}
}
