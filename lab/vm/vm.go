// Package vm runs a virtual machine inside the container that stands for it.
// The container keeps what the lab knows of a machine (labels, addresses, power,
// logs); qemu in it runs the machine, which takes the container's place on its
// networks, address by address.
package vm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Where a container finds what it runs.
const (
	// SystemDir holds the kernel and the first disk, read-only and shared.
	SystemDir = "/skep-lab/system"
	// SeedFile is a tar that the machine unpacks over its disk at first boot.
	SeedFile = "/skep-lab/seed.tar"
	// StateDir is the machine's own disk, which outlives its boots.
	StateDir = "/skep-lab/state"
	// ProgramDir holds this program.
	ProgramDir = "/skep-lab/bin"
	// runDir holds the sockets of a running machine.
	runDir = "/run"
)

// Accelerator is how qemu runs the machine's instructions.
type Accelerator string

// The two that the lab uses: the processor's own help, and none.
const (
	KVM       Accelerator = "kvm"
	Emulation Accelerator = "tcg"
)

// Machine is the hardware of a virtual machine.
type Machine struct {
	Accelerator Accelerator
	// Memory is in MiB.
	Memory int
	CPUs   int
}

// The variables that hold a Machine in its container.
const (
	acceleratorVariable = "SKEP_VM_ACCELERATOR"
	memoryVariable      = "SKEP_VM_MEMORY"
	cpusVariable        = "SKEP_VM_CPUS"
)

// Environment is the machine as variables for its container.
func (m Machine) Environment() []string {
	return []string{
		acceleratorVariable + "=" + string(m.Accelerator),
		memoryVariable + "=" + strconv.Itoa(m.Memory),
		cpusVariable + "=" + strconv.Itoa(m.CPUs),
	}
}

// FromEnvironment reads what Environment wrote.
func FromEnvironment() (Machine, error) {
	memory, memoryErr := strconv.Atoi(os.Getenv(memoryVariable))
	cpus, cpusErr := strconv.Atoi(os.Getenv(cpusVariable))
	m := Machine{Accelerator: Accelerator(os.Getenv(acceleratorVariable)), Memory: memory, CPUs: cpus}
	if err := errors.Join(memoryErr, cpusErr); err != nil {
		return m, fmt.Errorf("read virtual machine from the environment: %w", err)
	}
	return m, nil
}

// card is one network card: the tap device that it is, and its address.
type card struct {
	tap, mac string
}

// argv is the qemu command of a machine.
func (m Machine) argv(cards []card) []string {
	argv := []string{
		"qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
		"-m", strconv.Itoa(m.Memory), "-smp", strconv.Itoa(m.CPUs),
		"-kernel", filepath.Join(SystemDir, "vmlinuz"), "-initrd", filepath.Join(SystemDir, "initrd"),
		"-drive", "file=" + diskFile() + ",if=virtio,format=qcow2",
		"-drive", "file=" + SeedFile + ",if=virtio,format=raw,readonly=on",
		"-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
		"-chardev", "socket,id=agent,path=" + agentSocket() + ",server=on,wait=off",
		"-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
		"-chardev", "socket,id=monitor,path=" + monitorSocket() + ",server=on,wait=off",
		"-mon", "chardev=monitor,mode=control",
		"-chardev", "file,id=console,path=/dev/stdout", "-serial", "chardev:console",
	}
	argv = append(argv, m.Accelerator.arguments()...)
	for i, c := range cards {
		argv = append(argv,
			"-netdev", fmt.Sprintf("tap,id=net%d,ifname=%s,script=no,downscript=no", i, c.tap),
			"-device", fmt.Sprintf("virtio-net-pci,netdev=net%d,mac=%s,romfile=", i, c.mac))
	}
	return argv
}

// arguments of qemu and the kernel. An emulated kernel need not defend itself
// against faults that an emulated processor has not got. A boot translates some
// 300 MiB of code; where that does not fit, qemu throws all of it away.
func (a Accelerator) arguments() []string {
	const line = "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet systemd.show_status=true"
	if a == KVM {
		return []string{"-accel", "kvm", "-cpu", "host", "-append", line}
	}
	return []string{"-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max", "-append", line + " mitigations=off"}
}

func diskFile() string      { return filepath.Join(StateDir, "disk.qcow2") }
func agentSocket() string   { return filepath.Join(runDir, "agent.sock") }
func monitorSocket() string { return filepath.Join(runDir, "monitor.sock") }

// makeDisk gives the machine a disk of its own: what differs from the first.
func makeDisk() error {
	if _, err := os.Stat(diskFile()); err == nil {
		return nil
	}
	said, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw",
		"-b", filepath.Join(SystemDir, "disk"), diskFile()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make disk: %w: %s", err, said)
	}
	return nil
}
