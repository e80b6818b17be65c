// Package instance describes one lab: where its files are, which engine runs
// its machines and which network they share. The description is lab.json in
// the instance directory; everything else the lab knows it reads from labels.
package instance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
)

// File is the name of the description inside the instance directory.
const File = "lab.json"

// LabelName is the label that says which lab an object of the engine is of.
const LabelName = "skep.lab"

// ErrNoLab is returned by Find and Load when there is no lab to find.
var ErrNoLab = errors.New("no lab here")

// Instance is one lab, described by lab.json in its directory.
type Instance struct {
	// ID keys everything that this lab makes: the label skep.lab, names of
	// containers and networks.
	ID string `json:"id"`
	// Dir is the instance directory itself. It is not stored, so that a
	// checkout may be moved while its lab is down.
	Dir string `json:"-"`
	// Checkout is the working tree that the lab belongs to.
	Checkout string `json:"checkout"`
	// DockerHost is the engine's address as in DOCKER_HOST; empty means the
	// docker client's own default.
	DockerHost string `json:"dockerHost"`
	// Network is the engine's name of the bridge that plays the internet.
	Network string `json:"network"`
	// Subnet is the addresses of that bridge.
	Subnet netip.Prefix `json:"subnet"`
	// PrivateNetwork is the engine's name of the bridge that plays the cloud's
	// private network, PrivateSubnet its addresses.
	PrivateNetwork string       `json:"privateNetwork"`
	PrivateSubnet  netip.Prefix `json:"privateSubnet"`
	// Domain is the zone that the lab's DNS server is authoritative for from
	// the start.
	Domain string `json:"domain"`
	// HostImage is the engine's name of the image that machines boot which ask
	// for no other.
	HostImage string `json:"hostImage"`
	// Cache is where built images are kept for all labs.
	Cache string `json:"cache"`
	// Machines is what hosts are.
	Machines Kind `json:"machines,omitempty"`
	// System is the folder of the virtual machines' kernel and first disk, and
	// Accelerator how qemu runs them: kvm or tcg.
	System      string `json:"system,omitempty"`
	Accelerator string `json:"accelerator,omitempty"`
}

// Kind is what the hosts of a lab are.
type Kind string

// A host is a container that boots systemd, or a virtual machine with a kernel
// of its own.
const (
	Containers      Kind = ""
	VirtualMachines Kind = "vm"
)

// Find returns the lab whose directory is the nearest parent of from that
// holds lab.json. From is the path of a plugin's executable or any other path
// inside the instance directory.
func Find(from string) (*Instance, error) {
	path, err := filepath.Abs(from)
	if err != nil {
		return nil, fmt.Errorf("find lab of %q: %w", from, err)
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		if i, err := Load(dir); !errors.Is(err, ErrNoLab) {
			return i, err
		}
		if dir == filepath.Dir(dir) {
			return nil, fmt.Errorf("find lab of %q: %w: run `lab up` first", from, ErrNoLab)
		}
	}
}

// Load reads the description of the lab in dir.
func Load(dir string) (*Instance, error) {
	path := filepath.Join(dir, File)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || isNotDir(err) {
		return nil, fmt.Errorf("read %q: %w", path, ErrNoLab)
	}
	if err != nil {
		return nil, fmt.Errorf("read lab: %w", err)
	}
	i := &Instance{}
	if err := json.Unmarshal(text, i); err != nil {
		return nil, fmt.Errorf("read lab %q: %w: run `lab down`, then `lab up`", path, err)
	}
	i.Dir = dir
	return i, nil
}

// Save writes the description; readers see the old one or the new one.
func (i *Instance) Save() error {
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fmt.Errorf("write lab %q: %w", i.ID, err)
	}
	return WriteFile(filepath.Join(i.Dir, File), append(text, '\n'), 0o600)
}

// Label is on everything that the lab makes.
func (i *Instance) Label() string { return LabelName + "=" + i.ID }

// CloudDir holds the objects of the played cloud: <kind>/<id>.json.
func (i *Instance) CloudDir() string { return filepath.Join(i.Dir, "cloud") }

// CADir holds the certificate authority that the lab's machines trust.
func (i *Instance) CADir() string { return filepath.Join(i.Dir, "ca") }

// RegistryDir holds the blobs and manifests of the lab's image registry.
func (i *Instance) RegistryDir() string { return filepath.Join(i.Dir, "registry") }

// Program is the lab's own copy of its program.
func (i *Instance) Program() string { return filepath.Join(i.Dir, "bin", "lab") }

// PulumiHome is the PULUMI_HOME whose plugins play the cloud.
func (i *Instance) PulumiHome() string { return filepath.Join(i.Dir, "pulumi") }

// StateHome is the SKEP_STATE_HOME of the lab's stacks.
func (i *Instance) StateHome() string { return filepath.Join(i.Dir, "state") }

// Gateway is the bridge's own address: the machine that the lab runs on.
func (i *Instance) Gateway() netip.Addr { return Host(i.Subnet, 1) }

// Services is the address of the lab's DNS server and image registry.
func (i *Instance) Services() netip.Addr { return Host(i.Subnet, 2) }

// Host returns the address number n of an IPv4 network.
func Host(network netip.Prefix, n int) netip.Addr {
	addr := network.Masked().Addr()
	for range n {
		addr = addr.Next()
	}
	return addr
}
