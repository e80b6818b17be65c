package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"skep/components/tunnel"
	"skep/internal/compose"
)

// RegistryConfig is a registry of images, by its host name in skep:registries.
type RegistryConfig struct {
	// Username and Password log in hosts, and the preview's own check.
	Username, Password string
	// Check says whether the preview asks it for every image; not where this
	// machine cannot reach it.
	Check bool
	// Insecure says that it speaks plain HTTP.
	Insecure bool
}

// loadStacks reads every compose file and reports all their faults at once,
// before anything is made. What an operator should know is told in previews.
func loadStacks(ctx *pulumi.Context, c *Config, visitors []netip.Prefix) ([]*compose.File, *entrance, error) {
	files, unread := compose.LoadAll("stacks", c.Stacks, c.variables())
	e, unroutable := c.planEntrance(files, visitors)
	all := e.all(files)
	world := c.world()
	var absent error
	if ctx.DryRun() {
		images := named(c.images(all))
		answers := c.askRegistries(images)
		world.Pins, absent = pins(answers), missing(images, answers)
	}
	notes, wrong := compose.Check(all, world)
	faults := []error{unread, wrong, unroutable, absent}
	if err := errors.Join(faults...); err != nil {
		return nil, nil, fmt.Errorf("the stacks have faults; nothing was touched:\n%w", err)
	}
	if ctx.DryRun() {
		told := e.plan.Notes
		for _, note := range notes {
			told = append(told, note.String())
		}
		for _, note := range told {
			if err := ctx.Log.Info(note, nil); err != nil {
				return nil, nil, err
			}
		}
	}
	return compose.Ordered(files), e, nil
}

// named leaves out services without an image, which are a fault of their own.
func named(images []compose.Image) []compose.Image {
	return slices.DeleteFunc(slices.Clone(images), func(i compose.Image) bool { return i.Ref == "" })
}

// images are those of all stacks, substitutions made.
func (c *Config) images(files []*compose.File) []compose.Image {
	var images []compose.Image
	for _, file := range files {
		images = append(images, file.Images(compose.Rendering{Images: c.Images})...)
	}
	return images
}

// variables are those of compose files, as text.
func (c *Config) variables() map[string]string {
	out := map[string]string{}
	for name, value := range c.Variables {
		out[name] = fmt.Sprint(value)
	}
	out["DOMAIN"] = c.Domain
	return out
}

func (c *Config) world() compose.World {
	world := compose.World{Ranges: c.ranges(), Secrets: slices.Sorted(maps.Keys(c.Secrets))}
	if c.Ingress.Tunnel {
		world.Secrets = append(world.Secrets, tunnel.TokenKey)
	}
	for _, h := range c.Hosts {
		world.Hosts = append(world.Hosts, h.Name)
	}
	return world
}

// logins are what hosts log in to registries with.
func (c *Config) logins() map[string]compose.Login {
	logins := map[string]compose.Login{}
	for host, r := range c.Registries {
		if r.Username != "" {
			logins[host] = compose.Login{Username: r.Username, Password: r.Password}
		}
	}
	return logins
}

// readSecrets reads skep:secrets, which may only be encrypted. Its faults name
// keys and never a value.
func (c *Config) readSecrets(ctx *pulumi.Context, source *config.Config) error {
	c.Secrets = map[string]string{}
	text := source.Get("secrets")
	if text == "" || text == "{}" {
		return nil
	}
	if !ctx.IsConfigSecret("skep:secrets") {
		return errors.New("skep:secrets: it stands in plain text: set each key anew with pulumi config set --secret --path skep:secrets.KEY, and change the values if the file was shared")
	}
	var entries map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &entries) != nil {
		return errors.New("skep:secrets: need a mapping of keys to secret text")
	}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		value, err := scalar(entries[key])
		if err != nil {
			faults = append(faults, fmt.Errorf("skep:secrets.%s: %w", key, err))
		}
		c.Secrets[key] = value
	}
	return errors.Join(faults...)
}

// scalar is a value as text. Pulumi keeps a text of digits as a number.
func scalar(raw json.RawMessage) (string, error) {
	var text string
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return text, nil
	case len(raw) > 0 && raw[0] != '{' && raw[0] != '[' && string(raw) != "null":
		return string(raw), nil
	}
	return "", errors.New("need text")
}

// readRegistries reads skep:registries. Its faults never hold a value, since one
// of them is a password.
func (c *Config) readRegistries(ctx *pulumi.Context, source *config.Config) error {
	text := source.Get("registries")
	if text == "" {
		return nil
	}
	var entries map[string]map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &entries) != nil {
		return errors.New("skep:registries: need a mapping of host names to mappings of username, password, check and insecure")
	}
	c.Registries = map[string]RegistryConfig{}
	var faults []error
	for _, host := range slices.Sorted(maps.Keys(entries)) {
		registry, err := readRegistry("skep:registries."+host, entries[host])
		if registry.Password != "" && !ctx.IsConfigSecret("skep:registries") {
			err = errors.Join(err, fmt.Errorf("skep:registries.%s.password: it stands in plain text: set it anew with pulumi config set --secret --path 'skep:registries[\"%s\"].password', and change it if the file was shared", host, host))
		}
		c.Registries[host] = registry
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func readRegistry(at string, entries map[string]json.RawMessage) (RegistryConfig, error) {
	registry := RegistryConfig{Check: true}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		var err error
		switch key {
		case "username":
			registry.Username, err = scalar(entries[key])
		case "password":
			registry.Password, err = scalar(entries[key])
		case "check":
			err = truth(entries[key], &registry.Check)
		case "insecure":
			err = truth(entries[key], &registry.Insecure)
		default:
			err = errors.New("unknown key: need one of check, insecure, password, username")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s.%s: %w", at, key, err))
		}
	}
	if (registry.Username == "") != (registry.Password == "") {
		faults = append(faults, fmt.Errorf("%s: need username and password, or neither", at))
	}
	return registry, errors.Join(faults...)
}

func truth(raw json.RawMessage, into *bool) error {
	if json.Unmarshal(raw, into) != nil {
		return errors.New("need true or false")
	}
	return nil
}

// rendering is what decides the text of a stack beside its file.
func (c *Config) rendering() compose.Rendering {
	return compose.Rendering{Images: c.Images, MTU: c.Mesh.MTU, Encrypted: c.meshless(), Ingress: true}
}
