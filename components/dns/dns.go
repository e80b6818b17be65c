// Package dns keeps a cluster's names: one for each host, one for all hosts
// that take visitors, and one for each route; what protects its zone; and what
// its origins and Cloudflare's proxies show one another.
package dns

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-cloudflare/sdk/v5/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/host"
	"skep/internal/compose"
)

const dnsToken = "skep:dns:DNS"

// IngressLabel is the name, below the domain, of all hosts that take visitors.
// Routes point to it, so that a host more or less changes one record.
const IngressLabel = "ingress"

// comment is what Cloudflare shows beside each record of ours.
const comment = "made by Skep"

// DNS is the cluster's records.
type DNS struct {
	pulumi.ResourceState

	// DS is the record that the zone's parent needs to have for DNSSEC, or
	// empty where that is not ours.
	DS pulumi.StringOutput `pulumi:"ds"`
}

// Zone is a zone at Cloudflare.
type Zone struct {
	// Name is the zone's own, ID and AccountID are Cloudflare's.
	Name, ID, AccountID string
}

// FindZone looks a zone up by its name.
func FindZone(ctx *pulumi.Context, name string) (*Zone, error) {
	found, err := cloudflare.LookupZone(ctx, &cloudflare.LookupZoneArgs{Name: &name})
	if err != nil {
		return nil, fmt.Errorf("look up zone %q at Cloudflare: %w", name, err)
	}
	return &Zone{Name: name, ID: found.Id, AccountID: found.AccountId}, nil
}

// Args describe the records.
type Args struct {
	// Zone is the zone at Cloudflare, Domain the name below which hosts stand.
	Zone   *Zone
	Domain string
	// TTL of each record, in seconds.
	TTL int
	// Proxied lets Cloudflare's proxies take the visitors of routes. Hosts' own
	// names stay plain, since SSH and the mesh go there.
	Proxied bool
	// Through is what routes point to in place of the hosts that take visitors:
	// a tunnel's name, or nil.
	Through pulumi.StringInput
	// Dynamic keeps the address of all hosts that take visitors, where that
	// changes; nil where it does not.
	Dynamic *Dynamic
	// Hosts get a record each.
	Hosts []*host.Host
	// Routes get a record each.
	Routes []compose.Route
	// Protection is what the zone has beside addresses.
	Protection Protection
}

func (a *Args) validate() error {
	if a.Zone == nil || a.Domain == "" || a.TTL == 0 {
		return errors.New("dns: need Zone, Domain and TTL")
	}
	return nil
}

// New makes the records. Records of others are not touched: one that is in the
// place of ours makes the preview fail, with the command that imports it.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*DNS, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	d := &DNS{DS: pulumi.String("").ToStringOutput()}
	if err := ctx.RegisterComponentResourceV2(dnsToken, name, pulumi.Map{"domain": pulumi.String(args.Domain)}, d, opts...); err != nil {
		return nil, err
	}
	var faults []error
	w := &writer{ctx: ctx, name: name, args: args, parent: d, strangers: newStrangers(ctx, args.Zone, d)}
	for _, r := range slices.Concat(args.addresses(), args.Protection.records(args.Domain)) {
		made, err := w.write(r)
		if err == nil && r.elsewhere {
			err = args.Dynamic.keep(ctx, name, args, r.name, made, d)
		}
		faults = append(faults, err)
	}
	faults = append(faults, args.Protection.protect(ctx, name, args.Zone, d))
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return d, ctx.RegisterResourceOutputs(d, pulumi.Map{"ds": d.DS})
}

// addresses are the records of hosts and routes.
func (a *Args) addresses() []record {
	var records []record
	ingress := IngressLabel + "." + a.Domain
	var together []pulumi.StringOutput
	for _, h := range a.Hosts {
		if h.Ingress {
			together = append(together, h.PublicAddress)
		}
	}
	for _, h := range a.Hosts {
		own := record{child: h.Name, kind: addressRecord(h), name: h.Name + "." + a.Domain, content: h.PublicAddress}
		own.suffix, own.alone = a.Domain, []string{own.kind, "CNAME"}
		records = append(records, own)
		if h.Ingress && a.Through == nil && a.Dynamic == nil {
			shared := own
			shared.child, shared.name, shared.ours = IngressLabel+"-"+h.Name, ingress, together
			records = append(records, shared)
		}
	}
	if a.Dynamic != nil {
		records = append(records, record{
			child: IngressLabel, suffix: a.Domain, kind: "A", name: ingress, content: pulumi.String(nowhere), elsewhere: true,
			alone: []string{"A", "CNAME"},
		})
	}
	var target pulumi.StringInput = pulumi.String(ingress)
	if a.Through != nil {
		target = a.Through
	}
	for _, r := range a.Routes {
		records = append(records, record{
			child: "route-" + r.Host, kind: "CNAME", name: r.Host, content: target, proxied: a.Proxied || a.Through != nil,
			alone: []string{"CNAME", "A", "AAAA"},
		})
	}
	return records
}

// addressRecord is the type of a host's address.
func addressRecord(h *host.Host) string {
	if h.IPv6 {
		return "AAAA"
	}
	return "A"
}
