package tunnel

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/dns"
	"skep/internal/compose"
	"skep/internal/keys"
	"skep/internal/pulumitest"
)

// The connectors' own file must pass what everybody's must, without a waiver.
func TestFileIsSound(t *testing.T) {
	file, err := File()
	if err != nil {
		t.Fatal(err)
	}
	notes, err := compose.Check([]*compose.File{file}, compose.World{Secrets: []string{TokenKey}})
	if err != nil {
		t.Fatal(err)
	}
	for _, note := range notes {
		t.Log(note)
	}
	if _, err := file.Render(compose.Rendering{MTU: 1420}); err != nil {
		t.Error(err)
	}
}

func run(t *testing.T, args Args) *pulumitest.Graph {
	t.Helper()
	args.Zone = &dns.Zone{Name: "example.org", ID: "zone-id", AccountID: "account-id"}
	return pulumitest.Run(t, pulumitest.Program{
		Run: func(ctx *pulumi.Context) error {
			made, err := New(ctx, "tunnel", &args)
			if err != nil {
				return err
			}
			ctx.Export("token", made.Token)
			return nil
		},
		Answers: map[string]pulumitest.Answer{
			"random:index/randomPassword:RandomPassword": func(string, resource.PropertyMap) resource.PropertyMap {
				seed := pulumitest.Canary + " seed of the tunnel, forty-four letters"
				for len(seed) < keys.SeedLen {
					seed += "."
				}
				return resource.PropertyMap{"result": resource.MakeSecret(resource.NewStringProperty(seed))}
			},
		},
	})
}

const (
	cloudflareToken = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared"
	routesToken     = "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig"
)

func TestTunnel(t *testing.T) {
	args := Args{Name: "skep-test", Hosts: []string{"www.example.org", "a.example.org", "www.example.org"}, Service: Service("ingress", true), TLS: true}
	g := run(t, args)
	made := g.Named(t, cloudflareToken, "tunnel-cloudflare")
	if raw, err := base64.StdEncoding.DecodeString(pulumitest.Text(made, "secret")); err != nil || len(raw) != 32 || !pulumitest.Secret(made, "secret") {
		t.Errorf("the tunnel's secret is no secret of 32 bytes: %v", err)
	}
	if pulumitest.Text(run(t, args).Named(t, cloudflareToken, "tunnel-cloudflare"), "secret") != pulumitest.Text(made, "secret") {
		t.Error("the second run has another secret, which would replace the tunnel")
	}
	raised := args
	raised.Epoch = 1
	if pulumitest.Text(run(t, raised).Named(t, cloudflareToken, "tunnel-cloudflare"), "secret") == pulumitest.Text(made, "secret") {
		t.Error("the next epoch has the same secret")
	}
	routes := g.Named(t, routesToken, "tunnel-routes")
	if !routes.RegisterRPC.GetRetainOnDelete() {
		t.Error("the provider would remove the tunnel twice")
	}
	rule := func(host string) map[string]any {
		return map[string]any{
			"hostname": host, "service": "https://tasks.ingress_traefik:8443", "originRequest": map[string]any{"originServerName": host},
		}
	}
	want := []any{rule("a.example.org"), rule("www.example.org"), map[string]any{"service": "http_status:404"}}
	got := routes.Inputs["config"].ObjectValue()["ingressRules"].Mappable()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if len(g.Resources) != 4 {
		t.Errorf("%d resources, want 4: the component, its seed, the tunnel and its routes", len(g.Resources))
	}
}
