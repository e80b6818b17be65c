package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// vmVariable allows TestVM, and vmIfKVM lets it skip where KVM does not work.
const (
	vmVariable = "SKEP_VM_TEST"
	vmIfKVM    = "SKEP_VM_TEST_IF_KVM"
)

// vms are the hosts of TestVM: the fewest that are a mesh and a swarm.
var vms = []string{"node-1", "node-2"}

// vmPatience is for anything on machines that a busy computer emulates.
const vmPatience = 40 * time.Minute

// TestVM is the cluster on machines with a kernel of their own, for what a
// container cannot show: WireGuard in the kernel under systemd-networkd, and a
// real boot.
func TestVM(t *testing.T) {
	newVMCheckout(t).steps([]step{
		{"up", testVMUp},
		{"mesh in the kernel, under networkd", testVMMesh},
		{"whoami from outside, and nothing else", testVMOutside},
		{"second up changes nothing", testVMSecondUp},
		{"reboot of one, and of the other", testVMRebootEach},
		{"power cut to all", testVMPowerCut},
		{"destroy leaves nothing", testVMDestroy},
	})
}

// newVMCheckout is a checkout whose lab has virtual machines.
func newVMCheckout(t *testing.T) *checkout {
	t.Helper()
	need(t, vmVariable, "make test-vm")
	c := copied(t)
	c.limit, c.progress = vmPatience, true
	c.run("scripts/tools --packages-for lab && .skep/bin/lab up --machines vm")
	c.ends()
	var lab struct{ Accelerator string }
	if err := json.Unmarshal([]byte(c.read(".skep/lab/lab.json")), &lab); err != nil {
		t.Fatalf("read lab.json: %v", err)
	}
	if lab.Accelerator != "kvm" && os.Getenv(vmIfKVM) != "" {
		t.Skip("KVM does not work here; make test-vm runs this test all the same, emulated")
	}
	t.Logf("machines run on %s", lab.Accelerator)
	return c
}

func testVMUp(c *checkout) {
	before := c.read("Pulumi.lab.yaml")
	from := strings.Index(before, "    - {name: node-1")
	to := strings.Index(before, "  skep:mesh:")
	if from < 0 || to < from {
		c.t.Fatalf("Pulumi.lab.yaml has another form:\n%s", before)
	}
	c.write("Pulumi.lab.yaml", before[:from]+
		"    - {name: node-1, id: 1, role: manager, size: s-1vcpu-1gb}\n"+
		"    - {name: node-2, id: 2, role: worker, ingress: true, size: s-1vcpu-1gb}\n"+before[to:])
	c.pulumi("lab", "pulumi stack init lab && pulumi up --yes --skip-preview")
}

func testVMMesh(c *checkout) {
	var hosts map[string]struct{ Wireguard string }
	c.data("lab", "pulumi stack output hosts --json", &hosts)
	for _, host := range vms {
		if got := hosts[host].Wireguard; got != "kernel" {
			c.t.Errorf("the mesh of %s runs in %q", host, got)
		}
		if out := c.on(host, "ip -d link show wg0"); !strings.Contains(out, "wireguard") {
			c.t.Errorf("wg0 of %s: %s", host, out)
		}
	}
	c.t.Logf("scripts/mesh:\n%s", c.pulumi("lab", "scripts/mesh"))
}

func testVMOutside(c *checkout) {
	for host, address := range vmAddresses(c) {
		out := c.run(fetch(c, "lab", "whoami.skep.test", address, "--max-time 30"))
		if !strings.Contains(out, "Hostname: ") {
			c.t.Errorf("whoami on %s: %s", host, out)
		}
		// What listens there on every address, and is not for strangers.
		for _, port := range []int{2377, 7946} {
			if _, err := c.try(fmt.Sprintf("timeout 5 bash -c '</dev/tcp/%s/%d'", address, port)); err == nil {
				c.t.Errorf("%s lets strangers in on port %d", host, port)
			}
		}
	}
}

func testVMSecondUp(c *checkout) {
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}

func vmAddresses(c *checkout) map[string]string {
	c.t.Helper()
	out := map[string]string{}
	for host, h := range hostOutputs(c, "lab") {
		out[host] = h.PublicAddress
	}
	if len(out) != len(vms) {
		c.t.Fatalf("the stack has hosts %v", out)
	}
	return out
}

// testVMWhole waits until nobody could tell that machines were away.
func testVMWhole(c *checkout, since time.Time) {
	c.t.Helper()
	quiet := *c
	quiet.progress = false
	said := func(what string) { c.t.Logf("%s after %s", what, time.Since(since).Round(time.Second)) }
	quiet.until(vmPatience, "the mesh", func() bool {
		_, err := quiet.try(inStack("lab", "scripts/mesh"))
		return err == nil
	})
	said("mesh whole")
	quiet.until(vmPatience, "the swarm", func() bool {
		out, err := quiet.try(`.skep/bin/lab ssh node-1 'docker node ls --format "{{.Status}}"'`)
		return err == nil && strings.Count(out, "Ready") == len(vms)
	})
	said("swarm whole")
	for host, address := range vmAddresses(c) {
		quiet.until(vmPatience, "whoami on "+host, func() bool {
			_, err := quiet.try(fetch(&quiet, "lab", "whoami.skep.test", address, ""))
			return err == nil
		})
	}
	said("whoami on every host")
	for _, host := range vms {
		if got := quiet.on(host, "nft list table inet skep >/dev/null && echo loaded"); got != "loaded" {
			c.t.Errorf("%s has no firewall", host)
		}
	}
}

// bootID changes with every boot of a machine.
func bootID(c *checkout, host string) string {
	c.t.Helper()
	return c.on(host, "cat /proc/sys/kernel/random/boot_id")
}

// awaitBoot waits until a machine has booted since it had that id.
func (c *checkout) awaitBoot(host, before string) {
	c.t.Helper()
	quiet := *c
	quiet.progress = false
	quiet.until(vmPatience, host+" to boot again", func() bool {
		out, err := quiet.try(".skep/bin/lab ssh " + host + " cat /proc/sys/kernel/random/boot_id 2>/dev/null")
		return err == nil && strings.TrimSpace(out) != before
	})
}

func testVMRebootEach(c *checkout) {
	for _, host := range vms {
		before, start := bootID(c, host), time.Now()
		_, _ = c.try(".skep/bin/lab ssh " + host + " systemctl reboot")
		c.awaitBoot(host, before)
		testVMWhole(c, start)
	}
}

func testVMPowerCut(c *checkout) {
	var all []string
	for _, host := range vms {
		all = append(all, c.container(host))
	}
	start := time.Now()
	c.engine("kill " + strings.Join(all, " "))
	c.engine("start " + strings.Join(all, " "))
	testVMWhole(c, start)
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}

func testVMDestroy(c *checkout) {
	c.pulumi("lab", "pulumi destroy --yes --skip-preview")
	if left := c.run(".skep/bin/lab ls --json 2>/dev/null"); strings.TrimSpace(left) != "[]" {
		c.t.Errorf("destroy left hosts: %s", left)
	}
}
