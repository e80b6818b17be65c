package main

import (
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumix"

	"skep/components/acme"
	"skep/components/dns"
	"skep/components/host"
	"skep/components/ingress"
	"skep/components/mesh"
	"skep/components/stack"
	"skep/components/swarm"
	"skep/internal/address"
	"skep/internal/firewall"
	"skep/internal/keys"
)

// access is how the program logs in.
type access struct {
	privateKey pulumi.StringOutput
	publicKey  pulumi.StringOutput
}

// newAccess takes the operator's key, or makes one that lives in state.
func newAccess(ctx *pulumi.Context, c *Config) (access, error) {
	if c.HasSSHKey {
		public := c.SSHPrivateKey.ApplyT(keys.ParsePrivateKey)
		return access{c.SSHPrivateKey, pulumi.Unsecret(public).(pulumi.StringOutput)}, nil
	}
	holder := &accessComponent{}
	if err := ctx.RegisterComponentResourceV2("skep:index:Access", "access", pulumi.Map{}, holder); err != nil {
		return access{}, err
	}
	seed, err := host.NewSeed(ctx, "access-seed", pulumi.Parent(holder))
	if err != nil {
		return access{}, err
	}
	pair := pulumix.ApplyErr(seed, func(text string) (keys.SSHKey, error) {
		s, err := keys.ParseSeed(text)
		if err != nil {
			return keys.SSHKey{}, err
		}
		return s.DeployKey()
	})
	half := func(pick func(keys.SSHKey) string) pulumi.StringOutput {
		return pulumix.Cast[pulumi.StringOutput](pulumix.Apply(pair, pick))
	}
	private := pulumi.ToSecret(half(func(k keys.SSHKey) string { return k.Private })).(pulumi.StringOutput)
	public := pulumi.Unsecret(half(func(k keys.SSHKey) string { return k.Public })).(pulumi.StringOutput)
	return access{private, public}, ctx.RegisterResourceOutputs(holder, pulumi.Map{})
}

// accessComponent is the parent of the seed of the program's own key.
type accessComponent struct{ pulumi.ResourceState }

// toolbox is every script that anything runs on a manager, or on a worker.
func toolbox(manager bool) host.Toolbox {
	scripts := slices.Concat(host.Scripts(), mesh.Scripts(), swarm.Scripts(manager), ingress.Scripts())
	if manager {
		scripts = slices.Concat(scripts, stack.Scripts(), acme.Scripts())
	}
	return scripts
}

// toolbox is every script that anything runs on a host.
func (c *Config) toolbox(manager bool, name string) host.Toolbox {
	if name == "" || name != c.DNS.Dynamic {
		return toolbox(manager)
	}
	return append(toolbox(manager), dns.Scripts()...)
}

// What scripts tell the program of a single run: the hosts, with commas, whose
// machines are replaced (scripts/replace), and that the swarm is lost and is to be
// founded on new ones (scripts/rebuild).
const (
	replaceVariable = "SKEP_REPLACE"
	rebuildVariable = "SKEP_REBUILD"
)

// replaced says whether this run puts another machine in a host's place.
func replaced(host string) bool {
	return slices.Contains(strings.Split(os.Getenv(replaceVariable), ","), host)
}

// newHosts makes or adopts every machine.
func newHosts(ctx *pulumi.Context, c *Config, a access, cloud *host.Cloud, visitors []netip.Prefix) ([]*host.Host, error) {
	if err := c.toolbox(true, c.DNS.Dynamic).Show(ctx, "toolbox"); err != nil {
		return nil, err
	}
	slots := c.upgradeSlots()
	var hosts []*host.Host
	for _, h := range c.Hosts {
		at, err := c.inside(h)
		if err != nil {
			return nil, err
		}
		args := &host.Args{
			Name: h.Name, Mesh: at, Manager: h.Manager(), Ingress: *h.Ingress, Labels: h.Labels, Availability: h.Availability, Epoch: h.Epoch,
			PrivateKey: a.privateKey, Toolbox: c.toolbox(h.Manager(), h.Name), Docker: c.Networks.Docker, MTU: c.Mesh.MTU,
			EngineVersion: c.Engine.Version, Admins: c.Admins,
			Upgrades: host.Upgrades{At: slots[h.Name], Reboot: c.Upgrades.Reboot},
			Firewall: c.firewall(h.Name, *h.Ingress, visitors),
		}
		if c.DNS.Proxied && *h.Ingress {
			args.RangesURL = c.DNS.RangesURL
		}
		if h.Exists() {
			existing := h.existing()
			args.Existing = &existing
		} else {
			args.Droplet = &host.DropletArgs{Region: h.Region, Size: h.Size, Image: h.Image, Cloud: cloud, Fresh: replaced(h.Name)}
		}
		made, err := host.New(ctx, h.Name, args)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, made)
	}
	return hosts, nil
}

