// Package hostimage builds the images that lab machines boot: Debian with
// systemd, sshd, cloud-init and Docker, as a cloud's own image would be. The
// tree in files/ is laid out as the host's file system.
package hostimage

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"skep/lab/engine"
	"skep/lab/instance"
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

//go:embed all:files customize
var sources embed.FS

// Name is the engine's name of the usual image, Cached its file; Build makes it,
// Import loads it.
func Name() string { return usual.Name() }

// Cached: see Name.
func Cached(cache string) string { return usual.Cached(cache) }

// Build: see Name.
func Build(ctx context.Context, cache string) error { return usual.Build(ctx, cache) }

// Import: see Name.
func Import(ctx context.Context, docker engine.Docker, cache string) error {
	return usual.Import(ctx, docker, cache)
}

// Name returns the engine's name of the image. It changes with whatever the
// image is made from.
func (i Image) Name() string { return "skep-lab-host:" + i.digest() }

// Cached returns where the image is kept as a file between labs.
func (i Image) Cached(cache string) string {
	return filepath.Join(cache, "lab", "host-"+i.digest()+".tar")
}

func (i Image) digest() string {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, i.suite, i.packages(), excluded)
	err := fs.WalkDir(sources, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := sources.ReadFile(path)
		_, _ = fmt.Fprintln(h, path, len(text))
		_, _ = h.Write(text)
		return err
	})
	if err != nil {
		panic(err) // The files are part of this program.
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// Build makes the image file unless it is there already.
func (i Image) Build(ctx context.Context, cache string) error {
	target := i.Cached(cache)
	unlock, err := instance.Lock(target + ".lock")
	if err != nil {
		return fmt.Errorf("build host image: %w", err)
	}
	defer unlock()
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		return fmt.Errorf("build host image: %w: install it with `apt-get install mmdebstrap`", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(target), "build-")
	if err != nil {
		return fmt.Errorf("build host image: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := unpack(work); err != nil {
		return fmt.Errorf("build host image: %w", err)
	}
	if err := i.bootstrap(ctx, work); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(work, "root.tar"), target); err != nil {
		return fmt.Errorf("build host image: %w", err)
	}
	return prune(filepath.Dir(target), time.Now())
}

// keep is how long an image file stays that no lab has loaded.
const keep = 30 * 24 * time.Hour

// prune removes images of recipes that nobody uses any more.
func prune(dir string, now time.Time) error {
	paths, err := filepath.Glob(filepath.Join(dir, "host-*.tar"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || now.Sub(info.ModTime()) < keep {
			continue
		}
		if err := errors.Join(os.Remove(path), os.RemoveAll(path+".lock")); err != nil {
			return fmt.Errorf("remove unused host image: %w", err)
		}
	}
	return nil
}

func (i Image) bootstrap(ctx context.Context, work string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "mmdebstrap", i.bootstrapArgs(work, i.machineMirrors(), machineProxies(ctx))...)
	// On an interrupt it removes its own temporary tree.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Env = append(os.Environ(), "TMPDIR="+work)
	said, err := cmd.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(said)), "\n")
		return fmt.Errorf("build host image with mmdebstrap: %w:\n%s",
			errors.Join(err, context.Cause(ctx)), strings.Join(lines[max(0, len(lines)-15):], "\n"))
	}
	return nil
}

func (i Image) bootstrapArgs(work string, mirrors []string, aptOptions []string) []string {
	args := []string{"--variant=minbase", "--include=" + strings.Join(i.packages(), ",")}
	for _, pattern := range excluded {
		args = append(args, "--dpkgopt=path-exclude="+pattern)
	}
	args = append(args, "--dpkgopt=path-include=/usr/share/doc/*/copyright")
	for _, option := range aptOptions {
		args = append(args, "--aptopt="+option)
	}
	args = append(args,
		"--customize-hook=sync-in "+filepath.Join(work, "files")+" /",
		"--customize-hook="+filepath.Join(work, "customize"),
		i.suite, filepath.Join(work, "root.tar"))
	return append(args, mirrors...)
}

// unpack writes the embedded sources below dir. Embedding forgets modes: what
// starts as a script does is a script.
func unpack(dir string) error {
	return fs.WalkDir(sources, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(dir, path)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		text, err := sources.ReadFile(path)
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(string(text), "#!") {
			mode = 0o755
		}
		return os.WriteFile(target, text, mode)
	})
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
