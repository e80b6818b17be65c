// Package host makes a machine ready for a swarm and is the one way to run
// anything on it. A machine is a droplet that the program makes, or one that
// exists already; both are the same Host to everything above.
package host

import (
	_ "embed"
	"errors"
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/internal/firewall"
)

const hostToken = "skep:host:Host"

//go:embed firewall.sh
var firewallText string

//go:embed undo.sh
var undoText string

var (
	firewallKeep = Script{Name: "firewall", Text: firewallText}
	undo         = Script{Name: "undo", Text: undoText}
)

// Scripts are the host scripts of this package.
func Scripts() []Script { return append([]Script{base, firewallKeep, undo}, baseParts...) }

// Host is a machine reachable over SSH and ready for what comes next.
type Host struct {
	pulumi.ResourceState

	// PublicAddress is where the machine is reached from outside.
	PublicAddress pulumi.StringOutput `pulumi:"publicAddress"`
	// IPv6 says whether that address is one of IPv6.
	IPv6 bool
	// HostKey is the machine's Ed25519 SSH host key, an authorized_keys line.
	HostKey pulumi.StringOutput `pulumi:"hostKey"`

	// Name, Mesh, Manager, Ingress and Labels are as in Args.
	Name    string
	Mesh    netip.Addr
	Manager bool
	Ingress bool
	Labels  map[string]string
	// Availability is what the swarm may do with it: active, pause or drain.
	Availability string
	// Epoch counts the host's WireGuard keys.
	Epoch int
	// User and Port are how to log in.
	User string
	Port int
	// Seed is the secret from which the host's keys derive.
	Seed pulumi.StringOutput
	// Identity changes when another machine takes the host's place.
	Identity pulumi.StringOutput

	// user and port are set instead of User and Port on a stand-in (Choose).
	user pulumi.StringInput
	port pulumi.Float64Input

	privateKey pulumi.StringInput
	identity   pulumi.StringOutput
	machine    pulumi.Resource
	ready      pulumi.Resource
	// table names the firewall's rules by their digest.
	table string
}

// Args describe a host. All of it is plain, since it decides what is made.
type Args struct {
	// Name is a DNS label, also the machine's host name where it is ours.
	Name string
	// Mesh is the address on the mesh.
	Mesh netip.Addr
	// Manager and Ingress are the host's roles, Labels its node labels.
	Manager, Ingress bool
	Labels           map[string]string
	// Availability is what the swarm may do with it: active, pause or drain.
	Availability string
	// Epoch counts the host's WireGuard keys.
	Epoch int

	// Existing describes a machine that is there, Droplet one to make: exactly
	// one of the two is set.
	Existing *ExistingArgs
	Droplet  *DropletArgs

	// PrivateKey is the SSH key to log in with, a secret.
	PrivateKey pulumi.StringInput
	// Toolbox is every script that anything runs on the host.
	Toolbox Toolbox
	// Docker is the engine's range for bridges, MTU that of the mesh.
	Docker netip.Prefix
	MTU    int
	// EngineVersion pins the engine where it is not empty.
	EngineVersion string
	// Admins are where people log in from.
	Admins []netip.Prefix
	// Upgrades say when the host may be upgraded.
	Upgrades Upgrades
	// Firewall says what may reach the host; its SSHPort is filled in here.
	Firewall firewall.Policy
	// RangesURL is where the host fetches the ranges of its visitors, to keep
	// those of Firewall young; empty where they come from everywhere.
	RangesURL string
}

func (a *Args) validate() error {
	var faults []error
	if (a.Existing == nil) == (a.Droplet == nil) {
		faults = append(faults, errors.New("need exactly one of Existing and Droplet"))
	}
	if a.PrivateKey == nil {
		faults = append(faults, errors.New("need PrivateKey"))
	}
	if !a.Mesh.IsValid() || !a.Docker.IsValid() {
		faults = append(faults, errors.New("need Mesh and Docker"))
	}
	if a.Upgrades.At == "" {
		faults = append(faults, errors.New("need Upgrades"))
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("host %q: %w", a.Name, err)
	}
	return nil
}

// Role is manager or worker, as Swarm calls it.
func (h *Host) Role() string {
	if h.Manager {
		return "manager"
	}
	return "worker"
}

// Base is the resource after which scripts can be run on the host.
func (h *Host) Base() pulumi.Resource { return h.ready }

// New makes the machine where needed and its base: SSH, packages, the engine,
// the firewall.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Host, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	h := &Host{
		Name: args.Name, Mesh: args.Mesh, Manager: args.Manager, Ingress: args.Ingress,
		Labels: args.Labels, Availability: args.Availability, Epoch: args.Epoch, privateKey: args.PrivateKey,
		IPv6: args.Existing != nil && args.Existing.Address.Is6(),
	}
	inputs := pulumi.Map{"mesh": pulumi.String(args.Mesh.String()), "manager": pulumi.Bool(args.Manager)}
	if err := ctx.RegisterComponentResourceV2(hostToken, name, inputs, h, opts...); err != nil {
		return nil, err
	}
	var err error
	if h.Seed, err = NewSeed(ctx, name+"-seed", pulumi.Parent(h)); err != nil {
		return nil, err
	}
	if args.Existing != nil {
		err = h.adopt(ctx, name, args.Existing)
	} else {
		err = h.create(ctx, name, args.Droplet)
	}
	if err != nil {
		return nil, err
	}
	h.Identity = h.identity
	if err := h.prepare(ctx, name, args); err != nil {
		return nil, err
	}
	return h, ctx.RegisterResourceOutputs(h, pulumi.Map{"publicAddress": h.PublicAddress, "hostKey": h.HostKey})
}
