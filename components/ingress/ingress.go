// Package ingress lets visitors in: Traefik on every host that takes them, and
// the routes and certificates that it reads there. A new route restarts nothing.
package ingress

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/host"
	"skep/components/stack"
	"skep/components/swarm"
	"skep/internal/compose"
)

const ingressToken = "skep:ingress:Ingress"

//go:embed ingress.sh
var scriptText string

var script = host.Script{Name: "ingress", Text: scriptText}

// Scripts are the host scripts of this package.
func Scripts() []host.Script { return []host.Script{script} }

// Ingress is Traefik, running.
type Ingress struct {
	pulumi.ResourceState

	// Stack is that of Traefik and of the edge networks.
	Stack *stack.Stack

	args    *Args
	dynamic map[string]string
	issuer  *issuer
	hidden  map[string]pulumi.StringInput
}

// Hide adds a file for Traefik whose text is a secret: previews do not show it.
// It counts for what Publish writes.
func (i *Ingress) Hide(name string, text pulumi.StringInput) {
	if i.hidden == nil {
		i.hidden = map[string]pulumi.StringInput{}
	}
	i.hidden[name] = text
}

// Certificate is one that Traefik shows to visitors.
type Certificate struct {
	// Name is that of its files, in small letters. acme is not for use here.
	Name string
	// Chain and Key are PEM. Key is a secret.
	Chain, Key pulumi.StringInput
}

// Args describe the ingress.
type Args struct {
	// File is the stack of Traefik, from Traefik.File.
	File *compose.File
	// Rendering is what decides the rendered text beside it.
	Rendering compose.Rendering
	// Swarm is where it runs, Hosts are all of it.
	Swarm *swarm.Swarm
	Hosts []*host.Host
	// Logins are those of private registries, by host.
	Logins map[string]compose.Login
	// Files are routes as Traefik reads them, by the name of the file. They hold
	// no secrets: previews show them.
	Files map[string]string
}

func (a *Args) validate() error {
	if a.File == nil || a.Swarm == nil || len(a.Hosts) == 0 {
		return errors.New("ingress: need File, Swarm and Hosts")
	}
	return nil
}

// New starts Traefik, which knows of no route yet, and makes the edge networks
// that stacks are on.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Ingress, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	i := &Ingress{args: args, dynamic: maps.Clone(args.Files)}
	if i.dynamic == nil {
		i.dynamic = map[string]string{}
	}
	own, err := requests()
	if err != nil {
		return nil, err
	}
	i.dynamic[requestsFile] = own
	// In plain text, for previews to show line by line what changes for visitors.
	if err := ctx.RegisterComponentResourceV2(ingressToken, name, pulumi.Map{"files": shown(i.dynamic)}, i, opts...); err != nil {
		return nil, err
	}
	i.Stack, err = stack.New(ctx, StackName, &stack.Args{
		File: args.File, Swarm: args.Swarm, Rendering: args.Rendering, Logins: args.Logins,
	}, pulumi.Parent(i))
	if err != nil {
		return nil, err
	}
	return i, ctx.RegisterResourceOutputs(i, pulumi.Map{})
}

// shown are texts as a preview shows them by lines: a first line that is no YAML
// keeps Pulumi from showing a whole tree where a few lines have changed.
func shown(files map[string]string) pulumi.StringMap {
	out := pulumi.StringMap{}
	for name, text := range files {
		out[name] = pulumi.String(name + " as Traefik gets it\n" + text)
	}
	return out
}

// issuer is a script that keeps certificates on hosts by itself.
type issuer struct {
	script host.Script
	given  pulumi.StringInput
}

// issuerLimit is for an order, or for waiting until another host has it.
const issuerLimit = 20 * time.Minute

// Issue has Publish run a script on each host after it has written everything,
// with what it is given, a secret, as files below acme/ on stdin.
func (i *Ingress) Issue(script host.Script, given pulumi.StringInput) {
	i.issuer = &issuer{script, given}
}

// Publish writes routes and certificates on every host that takes visitors, once
// what they lead to runs. clientCA, PEM, is who signs those that may connect at
// all; empty lets everybody.
func (i *Ingress) Publish(ctx *pulumi.Context, name string, certificates []Certificate, clientCA pulumi.StringInput, after []pulumi.Resource) error {
	// Without undo, which would run after the apply where the command is replaced:
	// the base takes the folder away from a host that takes no visitors any more.
	run := host.RunArgs{Script: script, Stdin: i.stdin(certificates, clientCA)}
	if i.issuer != nil {
		run.Args, run.Limit = []string{"--acme", i.issuer.script.Path()}, issuerLimit
	}
	for _, h := range i.args.Hosts {
		if !h.Ingress {
			continue
		}
		_, err := h.Run(ctx, fmt.Sprintf("%s-%s", name, h.Name), run,
			pulumi.Parent(i), pulumi.DependsOn(append([]pulumi.Resource{i.Stack.Deployed()}, after...)))
		if err != nil {
			return err
		}
	}
	return nil
}

// stdin is the archive, a secret where it holds a key.
func (i *Ingress) stdin(certificates []Certificate, clientCA pulumi.StringInput) pulumi.StringOutput {
	if clientCA == nil {
		clientCA = pulumi.String("")
	}
	var given pulumi.StringInput = pulumi.String("")
	if i.issuer != nil {
		given = i.issuer.given
	}
	values := []any{clientCA, given}
	for _, c := range certificates {
		values = append(values, c.Chain, c.Key)
	}
	names := slices.Sorted(maps.Keys(i.hidden))
	for _, name := range names {
		values = append(values, i.hidden[name])
	}
	text := pulumi.All(values...).ApplyT(func(all []any) (string, error) {
		texts := maps.Clone(i.dynamic)
		for n, name := range names {
			texts[name] = all[2+2*len(certificates)+n].(string)
		}
		var pairs []pair
		for n, c := range certificates {
			pairs = append(pairs, pair{c.Name, all[2+2*n].(string), all[3+2*n].(string)})
		}
		return packed(texts, pairs, all[0].(string), all[1].(string))
	}).(pulumi.StringOutput)
	if len(certificates)+len(names) == 0 && i.issuer == nil {
		return text
	}
	return pulumi.ToSecret(text).(pulumi.StringOutput)
}
