package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"skep/lab/ca"
	"skep/lab/cloud"
	"skep/lab/engine"
	"skep/lab/hostimage"
	"skep/lab/instance"
)

// step is one thing that `lab up` makes sure of.
type step struct {
	what, usually string
	run           func(context.Context) error
	// done tells that there is nothing to do; nil is for what is always quick.
	done func(context.Context) bool
}

func runUp(ctx context.Context, s *session, args []string) error {
	flags := flag.NewFlagSet("lab up", flag.ContinueOnError)
	machines := flags.String("machines", "", "what hosts are: container or vm (default: what this lab has, else container)")
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("run \"up\": it takes no argument such as %q", rest[0])
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("start lab: hosts need Linux, this is %s", runtime.GOOS)
	}
	if _, err := exec.LookPath("docker"); err != nil {
		return fmt.Errorf("start lab: %w: install it with `apt-get install docker.io`", err)
	}
	unlock, err := instance.Lock(s.dir + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.describe(*machines); err != nil {
		return err
	}
	for _, step := range s.upSteps() {
		if err := s.take(ctx, step); err != nil {
			return err
		}
	}
	s.out.Note("lab %s is up: hosts in %s, DNS and registry on %s, engine %s", s.instance.ID, s.instance.Subnet,
		s.instance.Services(), engineName(s.instance.DockerHost))
	return nil
}

// take does what a step has left to do. Only what may take long is told.
func (s *session) take(ctx context.Context, step step) error {
	switch {
	case step.done == nil:
		return step.run(ctx)
	case step.done(ctx):
		return nil
	default:
		return s.out.Step(step.what, step.usually, func() error { return step.run(ctx) })
	}
}

func (s *session) upSteps() []step {
	// The network claims the image: see removeImages.
	networks := step{"make the networks", "", s.makeNetworks, s.networksMade}
	steps := []step{
		{"start a Docker engine", "2 s", s.startEngine, s.engineRuns},
		{"build the host image", "1 to 3 min, once", s.buildImage, s.imageBuilt},
		networks,
		{"load the host image", "5 s", s.importImage, s.imageLoaded},
	}
	if s.virtual() {
		steps = []step{
			steps[0],
			{"build the image that virtual machines run in", "1 min, once", s.buildImage, s.imageBuilt},
			networks,
			{"load that image", "5 s", s.importImage, s.imageLoaded},
			{"build the disk of virtual machines", "2 to 4 min, once", s.buildDisk, s.diskBuilt},
			{"look whether KVM works", "2 to 30 s", s.chooseAccelerator, s.accelerated},
		}
	}
	return append(steps, []step{
		{what: "write lab.json", run: s.save},
		{what: "make the certificate authority", run: s.makeAuthority},
		{what: "install the program", run: s.installProgram},
		{"start DNS and registry", "", s.startServices, s.servicesRun},
		{"compile Traefik", "6 to 12 min on 2 cores, once; when stopped, it goes on from there", s.compileSlow, s.slowCompiled},
		{"build the images of stacks", "5 s; once 1 min with a database", s.buildImages, s.imagesBuilt},
		{what: "make the DNS zones", run: s.makeZones},
		{what: "install the plugins", run: s.installPlugins},
		{what: "write the environment", run: s.writeEnvironment},
		{what: "write the stack config", run: s.writeStackConfig},
	}...)
}

// describe takes the lab that is there, or begins a new one. machines is what
// its hosts are to be, or empty.
func (s *session) describe(machines string) error {
	i, err := instance.Load(s.dir)
	if err != nil && !errors.Is(err, instance.ErrNoLab) {
		return err
	}
	if err != nil {
		i = s.fresh()
	}
	if machines != "" {
		kind, kindErr := kindOf(machines)
		if kindErr != nil {
			return kindErr
		}
		if err == nil && kind != i.Machines {
			return fmt.Errorf("start lab with --machines %s: the one in %q has machines of the other kind: end it with `lab down` first", machines, s.dir)
		}
		i.Machines = kind
	}
	s.instance = i
	i.HostImage, i.Cache = hostimage.Name(), s.cache
	if s.virtual() {
		i.HostImage, i.System = hostimage.ShellName(), hostimage.DiskCached(s.cache)
	}
	return nil
}

