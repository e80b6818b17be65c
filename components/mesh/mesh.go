// Package mesh joins all hosts into one WireGuard network that owns their
// addresses: whatever a machine's public address is, its place in the mesh
// stays.
package mesh

import (
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumix"

	"skep/components/host"
	"skep/internal/keys"
	"skep/internal/wireguard"
)

const meshToken = "skep:mesh:Mesh"

// Device is the mesh's network device on every host.
const Device = "wg0"

var (
	//go:embed mesh.sh
	meshText string
	//go:embed without.sh
	withoutText string
)

//go:embed swarm-watch.sh
var watchText string

var (
	script  = host.Script{Name: "mesh", Text: meshText}
	without = host.Script{Name: "without", Text: withoutText}
	watch   = host.Script{Name: "swarm-watch", Text: watchText}
)

// Scripts are the host scripts of this package.
func Scripts() []host.Script { return []host.Script{script, without, watch} }

// Without is the script whose check says whether a machine can be a host
// without a mesh.
func Without() host.Script { return without }

// Mesh is the network, up on every host.
type Mesh struct {
	pulumi.ResourceState

	// Peers are the configs of roaming peers by name, as wg-quick takes them: secret.
	Peers pulumi.StringMapOutput `pulumi:"peers"`

	up map[string]*remote.Command
}

// Peer is a laptop or phone that joins from anywhere.
type Peer struct {
	// Name is unique among peers and hosts.
	Name string
	// Mesh is its address in the mesh.
	Mesh netip.Addr
	// Epoch counts its keys.
	Epoch int
	// Allow names the hosts that it may reach; none means all.
	Allow []string
	// DNS is the servers and search domains that it uses while it is in the mesh.
	DNS []string
	// Networks are the ranges behind it, which hosts reach through it.
	Networks []netip.Prefix
	// PublicKey is the one of a peer that keeps its private key to itself, or
	// nothing for one whose keys are made here.
	PublicKey keys.WireGuardKey
}

// Reach is how the others find a host whose public address does not say it.
type Reach struct {
	// NAT is for a host that nobody can dial: it dials out, and keeps its
	// router's mapping alive.
	NAT bool
	// Endpoints are used instead of the public address, at most one for each
	// family of addresses.
	Endpoints []netip.Addr
}

// Args describe the mesh.
type Args struct {
	// Network is the range of mesh addresses.
	Network netip.Prefix
	// Port is WireGuard's UDP port on hosts.
	Port int
	// MTU is the tunnel's, in bytes.
	MTU int
	// Epoch counts the pre-shared keys of all pairs.
	Epoch int
	// Userspace allows wireguard-go also where the kernel could do it.
	Userspace bool
	// Without is for hosts that talk over their LAN: Docker encrypts what
	// containers say, and the kernel is asked whether it can.
	Without bool
	// Hosts are full members, Peers roam.
	Hosts []*host.Host
	Peers []Peer
	// Reach is by a host's name, for those that need it.
	Reach map[string]Reach
	// After is what has to be done while hosts that go are still peers; or nil.
	After []pulumi.Resource
}

func (a *Args) validate() error {
	if len(a.Hosts) == 0 || !a.Network.IsValid() || a.Port == 0 || a.MTU == 0 {
		return errors.New("mesh: need Hosts, Network, Port and MTU")
	}
	return nil
}

// New brings the mesh up on every host. Each host is one resource, whose data
// holds its own key and those of its pairs, and nobody else's.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Mesh, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	m := &Mesh{up: map[string]*remote.Command{}}
	if err := ctx.RegisterComponentResourceV2(meshToken, name, pulumi.Map{"network": pulumi.String(args.Network.String())}, m, opts...); err != nil {
		return nil, err
	}
	m.Peers = pulumi.StringMap{}.ToStringMapOutput()
	if args.Without {
		if err := m.leaveOut(ctx, name, args); err != nil {
			return nil, err
		}
		return m, ctx.RegisterResourceOutputs(m, pulumi.Map{"peers": m.Peers})
	}
	seed, err := host.NewSeed(ctx, name+"-seed", pulumi.Parent(m))
	if err != nil {
		return nil, err
	}
	plan := args.plan(seed)
	for _, h := range args.Hosts {
		config := textOf(pulumix.ApplyErr(plan, func(plan wireguard.Mesh) (string, error) { return plan.HostConfig(h.Name) }))
		m.up[h.Name], err = h.Run(ctx, name+"-"+h.Name, host.RunArgs{
			Script:   script,
			Args:     args.options(h),
			Stdin:    config,
			Confirms: true,
		}, pulumi.Parent(m), pulumi.DependsOn(args.After))
		if err != nil {
			return nil, err
		}
	}
	if len(args.Peers) > 0 {
		m.Peers = args.peerConfigs(plan)
	}
	return m, ctx.RegisterResourceOutputs(m, pulumi.Map{"peers": m.Peers})
}

// leaveOut makes sure, on every host, that the swarm can do without a mesh. It
// is the same one command per host, under the same name.
func (m *Mesh) leaveOut(ctx *pulumi.Context, name string, args *Args) error {
	for _, h := range args.Hosts {
		var err error
		m.up[h.Name], err = h.Run(ctx, name+"-"+h.Name, host.RunArgs{
			Script: without, Args: []string{"--address", h.Mesh.String()}, Confirms: true,
		}, pulumi.Parent(m), pulumi.DependsOn(args.After))
		if err != nil {
			return err
		}
	}
	return nil
}

