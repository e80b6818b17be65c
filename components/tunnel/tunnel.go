// Package tunnel brings visitors to hosts that have no open port: connectors on
// the swarm dial Cloudflare, and visitors come back on those connections.
package tunnel

import (
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-cloudflare/sdk/v5/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumix"

	"skep/components/dns"
	"skep/components/host"
	"skep/internal/compose"
	"skep/internal/keys"
)

const tunnelToken = "skep:tunnel:Tunnel"

// StackName is that of the connectors' stack, which no other may have.
const StackName = "tunnel"

// TokenKey is where the connectors' compose file takes the token from.
const TokenKey = "tunnel.token"

//go:embed compose.yaml
var composeText []byte

// File is the stack of the connectors.
func File() (*compose.File, error) {
	return compose.Parse("components/tunnel/compose.yaml", StackName, embed.FS{}, composeText, nil)
}

// Tunnel is a tunnel at Cloudflare.
type Tunnel struct {
	pulumi.ResourceState

	// CNAME is what routes point to.
	CNAME pulumi.StringOutput `pulumi:"cname"`
	// Token lets a connector in, a secret.
	Token pulumi.StringOutput
}

// Args describe a tunnel.
type Args struct {
	Zone *dns.Zone
	// Name is the tunnel's at Cloudflare, one of the account's.
	Name string
	// Hosts are the names of routes, Service is what they all lead to.
	Hosts   []string
	Service string
	// TLS says that Service has a certificate for each of them.
	TLS bool
	// Epoch counts the tunnel's secrets.
	Epoch int
}

func (a *Args) validate() error {
	if a.Zone == nil || a.Zone.AccountID == "" || a.Name == "" || a.Service == "" {
		return errors.New("tunnel: need Zone, Name and Service")
	}
	return nil
}

// New makes the tunnel and its routes. Connectors are a stack (File).
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Tunnel, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	t := &Tunnel{}
	if err := ctx.RegisterComponentResourceV2(tunnelToken, name, pulumi.Map{"service": pulumi.String(args.Service)}, t, opts...); err != nil {
		return nil, err
	}
	seed, err := host.NewSeed(ctx, name+"-seed", pulumi.Parent(t))
	if err != nil {
		return nil, err
	}
	secret := pulumix.ApplyErr(seed, func(text string) (string, error) {
		s, err := keys.ParseSeed(text)
		if err != nil {
			return "", err
		}
		return base64.StdEncoding.EncodeToString(s.TunnelSecret(args.Epoch)), nil
	})
	made, err := cloudflare.NewZeroTrustTunnelCloudflared(ctx, name+"-cloudflare", &cloudflare.ZeroTrustTunnelCloudflaredArgs{
		AccountId: pulumi.String(args.Zone.AccountID), Name: pulumi.String(args.Name), ConfigSrc: pulumi.String("cloudflare"),
		Secret: pulumi.ToSecret(pulumix.Cast[pulumi.StringOutput](secret)).(pulumi.StringOutput),
	}, pulumi.Parent(t), pulumi.DeleteBeforeReplace(true)) // one of a name
	if err != nil {
		return nil, err
	}
	// The provider removes the whole tunnel when its routes go, and then fails to
	// remove it once more: they go with it.
	_, err = cloudflare.NewZeroTrustTunnelCloudflaredConfig(ctx, name+"-routes", &cloudflare.ZeroTrustTunnelCloudflaredConfigArgs{
		AccountId: pulumi.String(args.Zone.AccountID), TunnelId: made.ID(), Config: args.routes(),
	}, pulumi.Parent(t), pulumi.RetainOnDelete(true))
	if err != nil {
		return nil, err
	}
	t.CNAME, t.Token = made.Cname, pulumi.ToSecret(made.TunnelToken).(pulumi.StringOutput)
	return t, ctx.RegisterResourceOutputs(t, pulumi.Map{"cname": t.CNAME})
}

// routes lead each host to the service, and any other nowhere.
func (a *Args) routes() *cloudflare.ZeroTrustTunnelCloudflaredConfigConfigArgs {
	var rules cloudflare.ZeroTrustTunnelCloudflaredConfigConfigIngressRuleArray
	for _, h := range slices.Compact(slices.Sorted(slices.Values(a.Hosts))) {
		rule := &cloudflare.ZeroTrustTunnelCloudflaredConfigConfigIngressRuleArgs{Hostname: pulumi.String(h), Service: pulumi.String(a.Service)}
		if a.TLS {
			// The certificate is for the route, not for the service's own name.
			// cloudflared knows Cloudflare's origin authority by itself.
			rule.OriginRequest = &cloudflare.ZeroTrustTunnelCloudflaredConfigConfigIngressRuleOriginRequestArgs{OriginServerName: pulumi.String(h)}
		}
		rules = append(rules, rule)
	}
	rules = append(rules, &cloudflare.ZeroTrustTunnelCloudflaredConfigConfigIngressRuleArgs{Service: pulumi.String("http_status:404")})
	return &cloudflare.ZeroTrustTunnelCloudflaredConfigConfigArgs{IngressRules: rules}
}

// Service is where a tunnel finds Traefik, by the tasks of its own stack.
func Service(stack string, tls bool) string {
	if tls {
		return fmt.Sprintf("https://tasks.%s_traefik:8443", stack)
	}
	return fmt.Sprintf("http://tasks.%s_traefik:8080", stack)
}