// fresh is a lab that is not there yet.
func (s *session) fresh() *instance.Instance {
	id := s.id()
	return &instance.Instance{
		ID:             id,
		Dir:            s.dir,
		Checkout:       s.checkout,
		Network:        "skep-" + id,
		PrivateNetwork: "skep-" + id + "-private",
		Domain:         domain,
	}
}

func (s *session) engineRuns(ctx context.Context) bool {
	if s.instance.DockerHost != "" && s.docker().Works(ctx) {
		return true
	}
	for _, host := range []string{engine.Configured(ctx), engine.Own.Docker().Host} {
		if (engine.Docker{Host: host}).Works(ctx) {
			s.instance.DockerHost = host
			return true
		}
	}
	return false
}

func (s *session) startEngine(ctx context.Context) error {
	if _, err := engine.Own.Start(ctx); err != nil {
		return err
	}
	s.instance.DockerHost = engine.Own.Docker().Host
	return nil
}

func engineName(host string) string {
	if host == engine.Own.Docker().Host {
		return "its own (" + host + ")"
	}
	return host
}

func (s *session) save(context.Context) error { return s.instance.Save() }

func (s *session) makeAuthority(context.Context) error {
	_, err := ca.Open(s.instance.CADir())
	return err
}

// installProgram copies this program into the instance, where the services
// container and the plugins run it from: the checkout's own may be rebuilt at
// any moment.
func (s *session) installProgram(context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("install program: %w", err)
	}
	fresh, err := fileDigest(self)
	if err != nil {
		return fmt.Errorf("install program: %w", err)
	}
	if now, err := fileDigest(s.program()); err == nil && now == fresh {
		return nil
	}
	text, err := os.ReadFile(self)
	if err != nil {
		return fmt.Errorf("install program: %w", err)
	}
	return instance.WriteFile(s.program(), text, 0o755)
}

func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// documentationZone is the domain of the configs that ship as examples (RFC
// 2606); with it, they preview against the played account as they are.
const documentationZone = "example.org"

// makeZones gives the played account the zone of the lab and that of examples.
func (s *session) makeZones(context.Context) error {
	return errors.Join(s.makeZone(s.instance.Domain), s.makeZone(documentationZone))
}

// makeZone gives the played account a zone. Its numbers follow from the name,
// so that configuration may name them.
func (s *session) makeZone(name string) error {
	sum := sha256.Sum256([]byte(name))
	zone := cloud.Zone{
		ID:        hex.EncodeToString(sum[:16]),
		Name:      name,
		AccountID: hex.EncodeToString(sum[16:]),
	}
	store := cloud.Open(s.instance.CloudDir())
	var now cloud.Zone
	if err := store.Get(cloud.Zones, zone.ID, &now); err == nil && now == zone {
		return nil
	}
	return store.Put(cloud.Zones, zone.ID, zone)
}

// writeEnvironment writes what the lab's stack needs in its environment. The
// tokens are no secrets: the played cloud takes any.
func (s *session) writeEnvironment(context.Context) error {
	lines := []string{
		"# Written by lab up, removed by lab down.",
		"export PULUMI_HOME=" + quote(s.instance.PulumiHome()),
		"export SKEP_STATE_HOME=" + quote(s.instance.StateHome()),
		"export SKEP_LAB_DNS=" + quote(s.instance.Services().String()),
		"export DIGITALOCEAN_TOKEN='played-by-the-lab'",
		// The official provider refuses tokens of another shape.
		"export CLOUDFLARE_API_TOKEN='played-by-the-lab-0000000000000000000000'",
		"",
	}
	if err := os.MkdirAll(filepath.Dir(s.envFile()), 0o755); err != nil {
		return fmt.Errorf("write environment: %w", err)
	}
	return instance.WriteFile(s.envFile(), []byte(strings.Join(lines, "\n")), 0o600)
}

// quote makes one word of the shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
