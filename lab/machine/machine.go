// Package machine boots and removes the lab's hosts. A machine is a container
// that runs systemd; its labels are the memory of it, so that a crashed plugin
// or a second one sees the same machines.
package machine

import (
	"context"
	"errors"
	"net/netip"
	"time"

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
	// Image and Region are remembered and told, nothing else: every machine
	// boots the lab's host image.
	Image  string `json:"image"`
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
}

// Lab is the set of machines of one instance.
type Lab struct {
	instance *instance.Instance
}

// Open returns the machines of a lab. It starts nothing and cannot fail; the
// engine is reached when a method needs it.
func Open(i *instance.Instance) *Lab { return &Lab{instance: i} }

var errNotBuilt = errors.New("not built yet")

// Create boots a machine and returns when it runs, which is before cloud-init
// is done with the user data. Addresses are given under a lock, so any number
// of Creates may run at once.
func (l *Lab) Create(ctx context.Context, s Spec) (Machine, error) {
	return Machine{}, errNotBuilt
}

// Machine returns the machine with that number, or an error that is
// ErrNotFound.
func (l *Lab) Machine(ctx context.Context, id int) (Machine, error) {
	return Machine{}, errNotBuilt
}

// Machines returns the cloud's machines (not those of the rack) by number.
func (l *Lab) Machines(ctx context.Context) ([]Machine, error) {
	return nil, errNotBuilt
}

// Delete removes a machine with its disks. One that does not exist is already
// removed: no error.
func (l *Lab) Delete(ctx context.Context, id int) error { return errNotBuilt }

// PowerOff stops a machine cleanly; its addresses and disks stay.
func (l *Lab) PowerOff(ctx context.Context, id int) error { return errNotBuilt }

// PowerOn boots a machine that is off.
func (l *Lab) PowerOn(ctx context.Context, id int) error { return errNotBuilt }

// Reboot stops a machine cleanly and boots it again.
func (l *Lab) Reboot(ctx context.Context, id int) error { return errNotBuilt }

// Relabel changes what can change on a machine without a new one: Name, Size,
// Tags and Labels of s replace the machine's. The host's own name stays, as it
// does in the real cloud. Labels of a container cannot change, so these parts
// are kept in <CloudDir>/droplet/<id>.json.
func (l *Lab) Relabel(ctx context.Context, id int, s Spec) (Machine, error) {
	return Machine{}, errNotBuilt
}
