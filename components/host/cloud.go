package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/pulumi/pulumi-digitalocean/sdk/v4/go/digitalocean"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/internal/firewall"
)

const cloudToken = "skep:host:Cloud"

// regions are DigitalOcean's, in an order that never changes: the place of a
// region decides which part of the VPC range it gets. New ones go to the end.
var regions = []string{"nyc1", "nyc2", "nyc3", "ams2", "ams3", "sfo1", "sfo2", "sfo3",
	"sgp1", "lon1", "fra1", "tor1", "blr1", "syd1", "atl1", "ric1"}

// vpcBits is the prefix length of one region's part: DigitalOcean takes /16 to /24.
const vpcBits = 24

// Cloud is what the droplets of one cluster share: the key they let in, their
// private networks, the cloud's firewall.
type Cloud struct {
	pulumi.ResourceState

	cluster string
	sshKey  pulumi.StringOutput
	// publicKey may log in as AdminUser.
	publicKey pulumi.StringOutput
	tag       pulumi.StringOutput
	vpcs      map[string]pulumi.StringOutput
}

// CloudArgs describe the shared part.
type CloudArgs struct {
	// Cluster names the resources at the provider.
	Cluster string
	// Regions are those in which there are droplets.
	Regions []string
	// Range is cut into one network per region.
	Range netip.Prefix
	// PublicKey is the one that fresh droplets let in.
	PublicKey pulumi.StringInput
}

// VPCRange is the part of the range that belongs to a region.
func VPCRange(whole netip.Prefix, region string) (netip.Prefix, error) {
	place := slices.Index(regions, region)
	if place < 0 {
		return netip.Prefix{}, fmt.Errorf("region %q is not one of DigitalOcean's: %v", region, regions)
	}
	if whole.Bits() > vpcBits-4 {
		return netip.Prefix{}, fmt.Errorf("VPC range %s is too small: each of %d regions needs a /%d of its own, so a /%d in all",
			whole, len(regions), vpcBits, vpcBits-4)
	}
	base := whole.Masked().Addr().As4()
	var out [4]byte
	binary.BigEndian.PutUint32(out[:], binary.BigEndian.Uint32(base[:])+uint32(place)<<(32-vpcBits))
	return netip.PrefixFrom(netip.AddrFrom4(out), vpcBits), nil
}

// NewCloud makes the shared part.
func NewCloud(ctx *pulumi.Context, name string, args *CloudArgs, opts ...pulumi.ResourceOption) (*Cloud, error) {
	if args.PublicKey == nil || args.Cluster == "" {
		return nil, errors.New("cloud: need PublicKey and Cluster")
	}
	c := &Cloud{cluster: args.Cluster, publicKey: args.PublicKey.ToStringOutput(), vpcs: map[string]pulumi.StringOutput{}}
	if err := ctx.RegisterComponentResourceV2(cloudToken, name, pulumi.Map{"cluster": pulumi.String(args.Cluster)}, c, opts...); err != nil {
		return nil, err
	}
	key, err := digitalocean.NewSshKey(ctx, name+"-key", &digitalocean.SshKeyArgs{
		Name: pulumi.String(args.Cluster), PublicKey: args.PublicKey,
	}, pulumi.Parent(c))
	if err != nil {
		return nil, err
	}
	c.sshKey = key.Fingerprint
	tag, err := digitalocean.NewTag(ctx, name+"-tag", &digitalocean.TagArgs{Name: pulumi.String(args.Cluster)}, pulumi.Parent(c))
	if err != nil {
		return nil, err
	}
	c.tag = tag.Name
	if err := c.networks(ctx, name, args); err != nil {
		return nil, err
	}
	return c, ctx.RegisterResourceOutputs(c, pulumi.Map{})
}

func (c *Cloud) networks(ctx *pulumi.Context, name string, args *CloudArgs) error {
	for _, region := range args.Regions {
		part, err := VPCRange(args.Range, region)
		if err != nil {
			return err
		}
		vpc, err := digitalocean.NewVpc(ctx, name+"-"+region, &digitalocean.VpcArgs{
			Name: pulumi.String(args.Cluster + "-" + region), Region: pulumi.String(region), IpRange: pulumi.String(part.String()),
		}, pulumi.Parent(c))
		if err != nil {
			return err
		}
		c.vpcs[region] = vpc.ID().ToStringOutput()
	}
	return nil
}

// Protect says at the provider what each host's own firewall says. It comes
// after proven, the commands that found the same rules to let SSH in: what the
// provider drops, no timer on a host brings back.
func (c *Cloud) Protect(ctx *pulumi.Context, name string, policy firewall.Policy, proven []pulumi.Resource) error {
	rules, err := policy.Cloud()
	if err != nil {
		return err
	}
	var inbound digitalocean.FirewallInboundRuleArray
	for _, r := range rules {
		rule := digitalocean.FirewallInboundRuleArgs{Protocol: pulumi.String(r.Protocol), SourceAddresses: pulumi.ToStringArray(r.Sources)}
		if r.Ports != "" {
			rule.PortRange = pulumi.String(r.Ports)
		}
		inbound = append(inbound, rule)
	}
	anywhere := pulumi.ToStringArray([]string{"0.0.0.0/0", "::/0"})
	out := func(protocol, ports string) digitalocean.FirewallOutboundRuleInput {
		rule := digitalocean.FirewallOutboundRuleArgs{Protocol: pulumi.String(protocol), DestinationAddresses: anywhere}
		if ports != "" {
			rule.PortRange = pulumi.String(ports)
		}
		return rule
	}
	_, err = digitalocean.NewFirewall(ctx, name+"-firewall", &digitalocean.FirewallArgs{
		Name:          pulumi.String(c.cluster),
		Tags:          pulumi.StringArray{c.tag},
		InboundRules:  inbound,
		OutboundRules: digitalocean.FirewallOutboundRuleArray{out("tcp", "1-65535"), out("udp", "1-65535"), out("icmp", "")},
	}, pulumi.Parent(c), pulumi.DependsOn(proven))
	return err
}
