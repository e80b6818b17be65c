package dns

import (
	"github.com/pulumi/pulumi-cloudflare/sdk/v5/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// record is one to be made.
type record struct {
	// child is the resource's name below the component's, and with suffix one
	// that no other record name ever has.
	child, suffix string
	// kind is the type, name the whole DNS name.
	kind, name string
	// content is what it holds, but for those that have data.
	content pulumi.StringInput
	data    *cloudflare.RecordDataArgs
	// priority is that of an MX record.
	priority *int
	proxied  bool
	// alone are the types of which there may be no record of that name that is
	// not ours; ours are contents that may be there all the same.
	alone []string
	ours  []pulumi.StringOutput
	// text is what a record of type TXT begins with that ours cannot stand
	// beside; empty for any.
	text string
	// elsewhere says that a host writes the content once the record is there.
	elsewhere bool
}

// writer registers records.
type writer struct {
	ctx       *pulumi.Context
	name      string
	args      *Args
	parent    pulumi.Resource
	strangers *strangers
}

// write registers one record.
func (w *writer) write(r record) (*cloudflare.Record, error) {
	ttl := w.args.TTL
	if r.proxied {
		ttl = 1 // "automatic", the only one that Cloudflare takes here
	}
	args := &cloudflare.RecordArgs{
		ZoneId: pulumi.String(w.args.Zone.ID), Name: pulumi.String(r.name), Type: pulumi.String(r.kind),
		Ttl: pulumi.Int(ttl), Proxied: pulumi.Bool(r.proxied), Comment: pulumi.String(comment),
		Priority: pulumi.IntPtrFromPtr(r.priority),
	}
	if r.data != nil {
		args.Data = r.data
	} else {
		args.Content = r.content.ToStringOutput().ToStringPtrOutput()
	}
	hook, err := w.strangers.hook(r)
	if err != nil {
		return nil, err
	}
	// A record that was imported has no parent yet, and the name that it was
	// found under: with or without the zone's. Ours is told by the resource's.
	name, aliases := w.name+"-"+r.child, []pulumi.Alias{}
	if r.suffix != "" {
		aliases = append(aliases, pulumi.Alias{Name: pulumi.String(name)})
		name += "." + r.suffix
	}
	ignored := []string{"name"}
	if r.elsewhere {
		ignored = append(ignored, "content")
	}
	return cloudflare.NewRecord(w.ctx, name, args, pulumi.Parent(w.parent), hook,
		pulumi.Aliases(append(aliases, pulumi.Alias{NoParent: pulumi.Bool(true)})),
		pulumi.IgnoreChanges(ignored), pulumi.DeleteBeforeReplace(true))
}
