package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"skep/lab/engine"
	"skep/lab/instance"
	"skep/lab/machine"
	"skep/lab/progress"
)

// domain is the zone that every lab has.
const domain = "skep.test"

// session is one run of a command: the lab that it is about.
type session struct {
	out      *progress.Printer
	dir      string
	checkout string
	cache    string
	// instance is nil until the lab was found or started.
	instance *instance.Instance
}

func newSession(dir string) (*session, error) {
	checkout, err := findCheckout()
	if err != nil {
		return nil, err
	}
	if dir == "" {
		dir = filepath.Join(checkout, ".skep", "lab")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("find lab directory: %w", err)
	}
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	return &session{out: progress.New(), dir: dir, checkout: checkout, cache: cache}, nil
}

// findCheckout returns the nearest parent of the current directory that is a
// checkout of the project; outside of any, the current directory.
func findCheckout() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find checkout: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		for _, sign := range []string{"Pulumi.yaml", ".git"} {
			if _, err := os.Stat(filepath.Join(dir, sign)); err == nil {
				return dir, nil
			}
		}
		if dir == filepath.Dir(dir) {
			return start, nil
		}
	}
}

// cacheDir is what all checkouts of a user share.
func cacheDir() (string, error) {
	if dir := os.Getenv("SKEP_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache directory: %w: set SKEP_CACHE", err)
	}
	return filepath.Join(base, "skep"), nil
}

// open finds the lab that `lab up` made.
func (s *session) open() error {
	i, err := instance.Load(s.dir)
	if errors.Is(err, instance.ErrNoLab) {
		return fmt.Errorf("open lab in %q: it does not run: start it with `lab up`", s.dir)
	}
	s.instance = i
	return err
}

func (s *session) docker() engine.Docker { return engine.Docker{Host: s.instance.DockerHost} }

func (s *session) machines() *machine.Lab { return machine.Open(s.instance) }

// id keys everything that a lab in this directory makes. It follows from the
// path, so that `lab down` finds it all even when lab.json is gone.
func (s *session) id() string {
	dir := s.dir
	if parent, err := filepath.EvalSymlinks(filepath.Dir(s.dir)); err == nil {
		dir = filepath.Join(parent, filepath.Base(s.dir))
	}
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:4])
}

// program is the lab's own copy of this program.
func (s *session) program() string { return s.instance.Program() }

// module is the source of this program in the checkout.
func (s *session) module() string { return filepath.Join(s.checkout, "lab") }

// envFile is sourced into the environment of the lab's stack.
func (s *session) envFile() string { return filepath.Join(filepath.Dir(s.instance.Dir), "lab.env") }

// named returns the machine of that name, of the cloud or of the rack.
func (s *session) named(ctx context.Context, name string) (machine.Machine, error) {
	all, err := s.machines().All(ctx)
	if err != nil {
		return machine.Machine{}, err
	}
	var names []string
	var found []machine.Machine
	for _, m := range all {
		names = append(names, m.Name)
		if m.Name == name || fmt.Sprint(m.ID) == name {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return machine.Machine{}, fmt.Errorf("find host %q: the lab has %s", name, list(names))
	default:
		return machine.Machine{}, fmt.Errorf("find host %q: the name is used %d times: use a number of `lab ls`", name, len(found))
	}
}

func list(names []string) string {
	if len(names) == 0 {
		return "no hosts"
	}
	return strings.Join(names, ", ")
}

// poll tries again until f succeeds or the time is up; then it returns f's
// last error.
func poll(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %s: %w", limit, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// removed tells whether an error only says that something is not there.
func removed(err error) bool { return errors.Is(err, fs.ErrNotExist) }
