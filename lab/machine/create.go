package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"skep/lab/engine"
	"skep/lab/hostimage"
	"skep/lab/instance"
)

const (
	// firstHost leaves the low addresses of a network to the lab's services.
	firstHost = 11
	lastHost  = 250
	// pidsLimit keeps a fork bomb on one host; a busy swarm host has some 500.
	pidsLimit = 8192
	// defaultMemory is for sizes that do not name theirs.
	defaultMemory = "2g"
)

// Create boots a machine and returns when it runs, which is before cloud-init
// is done with the user data. Addresses are given under a lock, so any number
// of Creates may run at once.
func (l *Lab) Create(ctx context.Context, s Spec) (Machine, error) {
	if !hostName.MatchString(s.Name) {
		return Machine{}, fmt.Errorf("create machine: name %q is no host name", s.Name)
	}
	image, err := l.image(ctx, s.Image)
	if err != nil {
		return Machine{}, fmt.Errorf("create machine %q: %w", s.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, l.bootLimit())
	defer cancel()
	m, err := l.reserve(ctx, s, image)
	if err != nil {
		return Machine{}, fmt.Errorf("create machine %q: %w", s.Name, err)
	}
	if err := l.boot(ctx, m); err != nil {
		// What is half made has no use; its name and address must be free.
		clean, done := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer done()
		_ = l.Delete(clean, m.ID)
		return Machine{}, fmt.Errorf("create machine %q: %w", s.Name, err)
	}
	return l.Machine(ctx, m.ID)
}

var hostName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$`)

// image is the engine's name of the image that a slug stands for. All but the
// usual one are built when the first machine asks for them.
func (l *Lab) image(ctx context.Context, slug string) (string, error) {
	image, err := hostimage.For(slug)
	if err == nil && l.virtual() && !image.Usual() {
		return "", fmt.Errorf("find a disk for %q: virtual machines have debian-13-x64 only", slug)
	}
	if err != nil || image.Usual() {
		return l.instance.HostImage, err
	}
	return image.Name(), image.Ensure(ctx, l.docker, l.instance.Cache)
}

// reserve makes the container, which is what makes its addresses taken.
func (l *Lab) reserve(ctx context.Context, s Spec, image string) (Machine, error) {
	unlock, err := instance.Lock(filepath.Join(l.instance.Dir, "machines.lock"))
	if err != nil {
		return Machine{}, err
	}
	defer unlock()
	all, err := l.All(ctx)
	if err != nil {
		return Machine{}, err
	}
	m := Machine{Spec: s, origin: s.Name}
	if m.ID, err = freeID(all); err != nil {
		return Machine{}, err
	}
	n, err := freeHost(all)
	if err != nil {
		return Machine{}, err
	}
	m.PublicIPv4 = instance.Host(l.instance.Subnet, n)
	if !s.Rack {
		m.PrivateIPv4 = instance.Host(l.instance.PrivateSubnet, n)
	}
	args, err := l.hardware(m, image)
	if err != nil {
		return Machine{}, err
	}
	if args, err = l.createArgs(m, args); err != nil {
		return Machine{}, err
	}
	return m, l.docker.Run(ctx, args...)
}

// freeID draws a number as the cloud does: never one that a script could have
// counted up to.
func freeID(all []Machine) (int, error) {
	for range 100 {
		id := 100_000_000 + rand.IntN(900_000_000)
		taken := false
		for _, m := range all {
			taken = taken || m.ID == id
		}
		if !taken {
			return id, nil
		}
	}
	return 0, fmt.Errorf("find a free number among %d machines", len(all))
}

// freeHost returns the first free number above the highest one in use, so that
// a machine that replaces another gets an address of its own, as in a cloud.
func freeHost(all []Machine) (int, error) {
	used, highest := map[int]bool{}, firstHost-1
	for _, m := range all {
		n := int(m.PublicIPv4.As4()[3])
		used[n], highest = true, max(highest, n)
	}
	const count = lastHost - firstHost + 1
	for i := range count {
		n := firstHost + (highest+1-firstHost+i)%count
		if !used[n] {
			return n, nil
		}
	}
	return 0, fmt.Errorf("find a free address: all %d are in use", count)
}

// createArgs is the docker command that makes the machine's container; hardware
// is what hosts of this kind are given.
func (l *Lab) createArgs(m Machine, hardware []string) ([]string, error) {
	spec, err := json.Marshal(m.Spec)
	if err != nil {
		return nil, err
	}
	i := l.instance
	args := []string{
		"create",
		"--name", l.Container(m), "--hostname", m.Name,
		"--label", i.Label(),
		"--label", machineLabel + "=" + strconv.Itoa(m.ID),
		"--label", specLabel + "=" + string(spec),
		"--label", publicLabel + "=" + m.PublicIPv4.String(),
		"--network", i.Network, "--ip", m.PublicIPv4.String(),
		// A reboot inside ends the container; a machine comes back from it.
		"--restart", "unless-stopped",
		"--pids-limit", strconv.Itoa(pidsLimit),
		"--log-opt", "max-size=1m",
	}
	if m.PrivateIPv4.IsValid() {
		args = append(args, "--label", privateLabel+"="+m.PrivateIPv4.String())
	}
	return append(args, hardware...), nil
}

// hardware is the end of the docker command, from memory to image.
func (l *Lab) hardware(m Machine, image string) ([]string, error) {
	if l.virtual() {
		return l.virtualHardware(m, image), nil
	}
	grant, err := engine.Grant()
	if err != nil {
		return nil, err
	}
	return l.containerHardware(m, image, grant, legacyControlGroups()), nil
}

func (l *Lab) containerHardware(m Machine, image string, grant []string, legacy bool) []string {
	args := []string{
		"--env", "SKEP_LAB_DNS=" + l.instance.Services().String(),
		"--cgroupns", "private",
		"--stop-signal", "SIGRTMIN+3", "--stop-timeout", "30",
		"--tmpfs", "/run:exec", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec",
		// Overlay on overlay fails, so the host's engine gets a real disk.
		"--volume", "/var/lib/docker",
		"--memory", memory(m.Size),
	}
	if legacy {
		// systemd 257 refuses version 1 of control groups without it.
		args = append(args, "--env", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1")
	}
	return append(append(args, grant...), image)
}

var sizeMemory = regexp.MustCompile(`(?:^|-)(\d+)(gb|mb)(?:-|$)`)

// memory turns a size slug such as s-1vcpu-2gb into docker's --memory.
func memory(slug string) string {
	found := sizeMemory.FindStringSubmatch(slug)
	if found == nil {
		return defaultMemory
	}
	return found[1] + found[2][:1]
}

// legacyControlGroups tells whether this machine has version 1 or both.
func legacyControlGroups() bool {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	return err != nil
}

// boot gives a reserved machine its second network and its disk's first
// content, and starts it.
func (l *Lab) boot(ctx context.Context, m Machine) error {
	name := l.Container(m)
	if m.PrivateIPv4 != (netip.Addr{}) {
		err := l.docker.Run(ctx, "network", "connect", "--ip", m.PrivateIPv4.String(), l.instance.PrivateNetwork, name)
		if err != nil {
			return err
		}
	}
	files, err := l.seed(m)
	if err != nil {
		return err
	}
	if l.virtual() {
		if files, err = boxed(files); err != nil {
			return err
		}
	}
	if _, err := l.docker.Pipe(ctx, bytes.NewReader(files), "cp", "--archive", "-", name+":/"); err != nil {
		return err
	}
	if err := l.docker.Run(ctx, "start", name); err != nil {
		return err
	}
	if l.virtual() {
		// A cloud, too, calls a machine active when it has booted; and whoever
		// asked for it knows nothing of how long emulation takes.
		return AwaitSSH(ctx, m.PublicIPv4, virtualBoot)
	}
	return nil
}
