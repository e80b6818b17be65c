package hostimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"skep/lab/engine"
)

// disk is the file system of hosts that are virtual machines: that of the
// others, Debian's kernel for clouds, and an agent that runs commands for the
// lab past the host's network.
var disk = tree{
	suite:     usual.suite,
	packages:  append(slices.Clone(packages), "e2fsprogs", "hostname", "initramfs-tools", "linux-image-cloud-amd64", "qemu-guest-agent", "zstd"),
	files:     []string{"files", "vm"},
	customize: "customize-vm",
}

// shell is the file system of the containers that virtual machines run in.
var shell = tree{suite: usual.suite, packages: []string{"e2fsprogs", "iproute2", "qemu-system-x86", "qemu-utils"}}

// diskSize is what a virtual machine may fill; the file is sparse.
const diskSize = "16G"

// ShellName returns the engine's name of the image that virtual machines run in.
func ShellName() string { return "skep-lab-shell:" + shell.digest() }

// ShellCached returns where that image is kept as a file between labs.
func ShellCached(cache string) string {
	return filepath.Join(cache, "lab", "shell-"+shell.digest()+".tar")
}

// DiskCached returns the folder of the virtual machines' kernel, initial RAM
// disk and first disk: see Kernel and the others.
func DiskCached(cache string) string {
	return filepath.Join(cache, "lab", "disk-"+disk.digest()+".img")
}

// The files in the folder that DiskCached names.
const (
	Kernel  = "vmlinuz"
	RAMDisk = "initrd"
	Disk    = "disk"
)

// BuildShell makes the file that ShellCached names unless it is there already.
func BuildShell(ctx context.Context, cache string) error {
	return shell.build(ctx, ShellCached(cache))
}

// BuildDisk makes the folder that DiskCached names unless it is there already.
// The engine must have the shell: its mke2fs needs no loop device, and in a
// container it may give files to any owner.
func BuildDisk(ctx context.Context, docker engine.Docker, cache string) error {
	target := DiskCached(cache)
	return once(target, func(work string) error {
		if err := disk.bootstrap(ctx, work); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
		defer cancel()
		if err := docker.Run(ctx, packArgs(work)...); err != nil {
			return err
		}
		packed := filepath.Join(work, "packed")
		return os.Rename(packed, target)
	})
}

// packArgs is the docker command that makes a disk of root.tar in work. Its
// files belong to whoever runs the lab, as all in the cache do.
func packArgs(work string) []string {
	script := fmt.Sprintf(`set -e
mkdir /tree /build/packed
tar -xf /build/root.tar -C /tree
cp /tree/boot/vmlinuz-* /build/packed/%s
cp /tree/boot/initrd.img-* /build/packed/%s
mke2fs -q -t ext4 -d /tree /build/packed/%s %s
chown -R %d:%d /build/packed`, Kernel, RAMDisk, Disk, diskSize, os.Getuid(), os.Getgid())
	return []string{
		"run", "--rm", "--network", "none", "--volume", work + ":/build",
		"--entrypoint", "bash", ShellName(), "-c", script,
	}
}

// ImportShell gives the engine the shell under ShellName.
func ImportShell(ctx context.Context, docker engine.Docker, cache string) error {
	now := time.Now()
	err := os.Chtimes(ShellCached(cache), now, now)
	if _, missing := os.Stat(DiskCached(cache)); missing == nil {
		err = errors.Join(err, os.Chtimes(DiskCached(cache), now, now))
	}
	if err != nil {
		return fmt.Errorf("load image of virtual machines: %w", err)
	}
	return docker.Run(ctx, "import", "--change", "LABEL "+Label+"=shell", ShellCached(cache), ShellName())
}
