package machine

import (
	"archive/tar"
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/lab/instance"
)

func newVirtualLab(t *testing.T) *Lab {
	t.Helper()
	l := newLab(t)
	l.instance.Machines = instance.VirtualMachines
	l.instance.Dir, l.instance.System, l.instance.Accelerator = "/lab", "/cache/disk.img", "tcg"
	return l
}

func TestVirtualHardware(t *testing.T) {
	l := newVirtualLab(t)
	got, err := l.hardware(node, "host:1")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"--stop-timeout", "300", "--memory", "2944m", "--cap-add", "NET_ADMIN", "--device", "/dev/net/tun",
		"--sysctl", "net.ipv6.conf.all.disable_ipv6=1", "--sysctl", "net.ipv6.conf.default.disable_ipv6=1",
		"--volume", "/skep-lab/state", "--volume", "/cache/disk.img:/skep-lab/system:ro",
		"--volume", "/lab/bin:/skep-lab/bin:ro", "--entrypoint", "/skep-lab/bin/lab",
		"--env", "SKEP_VM_ACCELERATOR=tcg", "--env", "SKEP_VM_MEMORY=2048", "--env", "SKEP_VM_CPUS=1",
		"host:1", "vm", "boot",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arguments (-want +got)\n%s", diff)
	}
	l.instance.Accelerator = "kvm"
	if got := strings.Join(l.virtualHardware(node, "host:1"), " "); !strings.Contains(got, "--device /dev/kvm") {
		t.Errorf("KVM without its device: %s", got)
	}
}

func TestSizes(t *testing.T) {
	for slug, want := range map[string][2]int{
		"s-1vcpu-1gb": {1024, 1}, "s-2vcpu-4gb": {4096, 2}, "s-1vcpu-512mb-10gb": {512, 1}, "": {2048, 1},
	} {
		if got := [2]int{mebibytes(slug), processors(slug)}; got != want {
			t.Errorf("%q: got %v, want %v", slug, got, want)
		}
	}
}

// untar returns the files of a tar by name.
func untar(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	files := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(text)
		if strings.Contains(string(text), secret) && header.Mode&0o077 != 0 {
			t.Errorf("%s has mode %o: it holds a private key", header.Name, header.Mode)
		}
	}
}

func TestVirtualSeed(t *testing.T) {
	l := newVirtualLab(t)
	l.instance.Dir = t.TempDir()
	if err := instance.WriteFile(filepath.Join(l.instance.CADir(), "ca.crt"), []byte("CA"), 0o644); err != nil {
		t.Fatal(err)
	}
	seed, err := l.seed(node)
	if err != nil {
		t.Fatal(err)
	}
	box, err := boxed(seed)
	if err != nil {
		t.Fatal(err)
	}
	outer := untar(t, box)
	files := untar(t, []byte(outer["skep-lab/seed.tar"]))
	for name, want := range map[string]string{
		"etc/hostname":                                 "node-1\n",
		"etc/resolv.conf":                              "nameserver 10.77.3.2\n",
		"etc/systemd/network/50-eth0.network":          "[Match]\nName=eth0\n[Network]\nAddress=10.77.3.11/24\nGateway=10.77.3.1\n",
		"etc/systemd/network/50-eth1.network":          "[Match]\nName=eth1\n[Network]\nAddress=10.78.3.11/24\n",
		"var/lib/cloud/seed/nocloud/user-data":         secret,
		"usr/local/share/ca-certificates/skep-lab.crt": "CA",
	} {
		if files[name] != want {
			t.Errorf("%s: got %q, want %q", name, files[name], want)
		}
	}
	if len(seed)%512 != 0 {
		t.Errorf("%d bytes are no whole sectors of a disk", len(seed))
	}
}

func TestInside(t *testing.T) {
	if got := newLab(t).Inside(); got != nil {
		t.Errorf("container: %q", got)
	}
	want := []string{"/skep-lab/bin/lab", "vm", "exec"}
	if diff := cmp.Diff(want, newVirtualLab(t).Inside()); diff != "" {
		t.Errorf("virtual machine (-want +got)\n%s", diff)
	}
}
