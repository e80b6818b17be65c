package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"skep/lab/hostimage"
	"skep/lab/instance"
	"skep/lab/vm"
)

// runVM is what runs inside the container of a virtual machine.
func runVM(ctx context.Context, _ *session, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "boot":
		hardware, err := vm.FromEnvironment()
		if err != nil {
			return err
		}
		return vm.Boot(ctx, hardware)
	case len(args) > 1 && args[0] == "exec":
		return runInVM(ctx, args[1:])
	default:
		return errors.New("run lab vm: it is for the containers of virtual machines: boot, or exec and a command")
	}
}

// runInVM runs a command in the machine with this process's standard streams.
func runInVM(ctx context.Context, words []string) error {
	stdin, err := io.ReadAll(os.Stdin)
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	result, err := vm.Exec(ctx, words, stdin)
	if err != nil {
		return err
	}
	_, outErr := os.Stdout.Write(result.Stdout)
	_, errErr := os.Stderr.Write(result.Stderr)
	if err := errors.Join(outErr, errErr); err != nil {
		return err
	}
	if result.Code != 0 {
		return exitCode(result.Code)
	}
	return nil
}

// kindOf reads --machines.
func kindOf(word string) (instance.Kind, error) {
	switch word {
	case "container":
		return instance.Containers, nil
	case "vm":
		return instance.VirtualMachines, nil
	default:
		return "", fmt.Errorf("run lab up: --machines %q: need container or vm", word)
	}
}

func (s *session) virtual() bool { return s.instance.Machines == instance.VirtualMachines }

func (s *session) diskBuilt(context.Context) bool {
	_, err := os.Stat(hostimage.DiskCached(s.cache))
	return err == nil
}

func (s *session) buildDisk(ctx context.Context) error {
	return hostimage.BuildDisk(ctx, s.docker(), s.cache)
}

// accelerated tells whether it is known how machines are to be run.
func (s *session) accelerated(context.Context) bool { return s.instance.Accelerator != "" }

// kvmLimit is how long a kernel may take to its first panic. With KVM it is two
// seconds; some that do not work hang for ever.
const kvmLimit = 30 * time.Second

// chooseAccelerator tries KVM: a device that can be opened proves nothing, so a
// kernel has to boot, as far as it comes without a disk.
func (s *session) chooseAccelerator(ctx context.Context) error {
	s.instance.Accelerator = string(vm.Emulation)
	if _, err := os.Stat("/dev/kvm"); err == nil && s.kvmBoots(ctx) {
		s.instance.Accelerator = string(vm.KVM)
		return nil
	}
	s.out.Warn("KVM does not work here, so machines are emulated: everything on them takes ten times as long")
	return nil
}

func (s *session) kvmBoots(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, kvmLimit)
	defer cancel()
	name := "skep-" + s.instance.ID + "-kvm"
	said, _ := s.docker().Output(ctx, "run", "--rm", "--name", name, "--label", s.instance.Label(),
		"--network", "none", "--device", "/dev/kvm", "--volume", s.instance.System+":"+vm.SystemDir+":ro",
		"--entrypoint", "qemu-system-x86_64", s.instance.HostImage,
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", "256", "-accel", "kvm", "-cpu", "host",
		"-kernel", vm.SystemDir+"/"+hostimage.Kernel, "-append", "console=ttyS0 panic=-1", "-serial", "stdio")
	if ctx.Err() != nil {
		clean, done := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer done()
		_ = s.docker().Run(clean, "rm", "--force", name)
	}
	return strings.Contains(string(said), "Kernel panic")
}
