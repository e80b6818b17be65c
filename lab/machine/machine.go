// Package machine boots and removes the lab's hosts. A machine is a container
// that runs systemd; its labels are the memory of it, so that a crashed plugin
// or a second one sees the same machines.
package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"skep/lab/engine"
	"skep/lab/instance"
)

// ErrNotFound is returned for a machine that does not exist (any more).
var ErrNotFound = errors.New("no such machine")

// Status is whether a machine runs.
type Status string

// The two states of a machine, named as the cloud's API names them.
const (
	Active Status = "active"
	Off    Status = "off"
)

// Spec is what a machine is made from.
type Spec struct {
	// Name is the host name. It need not be unique, as in the real cloud.
	Name string `json:"name"`
	// Image is a slug such as debian-13-x64: which Debian the machine boots.
	Image string `json:"image"`
	// Region is remembered and told, nothing else.
	Region string `json:"region"`
	// Size is a slug such as s-1vcpu-2gb; its memory becomes the machine's limit.
	Size string `json:"size"`
	// UserData is what cloud-init processes at first boot. It may hold private
	// keys, so it goes into a root-only file on the machine and is never told
	// again: a Machine read back has none.
	UserData string `json:"-"`
	// AuthorizedKeys are public keys that may log in as root.
	AuthorizedKeys []string          `json:"authorizedKeys,omitempty"`
	Tags           []string          `json:"tags,omitempty"`
	Labels         map[string]string `json:"labels,omitempty"`
	// Rack makes a machine that is not of the cloud: it has no private network
	// and Machines does not list it.
	Rack bool `json:"rack,omitempty"`
}

// Machine is one host of the lab.
type Machine struct {
	ID int `json:"id"`
	Spec
	PublicIPv4 netip.Addr `json:"publicIPv4"`
	// PrivateIPv4 is the address on the cloud's private network (eth1), zero
	// for a rack machine.
	PrivateIPv4 netip.Addr `json:"privateIPv4"`
	Status      Status     `json:"status"`
	Created     time.Time  `json:"created"`
	// origin is the name that the machine was made with; it stays when the
	// cloud gives it another.
	origin string
}

// machineLabel and the others below name the labels that make a container a
// machine.
const (
	machineLabel = "skep.machine"
	specLabel    = "skep.spec"
	publicLabel  = "skep.public"
	privateLabel = "skep.private"
)

// Lab is the set of machines of one instance.
type Lab struct {
	instance *instance.Instance
	docker   engine.Docker
}

// Open returns the machines of a lab. It starts nothing and cannot fail; the
// engine is reached when a method needs it.
func Open(i *instance.Instance) *Lab {
	return &Lab{instance: i, docker: engine.Docker{Host: i.DockerHost}}
}

// Machine returns the machine with that number, or an error that is
// ErrNotFound.
func (l *Lab) Machine(ctx context.Context, id int) (Machine, error) {
	found, err := l.find(ctx, fmt.Sprintf("%s=%d", machineLabel, id))
	if err != nil {
		return Machine{}, fmt.Errorf("find machine %d: %w", id, err)
	}
	if len(found) == 0 {
		return Machine{}, fmt.Errorf("find machine %d: %w", id, ErrNotFound)
	}
	return found[0], nil
}

// Machines returns the cloud's machines (not those of the rack) by number.
func (l *Lab) Machines(ctx context.Context) ([]Machine, error) {
	all, err := l.All(ctx)
	return slices.DeleteFunc(all, func(m Machine) bool { return m.Rack }), err
}

// All returns every machine, of the cloud and of the rack, by number.
func (l *Lab) All(ctx context.Context) ([]Machine, error) {
	all, err := l.find(ctx, machineLabel)
	if err != nil {
		return nil, fmt.Errorf("list machines: %w", err)
	}
	slices.SortFunc(all, func(a, b Machine) int { return a.ID - b.ID })
	return all, nil
}

// Container is the engine's name of a machine, as operators see it.
func (l *Lab) Container(m Machine) string {
	return fmt.Sprintf("skep-%s-%d-%s", l.instance.ID, m.ID, m.origin)
}

func (l *Lab) find(ctx context.Context, label string) ([]Machine, error) {
	containers, err := l.docker.Containers(ctx, l.instance.Label(), label)
	if err != nil {
		return nil, err
	}
	var found []Machine
	for _, c := range containers {
		m, err := parse(c)
		if err != nil {
			return nil, fmt.Errorf("read labels of container %q: %w", c.Name, err)
		}
		if err := l.overlay(&m); err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	return found, nil
}

// parse reads a machine back from its container's labels.
func parse(c engine.Container) (Machine, error) {
	labels := c.Config.Labels
	m := Machine{Status: Off, Created: c.Created.UTC()}
	if c.State.Running {
		m.Status = Active
	}
	id, err := strconv.Atoi(labels[machineLabel])
	if err != nil {
		return m, err
	}
	m.ID = id
	if err := json.Unmarshal([]byte(labels[specLabel]), &m.Spec); err != nil {
		return m, err
	}
	m.origin = m.Name
	if m.PublicIPv4, err = netip.ParseAddr(labels[publicLabel]); err != nil {
		return m, err
	}
	if private := labels[privateLabel]; private != "" {
		m.PrivateIPv4, err = netip.ParseAddr(private)
	}
	return m, err
}
