package dns

import (
	_ "embed"

	"github.com/pulumi/pulumi-cloudflare/sdk/v5/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/host"
)

//go:embed address.sh
var addressText string

var address = host.Script{Name: "address", Text: addressText}

// Scripts are the host scripts of this package, for the host that Dynamic names.
func Scripts() []host.Script { return []host.Script{address} }

// nowhere is what a record holds until a host has written its address: one that
// nobody has (RFC 5737).
const nowhere = "192.0.2.1"

// Dynamic is a host that keeps a record at the address of its place.
type Dynamic struct {
	Host *host.Host
	// Token may edit the zone's records and nothing else, a secret: it lies on
	// the host.
	Token pulumi.StringInput
}

// keep has the host write the record from now on.
func (k *Dynamic) keep(ctx *pulumi.Context, name string, args *Args, record string, made *cloudflare.Record, d *DNS) error {
	_, err := k.Host.Run(ctx, name+"-address", host.RunArgs{
		Script: address, Args: []string{"--zone", args.Zone.ID, "--name", record}, Undo: true,
		Stdin: pulumi.ToSecret(k.Token).(pulumi.StringOutput),
	}, pulumi.Parent(d), pulumi.DependsOn([]pulumi.Resource{made}))
	return err
}
