package machine

import (
	"archive/tar"
	"bytes"
	"fmt"
	"net/netip"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"skep/lab/instance"
	"skep/lab/vm"
)

const (
	// virtualBoot is how long an emulated machine may take on a busy computer.
	virtualBoot = 15 * time.Minute
	// overhead is what qemu needs beside the machine's own memory, in MiB: for
	// the code that it translates, and for buffers.
	overhead = 896
	// virtualStop is how long it may take to shut down, in seconds.
	virtualStop = 300
)

// virtual tells whether the lab's machines are virtual ones.
func (l *Lab) virtual() bool { return l.instance.Machines == instance.VirtualMachines }

func (l *Lab) bootLimit() time.Duration {
	if l.virtual() {
		return virtualBoot + time.Minute
	}
	return 3 * time.Minute
}

// virtualHardware makes the container of a virtual machine: it may make network
// devices and run qemu, and nothing else.
func (l *Lab) virtualHardware(m Machine, image string) []string {
	i := l.instance
	guest := vm.Machine{Accelerator: vm.Accelerator(i.Accelerator), Memory: mebibytes(m.Size), CPUs: processors(m.Size)}
	args := []string{
		"--stop-timeout", strconv.Itoa(virtualStop),
		"--memory", fmt.Sprintf("%dm", guest.Memory+overhead),
		"--cap-add", "NET_ADMIN", "--device", "/dev/net/tun",
		// The addresses are the machine's; the container has none of its own.
		"--sysctl", "net.ipv6.conf.all.disable_ipv6=1", "--sysctl", "net.ipv6.conf.default.disable_ipv6=1",
		"--volume", vm.StateDir,
		"--volume", i.System + ":" + vm.SystemDir + ":ro",
		"--volume", filepath.Dir(i.Program()) + ":" + vm.ProgramDir + ":ro",
		"--entrypoint", path.Join(vm.ProgramDir, "lab"),
	}
	if guest.Accelerator == vm.KVM {
		args = append(args, "--device", "/dev/kvm")
	}
	for _, variable := range guest.Environment() {
		args = append(args, "--env", variable)
	}
	return append(args, image, "vm", "boot")
}

var sizeProcessors = regexp.MustCompile(`(?:^|-)(\d+)vcpu(?:-|$)`)

// processors turns a size slug such as s-2vcpu-2gb into a number of processors.
func processors(slug string) int {
	if found := sizeProcessors.FindStringSubmatch(slug); found != nil {
		if n, err := strconv.Atoi(found[1]); err == nil {
			return n
		}
	}
	return 1
}

// mebibytes is memory, as a number.
func mebibytes(slug string) int {
	text := memory(slug)
	n, err := strconv.Atoi(text[:len(text)-1])
	if err != nil {
		panic(err) // memory matched digits
	}
	if text[len(text)-1] == 'g' {
		n *= 1024
	}
	return n
}

// Inside returns the words that a command in the machine is run with, for
// docker exec in its container.
func (l *Lab) Inside() []string {
	if l.virtual() {
		return []string{path.Join(vm.ProgramDir, "lab"), "vm", "exec"}
	}
	return nil
}

// networkFiles are the settings that a container gets from its engine.
func (l *Lab) networkFiles(m Machine) map[string]string {
	i := l.instance
	files := map[string]string{
		"etc/hostname":    m.Name + "\n",
		"etc/hosts":       fmt.Sprintf("127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost ip6-localhost\n", m.Name),
		"etc/resolv.conf": fmt.Sprintf("nameserver %s\n", i.Services()),
		"etc/systemd/network/50-eth0.network": network("eth0", netip.PrefixFrom(m.PublicIPv4, i.Subnet.Bits()),
			fmt.Sprintf("Gateway=%s\n", i.Gateway())),
	}
	if m.PrivateIPv4.IsValid() {
		address := netip.PrefixFrom(m.PrivateIPv4, i.PrivateSubnet.Bits())
		files["etc/systemd/network/50-eth1.network"] = network("eth1", address, "")
	}
	return files
}

func network(device string, address netip.Prefix, more string) string {
	return strings.Join([]string{
		"[Match]", "Name=" + device, "[Network]", "Address=" + address.String(), more,
	}, "\n")
}

// boxed puts a tar into one that lays it down as the machine's seed.
func boxed(seed []byte) ([]byte, error) {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	name := strings.TrimPrefix(vm.SeedFile, "/")
	directory := &tar.Header{Name: path.Dir(name) + "/", Typeflag: tar.TypeDir, Mode: 0o700, ModTime: time.Now()}
	if err := w.WriteHeader(directory); err != nil {
		return nil, err
	}
	// It may hold private keys.
	file := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(seed)), ModTime: time.Now()}
	if err := w.WriteHeader(file); err != nil {
		return nil, err
	}
	if _, err := w.Write(seed); err != nil {
		return nil, err
	}
	err := w.Close() // which writes the end
	return buffer.Bytes(), err
}
