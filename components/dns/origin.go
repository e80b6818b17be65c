package dns

import (
	"errors"

	"github.com/pulumi/pulumi-cloudflare/sdk/v5/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumix"

	"skep/components/host"
	"skep/internal/keys"
	"skep/internal/origin"
)

const originToken = "skep:dns:Origin"

const (
	// validity is the longest that Cloudflare gives, in days. Nobody but its
	// proxies trusts this certificate, and they ask it whether the certificate
	// is revoked: a shorter one would end nothing but the service of whoever has
	// not run `pulumi up` for a while.
	validity = 5475
	// renewal is how many days before its end a run orders the next one.
	renewal = 365
)

// Origin is what origins show Cloudflare's proxies, and how they know them.
type Origin struct {
	pulumi.ResourceState

	// Names are those of the certificate, none where it is not from Cloudflare.
	Names []string
	// Chain is the certificate that origins show, PEM. Only Cloudflare trusts it.
	Chain pulumi.StringOutput `pulumi:"chain"`
	// ExpiresOn is its end.
	ExpiresOn pulumi.StringOutput `pulumi:"expiresOn"`
	// Key is the certificate's, PEM, a secret.
	Key pulumi.StringOutput
	// ClientCA are the authorities, PEM, one of which a visitor's certificate
	// must be signed by, or empty where none is asked for.
	ClientCA pulumi.StringOutput
}

// OriginArgs describe an origin certificate.
type OriginArgs struct {
	Zone *Zone
	// Names are those of the certificate (origin.Names); none where others sign
	// for the origins.
	Names []string
	// Epoch counts the keys.
	Epoch int
	// Pulls makes the proxies of the zone show a certificate of ours.
	Pulls bool
}

func (a *OriginArgs) validate() error {
	if a.Zone == nil || len(a.Names) == 0 && !a.Pulls {
		return errors.New("origin: need Zone, and Names or Pulls")
	}
	return nil
}

// NewOrigin orders the certificate of the origins, and has Cloudflare's proxies
// show them one of ours, whichever is asked for.
func NewOrigin(ctx *pulumi.Context, name string, args *OriginArgs, opts ...pulumi.ResourceOption) (*Origin, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	none := pulumi.String("").ToStringOutput()
	o := &Origin{Names: args.Names, Chain: none, ExpiresOn: none, Key: none, ClientCA: none}
	inputs := pulumi.Map{"names": pulumi.ToStringArray(args.Names), "epoch": pulumi.Int(args.Epoch)}
	if err := ctx.RegisterComponentResourceV2(originToken, name, inputs, o, opts...); err != nil {
		return nil, err
	}
	seed, err := host.NewSeed(ctx, name+"-seed", pulumi.Parent(o))
	if err != nil {
		return nil, err
	}
	if len(args.Names) > 0 {
		if err := o.order(ctx, name, args, seed); err != nil {
			return nil, err
		}
	}
	if args.Pulls {
		if err := o.pull(ctx, name, args, seed); err != nil {
			return nil, err
		}
	}
	return o, ctx.RegisterResourceOutputs(o, pulumi.Map{"chain": o.Chain, "expiresOn": o.ExpiresOn})
}

// order makes the certificate that origins show.
func (o *Origin) order(ctx *pulumi.Context, name string, args *OriginArgs, seed pulumi.StringOutput) error {
	made := pulumix.ApplyErr(seed, func(text string) (origin.Pair, error) {
		s, err := keys.ParseSeed(text)
		if err != nil {
			return origin.Pair{}, err
		}
		return origin.Request(s, args.Epoch, args.Names)
	})
	certificate, err := cloudflare.NewOriginCaCertificate(ctx, name+"-certificate", &cloudflare.OriginCaCertificateArgs{
		Csr: public(made), Hostnames: pulumi.ToStringArray(args.Names), RequestType: pulumi.String("origin-ecc"),
		RequestedValidity: pulumi.Int(validity), MinDaysForRenewal: pulumi.Int(renewal),
	}, pulumi.Parent(o))
	if err != nil {
		return err
	}
	o.Chain, o.ExpiresOn, o.Key = certificate.Certificate, certificate.ExpiresOn, private(made)
	return nil
}

// pull uploads the certificate that proxies show, and has them show it. Origins
// may demand it only then, so their authority waits for that.
func (o *Origin) pull(ctx *pulumi.Context, name string, args *OriginArgs, seed pulumi.StringOutput) error {
	client := pulumix.ApplyErr(seed, func(text string) (origin.Client, error) {
		s, err := keys.ParseSeed(text)
		if err != nil {
			return origin.Client{}, err
		}
		return origin.NewClient(s, args.Epoch)
	})
	pair := pulumix.Apply(client, func(c origin.Client) origin.Pair { return c.Pair })
	uploaded, err := cloudflare.NewAuthenticatedOriginPullsCertificate(ctx, name+"-client", &cloudflare.AuthenticatedOriginPullsCertificateArgs{
		ZoneId: pulumi.String(args.Zone.ID), Type: pulumi.String("per-zone"), Certificate: public(pair), PrivateKey: private(pair),
	}, pulumi.Parent(o))
	if err != nil {
		return err
	}
	pulls, err := cloudflare.NewAuthenticatedOriginPulls(ctx, name+"-pulls", &cloudflare.AuthenticatedOriginPullsArgs{
		ZoneId: pulumi.String(args.Zone.ID), AuthenticatedOriginPullsCertificate: uploaded.ID(), Enabled: pulumi.Bool(true),
	}, pulumi.Parent(o))
	if err != nil {
		return err
	}
	authority := pulumix.Apply2(client, pulumix.Output[pulumi.ID](pulls.ID()), func(c origin.Client, _ pulumi.ID) string { return c.Authorities })
	o.ClientCA = pulumi.Unsecret(pulumix.Cast[pulumi.StringOutput](authority)).(pulumi.StringOutput)
	return nil
}

// public is the half of a pair that everybody may see.
func public(pair pulumix.Output[origin.Pair]) pulumi.StringOutput {
	text := pulumix.Cast[pulumi.StringOutput](pulumix.Apply(pair, func(p origin.Pair) string { return p.Public }))
	return pulumi.Unsecret(text).(pulumi.StringOutput)
}

// private is the other half, a secret.
func private(pair pulumix.Output[origin.Pair]) pulumi.StringOutput {
	text := pulumix.Cast[pulumi.StringOutput](pulumix.Apply(pair, func(p origin.Pair) string { return p.Key }))
	return pulumi.ToSecret(text).(pulumi.StringOutput)
}
