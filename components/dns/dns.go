// Package dns keeps a cluster's names: one for each host, one for all hosts
// that take visitors, and one for each route.
package dns

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-cloudflare/sdk/v5/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/host"
	"skep/internal/compose"
)

const dnsToken = "skep:dns:DNS"

// IngressLabel is the name, below the domain, of all hosts that take visitors.
// Routes point to it, so that a host more or less changes one record.
const IngressLabel = "ingress"

// DNS is the cluster's records.
type DNS struct {
	pulumi.ResourceState
}

// Args describe the records.
type Args struct {
	// Zone is the zone at Cloudflare, Domain the name below which hosts stand.
	Zone, Domain string
	// TTL of each record, in seconds.
	TTL int
	// Proxied lets Cloudflare's proxies take the visitors of routes. Hosts' own
	// names stay plain, since SSH and the mesh go there.
	Proxied bool
	// Hosts get a record each.
	Hosts []*host.Host
	// Routes get a record each.
	Routes []compose.Route
}

func (a *Args) validate() error {
	if a.Zone == "" || a.Domain == "" || a.TTL == 0 {
		return errors.New("dns: need Zone, Domain and TTL")
	}
	return nil
}

// New makes the records. Records of others are not touched: one that is there
// already makes the run fail with the provider's word, and can be imported.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*DNS, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	d := &DNS{}
	if err := ctx.RegisterComponentResourceV2(dnsToken, name, pulumi.Map{"domain": pulumi.String(args.Domain)}, d, opts...); err != nil {
		return nil, err
	}
	zone, err := cloudflare.LookupZone(ctx, &cloudflare.LookupZoneArgs{Name: &args.Zone}, pulumi.Parent(d))
	if err != nil {
		return nil, fmt.Errorf("look up zone %q at Cloudflare: %w", args.Zone, err)
	}
	record := func(child, kind, fqdn string, content pulumi.StringInput, proxied bool) error {
		ttl := args.TTL
		if proxied {
			ttl = 1 // "automatic", the only one that Cloudflare takes here
		}
		_, err := cloudflare.NewRecord(ctx, name+"-"+child, &cloudflare.RecordArgs{
			ZoneId: pulumi.String(zone.Id), Name: pulumi.String(fqdn), Type: pulumi.String(kind),
			Content: content.ToStringOutput().ToStringPtrOutput(), Ttl: pulumi.Int(ttl), Proxied: pulumi.Bool(proxied),
			Comment: pulumi.String("made by Skep"),
		}, pulumi.Parent(d))
		return err
	}
	var faults []error
	ingress := IngressLabel + "." + args.Domain
	for _, h := range args.Hosts {
		faults = append(faults, record(h.Name, "A", h.Name+"."+args.Domain, h.PublicAddress, false))
		if h.Ingress {
			faults = append(faults, record(IngressLabel+"-"+h.Name, "A", ingress, h.PublicAddress, false))
		}
	}
	for _, r := range args.Routes {
		faults = append(faults, record("route-"+r.Host, "CNAME", r.Host, pulumi.String(ingress), args.Proxied))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return d, ctx.RegisterResourceOutputs(d, pulumi.Map{})
}
