// Package hostimage builds the images that lab machines boot: Debian with
// systemd, sshd, cloud-init and Docker, as a cloud's own image would be. The
// tree in files/ is laid out as the host's file system.
package hostimage

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"skep/lab/engine"
)

// Label marks the image in an engine.
const Label = "skep.lab.image"

// packages are what a fresh droplet has and what a swarm host needs: the lab
// should not spend its time installing the same again on every host.
var packages = []string{
	"bind9-dnsutils", "ca-certificates", "cloud-init", "curl", "dbus", "docker-cli", "docker.io", "iproute2",
	"iptables", "iputils-ping", "jq", "kmod", "less", "libpam-systemd", "netcat-openbsd", "nftables",
	"openssh-server", "procps", "sudo", "systemd", "systemd-sysv", "systemd-timesyncd", "udev",
	"unattended-upgrades", "wireguard-go", "wireguard-tools",
}

// excluded are files that no program reads; without them the image is a
// quarter smaller. Copyright notices stay.
var excluded = []string{
	"/usr/share/doc/*", "/usr/share/info/*", "/usr/share/man/*", "/usr/share/locale/*/LC_MESSAGES/*",
}

//go:embed all:files all:vm customize customize-vm
var sources embed.FS

// Name returns the engine's name of the usual image.
func Name() string { return usual.Name() }

// Cached returns where the usual image is kept as a file between labs.
func Cached(cache string) string { return usual.Cached(cache) }

// Build makes the usual image's file unless it is there already.
func Build(ctx context.Context, cache string) error { return usual.Build(ctx, cache) }

// Import gives the engine the usual image under Name.
func Import(ctx context.Context, docker engine.Docker, cache string) error {
	return usual.Import(ctx, docker, cache)
}

// tree is the file system of hosts that are containers.
func (i Image) tree() tree {
	return tree{suite: i.suite, packages: i.packages(), files: []string{"files"}, customize: "customize"}
}

// Name returns the engine's name of the image. It changes with whatever the
// image is made from.
func (i Image) Name() string { return "skep-lab-host:" + i.tree().digest() }

// Cached returns where the image is kept as a file between labs.
func (i Image) Cached(cache string) string {
	return filepath.Join(cache, "lab", "host-"+i.tree().digest()+".tar")
}

// Build makes the image file unless it is there already.
func (i Image) Build(ctx context.Context, cache string) error {
	return i.tree().build(ctx, i.Cached(cache))
}

// keep is how long an image file stays that no lab has loaded.
const keep = 30 * 24 * time.Hour

// prune removes images of recipes that nobody uses any more.
func prune(dir string, now time.Time) error {
	var paths []string
	for _, pattern := range []string{"host-*.tar", "shell-*.tar", "disk-*.img"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || now.Sub(info.ModTime()) < keep {
			continue
		}
		if err := errors.Join(os.RemoveAll(path), os.RemoveAll(path+".lock")); err != nil {
			return fmt.Errorf("remove unused host image: %w", err)
		}
	}
	return nil
}

// Import gives the engine the image under Name.
func (i Image) Import(ctx context.Context, docker engine.Docker, cache string) error {
	now := time.Now()
	if err := os.Chtimes(i.Cached(cache), now, now); err != nil {
		return fmt.Errorf("load host image: %w", err)
	}
	return docker.Run(ctx, "import",
		"--change", `CMD ["/usr/lib/skep-lab/init"]`,
		"--change", "ENV container=docker",
		"--change", "LABEL "+Label+"=host",
		i.Cached(cache), i.Name())
}
