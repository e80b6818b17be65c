// Package acme gets the certificates of ingress hosts from an ACME authority, by
// DNS challenges, with one order for all of them.
package acme

import (
	_ "embed"
	"errors"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/host"
	"skep/internal/acme"
	"skep/internal/keys"
)

//go:embed acme.sh
var scriptText string

//go:embed acme-bundle.sh
var bundleText string

//go:embed acme-order.sh
var orderText string

//go:embed acme-dns.sh
var dnsText string

// Script keeps the certificate on a host. It reads Given on stdin; nothing there
// takes away what it made before.
var Script = host.Script{Name: "acme", Text: scriptText, Parts: []host.Script{
	{Name: "bundle", Text: bundleText},
	{Name: "order", Text: orderText},
	{Name: "dns", Text: dnsText},
}}

// Scripts are the host scripts of this package.
func Scripts() []host.Script { return []host.Script{Script} }

// Args say what to get, and where.
type Args struct {
	// Order is what everybody may know of it.
	Order acme.Order
	// Token may write DNS records at Cloudflare. It is a secret.
	Token string
	// Seed is what the account's key derives from, and the one that certificates
	// are encrypted with on their way through the swarm.
	Seed pulumi.StringOutput
}

// Given is the script's stdin, a secret.
func Given(args Args) (pulumi.StringOutput, error) {
	if args.Token == "" || len(args.Order.Names) == 0 {
		return pulumi.StringOutput{}, errors.New("acme: need Token and at least one name")
	}
	text := args.Seed.ApplyT(func(seed string) (string, error) {
		parsed, err := keys.ParseSeed(seed)
		if err != nil {
			return "", err
		}
		return args.Order.Archive(parsed, args.Token)
	}).(pulumi.StringOutput)
	return pulumi.ToSecret(text).(pulumi.StringOutput), nil
}
