// Package stack runs one compose file on the swarm and waits until it runs.
package stack

import (
	"errors"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/host"
	"skep/components/swarm"
	"skep/internal/compose"
)

const stackToken = "skep:stack:Stack"

// Stack is a deployed compose file.
type Stack struct {
	pulumi.ResourceState

	// URLs are where the stack's routes answer.
	URLs pulumi.StringArrayOutput `pulumi:"urls"`
	// Secrets are the swarm's names of the stack's secrets. A name changes with
	// its value.
	Secrets pulumi.StringMapOutput `pulumi:"secrets"`

	// Name is the stack's, Services are read from its file.
	Name     string
	Services []string

	values   pulumi.StringMapOutput
	deployed pulumi.Resource
}

// Deployed is the resource after which the stack runs.
func (s *Stack) Deployed() pulumi.Resource { return s.deployed }

// Secret is the value of one of the stack's secrets.
func (s *Stack) Secret(name string) pulumi.StringOutput {
	return s.values.MapIndex(pulumi.String(name))
}

// Args describe a stack.
type Args struct {
	// File is the compose file.
	File *compose.File
	// Rendering is what decides the rendered text beside it.
	Rendering compose.Rendering
	// Swarm is where it runs.
	Swarm *swarm.Swarm
	// Secrets are the encrypted config's values, by key.
	Secrets map[string]string
	// Given are more of them that are known only once other resources are.
	Given map[string]pulumi.StringInput
	// Logins are those of private registries, by host.
	Logins map[string]compose.Login
	// Others are the stacks made before, whose secrets this one may use.
	Others map[string]*Stack
	// URLs are where it is reached from outside.
	URLs []string
	// After are what must be there before it, such as networks of others.
	After []pulumi.Resource
}

// New deploys the stack; it fails when the stack does not come to run.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Stack, error) {
	if args.File == nil || args.Swarm == nil {
		return nil, errors.New("stack: need File and Swarm")
	}
	rendered, err := args.File.Render(args.Rendering)
	if err != nil {
		return nil, err
	}
	s := &Stack{Name: args.File.Stack, Services: args.File.Services()}
	// What is to be deployed is an input in plain text, for previews to show line
	// by line. Names of secrets are no input but an output: they come from the
	// seed, which is this resource's child.
	inputs := pulumi.Map{"stack": pulumi.String(s.Name), "compose": pulumi.String(rendered), "configs": pulumi.ToStringMap(args.File.Contents())}
	if err := ctx.RegisterComponentResourceV2(stackToken, name, inputs, s, opts...); err != nil {
		return nil, err
	}
	stdin, err := s.seal(ctx, name, args)
	if err != nil {
		return nil, err
	}
	s.deployed, err = args.Swarm.Manager.Run(ctx, name+"-deploy", host.RunArgs{
		Script: script, Args: scriptArgs(args.File), Stdin: stdin, Undo: true, Limit: deployLimit, Progress: true,
	}, pulumi.Parent(s), pulumi.DependsOn(append([]pulumi.Resource{args.Swarm.Settled()}, args.After...)))
	if err != nil {
		return nil, err
	}
	s.URLs = pulumi.ToStringArray(args.URLs).ToStringArrayOutput()
	return s, ctx.RegisterResourceOutputs(s, pulumi.Map{"urls": s.URLs, "secrets": s.Secrets})
}

// scriptArgs name the stack, and the volumes that go with it.
func scriptArgs(file *compose.File) []string {
	args := []string{file.Stack}
	if volumes := file.DeleteVolumes(); len(volumes) > 0 {
		args = append(append(args, "--delete-volumes"), volumes...)
	}
	return args
}
