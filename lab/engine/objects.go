package engine

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Container is what docker inspect tells of a container, as far as the lab
// reads it.
type Container struct {
	ID      string `json:"Id"`
	Name    string
	Created time.Time
	State   struct {
		Status  string
		Running bool
		Pid     int
	}
	Config struct {
		Image  string
		Labels map[string]string
	}
	Mounts []struct {
		Type string
		Name string
	}
}

// Network is what docker inspect tells of a network.
type Network struct {
	ID     string `json:"Id"`
	Name   string
	Labels map[string]string
	IPAM   struct {
		Config []struct{ Subnet string }
	}
}

// Subnets returns the network's addresses.
func (n Network) Subnets() []netip.Prefix {
	var subnets []netip.Prefix
	for _, c := range n.IPAM.Config {
		if p, err := netip.ParsePrefix(c.Subnet); err == nil {
			subnets = append(subnets, p)
		}
	}
	return subnets
}

// Containers returns the containers, running or not, that have all labels
// (each "name" or "name=value").
func (d Docker) Containers(ctx context.Context, labels ...string) ([]Container, error) {
	// A container may go between the listing and the look at it; then look at
	// those that are left.
	for attempt := 0; ; attempt++ {
		ids, err := d.list(ctx, []string{"ps", "--all", "--quiet", "--no-trunc"}, labels)
		if err != nil {
			return nil, err
		}
		var found []Container
		err = d.inspect(ctx, "container", ids, &found)
		if err == nil || !IsNotFound(err) || attempt == 5 {
			return found, err
		}
	}
}

// Networks returns the networks that have all labels.
func (d Docker) Networks(ctx context.Context, labels ...string) ([]Network, error) {
	for attempt := 0; ; attempt++ {
		ids, err := d.list(ctx, []string{"network", "ls", "--quiet", "--no-trunc"}, labels)
		if err != nil {
			return nil, err
		}
		var found []Network
		err = d.inspect(ctx, "network", ids, &found)
		if err == nil || !IsNotFound(err) || attempt == 5 {
			return found, err
		}
	}
}

// Volumes returns the names of the volumes that have all labels.
func (d Docker) Volumes(ctx context.Context, labels ...string) ([]string, error) {
	return d.list(ctx, []string{"volume", "ls", "--quiet"}, labels)
}

// Images returns the ids of the images that have all labels, each once: an
// image may have several names, or none when another took its name.
func (d Docker) Images(ctx context.Context, labels ...string) ([]string, error) {
	ids, err := d.list(ctx, []string{"images", "--quiet", "--no-trunc"}, labels)
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// HasImage tells whether the engine has an image of that name.
func (d Docker) HasImage(ctx context.Context, name string) (bool, error) {
	out, err := d.Output(ctx, "images", "--quiet", name)
	return len(out) > 0, err
}

// IsNotFound tells whether docker failed because the object is not there, or
// is just being removed.
func IsNotFound(err error) bool {
	var run *RunError
	if !errors.As(err, &run) {
		return false
	}
	said := strings.ToLower(run.Stderr)
	return strings.Contains(said, "no such") || strings.Contains(said, "not found") ||
		strings.Contains(said, "already in progress")
}
