package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"skep/lab/instance"
	"skep/lab/plugin/cloudflare"
	commandplugin "skep/lab/plugin/command"
	"skep/lab/plugin/digitalocean"
	"skep/lab/plugin/random"
)

// plugin is a Pulumi provider that this program can be.
type plugin struct {
	name, version string
	main          func() int
}

// plugins are what `lab up` installs for the engine to find. Versions are those
// of the SDKs that the program links.
var plugins = []plugin{
	{"cloudflare", "5.49.1", cloudflare.Main},
	{"command", "1.2.1", commandplugin.Main},
	{"digitalocean", "4.62.0", digitalocean.Main},
	{"random", "4.19.2", random.Main},
}

func servePlugin(name string) int {
	i := slices.IndexFunc(plugins, func(p plugin) bool { return p.name == name })
	if i < 0 {
		_, _ = fmt.Fprintf(os.Stderr, "lab: serve plugin %q: the lab has none of that name\n", name)
		return 1
	}
	return plugins[i].main()
}

// dir is where Pulumi looks for exactly this version.
func (p plugin) dir(home string) string {
	return filepath.Join(home, "plugins", fmt.Sprintf("resource-%s-v%s", p.name, p.version))
}

// installPlugins puts the program into the lab's PULUMI_HOME under the name of
// each plugin: one file with several names. Links to a path would not do, since
// a plugin finds its lab by the path that it was started from.
func (s *session) installPlugins(_ context.Context) error {
	installed := s.program()
	for _, p := range plugins {
		target := filepath.Join(p.dir(s.instance.PulumiHome()), "pulumi-resource-"+p.name)
		if sameFile(installed, target) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("install plugin %q: %w", p.name, err)
		}
		// Renamed into place: the old one may be running.
		fresh := target + ".new"
		if err := errors.Join(os.RemoveAll(fresh), os.Link(installed, fresh), os.Rename(fresh, target)); err != nil {
			return fmt.Errorf("install plugin %q: %w", p.name, err)
		}
		err := instance.WriteFile(filepath.Join(filepath.Dir(target), "PulumiPlugin.yaml"), []byte("runtime: go\n"), 0o644)
		if err != nil {
			return err
		}
	}
	return nil
}

func sameFile(a, b string) bool {
	left, leftErr := os.Stat(a)
	right, rightErr := os.Stat(b)
	return leftErr == nil && rightErr == nil && os.SameFile(left, right)
}