// Up is the resource that stands for the mesh being up on a host.
func (m *Mesh) Up(h *host.Host) pulumi.Resource { return m.up[h.Name] }

// Backend is what carries the mesh on a host: kernel, userspace, or none.
func (m *Mesh) Backend(h *host.Host) pulumi.StringOutput {
	backend := pulumi.Unsecret(m.up[h.Name].Stdout).(pulumi.StringOutput)
	return backend.ApplyT(strings.TrimSpace).(pulumi.StringOutput)
}

// options are the arguments of the host script.
func (a *Args) options(h *host.Host) []string {
	words := []string{"--address", fmt.Sprintf("%s/%d", h.Mesh, a.Network.Bits()), "--mtu", strconv.Itoa(a.MTU),
		"--watch", watch.Path()}
	if routes := a.routes(h.Name); len(routes) > 0 {
		words = append(words, "--routes", strings.Join(routes, ","))
	}
	if a.Userspace {
		words = append(words, "--userspace", "allow")
	}
	return words
}

// routes are the ranges behind peers that a host knows, sorted.
func (a *Args) routes(name string) []string {
	var out []string
	for _, p := range a.Peers {
		if a.Reach[name].NAT || len(p.Allow) > 0 && !slices.Contains(p.Allow, name) {
			continue
		}
		for _, network := range p.Networks {
			out = append(out, network.String())
		}
	}
	slices.Sort(out)
	return out
}

// textOf makes an output that a resource takes, and a secret of it.
func textOf(text pulumix.Output[string]) pulumi.StringOutput {
	return pulumi.ToSecret(pulumix.Cast[pulumi.StringOutput](text)).(pulumi.StringOutput)
}

// plan gathers seeds and addresses into the mesh to render.
func (a *Args) plan(seed pulumi.StringOutput) pulumix.Output[wireguard.Mesh] {
	seeds, addresses := pulumi.StringArray{seed}, pulumi.StringArray{}
	for _, h := range a.Hosts {
		seeds = append(seeds, h.Seed)
		addresses = append(addresses, h.PublicAddress)
	}
	return pulumix.Apply2Err(seeds.ToStringArrayOutput(), addresses.ToStringArrayOutput(), a.render)
}

// peerConfigs renders what each roaming peer installs.
func (a *Args) peerConfigs(plan pulumix.Output[wireguard.Mesh]) pulumi.StringMapOutput {
	configs := pulumi.StringMap{}
	for _, peer := range a.Peers {
		configs[peer.Name] = textOf(pulumix.ApplyErr(plan, func(plan wireguard.Mesh) (string, error) { return plan.RoamingConfig(peer.Name) }))
	}
	return configs.ToStringMapOutput()
}

// render is the pure part: seeds[0] is the mesh's, the rest the hosts' in order.
func (a *Args) render(seeds, addresses []string) (wireguard.Mesh, error) {
	shared, err := keys.ParseSeed(seeds[0])
	if err != nil {
		return wireguard.Mesh{}, fmt.Errorf("plan mesh: %w", err)
	}
	m := wireguard.Mesh{
		Network: a.Network, Port: a.Port, MTU: a.MTU,
		PreSharedKey: func(one, other string) keys.WireGuardKey { return shared.PreSharedKey(one, other, a.Epoch) },
	}
	for i, h := range a.Hosts {
		own, err := keys.ParseSeed(seeds[i+1])
		if err != nil {
			return wireguard.Mesh{}, fmt.Errorf("plan mesh: host %q: %w", h.Name, err)
		}
		endpoints, err := a.endpoints(h.Name, addresses[i])
		if err != nil {
			return wireguard.Mesh{}, err
		}
		m.Hosts = append(m.Hosts, wireguard.Node{
			Name: h.Name, Mesh: h.Mesh, Key: own.WireGuard(h.Name, h.Epoch), Endpoints: endpoints,
		})
	}
	for _, p := range a.Peers {
		node := wireguard.Node{
			Name: p.Name, Mesh: p.Mesh, PublicKey: p.PublicKey, Allow: p.Allow, DNS: p.DNS, Networks: p.Networks,
		}
		if p.PublicKey == (keys.WireGuardKey{}) {
			node.Key = shared.WireGuard(p.Name, p.Epoch)
		}
		m.Roaming = append(m.Roaming, node)
	}
	return wireguard.Plan(m)
}

// endpoints are where the others dial a host.
func (a *Args) endpoints(name, public string) ([]netip.AddrPort, error) {
	reach := a.Reach[name]
	if reach.NAT {
		return nil, nil
	}
	addresses := reach.Endpoints
	if len(addresses) == 0 {
		address, err := netip.ParseAddr(public)
		if err != nil {
			return nil, fmt.Errorf("plan mesh: host %q has no public address: %w", name, err)
		}
		addresses = []netip.Addr{address}
	}
	var out []netip.AddrPort
	for _, address := range addresses {
		out = append(out, netip.AddrPortFrom(address, uint16(a.Port)))
	}
	return out, nil
}