// inside is where the other hosts talk to one: in the mesh, or where there is
// none, on the LAN.
func (c *Config) inside(h HostConfig) (netip.Addr, error) {
	if c.meshless() {
		return h.Address, nil
	}
	return address.Host(c.Networks.Mesh, h.ID)
}

// newCloud makes what droplets share, or nothing where all machines exist.
func newCloud(ctx *pulumi.Context, c *Config, a access) (*host.Cloud, error) {
	regions := c.regions()
	if len(regions) == 0 {
		return nil, nil
	}
	return host.NewCloud(ctx, "cloud", &host.CloudArgs{
		Cluster: ctx.Project() + "-" + ctx.Stack(), Regions: regions, Range: c.Networks.VPC,
		PublicKey: a.publicKey,
	})
}

// protect makes the cloud's firewall, where there is a cloud.
func protect(ctx *pulumi.Context, c *Config, cloud *host.Cloud, hosts []*host.Host, network *mesh.Mesh, visitors []netip.Prefix) error {
	if cloud == nil {
		return nil
	}
	var proven []pulumi.Resource
	for _, h := range hosts {
		proven = append(proven, network.Up(h))
	}
	return cloud.Protect(ctx, "cloud", c.firewall("", true, visitors), proven)
}

// visitorRanges are where visitors come from: Cloudflare's proxies, or nil for
// everywhere.
func visitorRanges(ctx *pulumi.Context, c *Config) ([]netip.Prefix, error) {
	if !c.DNS.Proxied {
		return nil, nil
	}
	return dns.ProxyRanges(ctx)
}

// firewall is what may reach a host, or all hosts for an empty name; ingress
// says whether visitors may, and visitors from where.
func (c *Config) firewall(host string, ingress bool, visitors []netip.Prefix) firewall.Policy {
	policy := firewall.Policy{
		SSHPort: 22, Admins: c.Admins, MeshPort: c.Mesh.Port, Docker: c.Networks.Docker, Mesh: c.meshPolicy(host),
	}
	if ingress {
		policy.WebPorts, policy.WebSources, policy.Entries = []int{80, 443}, visitors, c.entries()
	}
	if c.Ingress.Tunnel {
		policy.WebPorts = nil // visitors come by connections that we have opened
	}
	if c.meshless() {
		policy.MeshPort, policy.Mesh = 0, firewall.Mesh{}
		for _, h := range c.Hosts {
			policy.Mesh.Networks = append(policy.Mesh.Networks, netip.PrefixFrom(h.Address, h.Address.BitLen()))
		}
	}
	return policy
}

// regions are those in which there are droplets, each once, sorted.
func (c *Config) regions() []string {
	var found []string
	for _, h := range c.Hosts {
		if !h.Exists() && !slices.Contains(found, h.Region) {
			found = append(found, h.Region)
		}
	}
	slices.Sort(found)
	return found
}

// reach is where the mesh finds the hosts that are not at their address.
func reach(c *Config) map[string]mesh.Reach {
	out := map[string]mesh.Reach{}
	for _, h := range c.Hosts {
		if h.NAT || len(h.Endpoints) > 0 {
			out[h.Name] = mesh.Reach{NAT: h.NAT, Endpoints: h.Endpoints}
		}
	}
	return out
}
