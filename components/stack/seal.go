package stack

import (
	"fmt"
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/host"
	"skep/internal/compose"
	"skep/internal/keys"
	"skep/internal/secret"
)

// seal makes the values of the stack's secrets and the archive that its host
// script deploys. A stack without secrets has no seed, and its archive is plain
// text, so that a preview shows its lines.
func (s *Stack) seal(ctx *pulumi.Context, name string, args *Args) (pulumi.StringOutput, error) {
	if !args.File.HasSecrets() {
		s.values, s.Secrets = pulumi.StringMap{}.ToStringMapOutput(), pulumi.StringMap{}.ToStringMapOutput()
		archive, err := args.File.Archive(args.Rendering, compose.Sealed{Logins: args.Logins})
		out := pulumi.String(archive).ToStringOutput()
		if len(args.File.UsedLogins(args.Rendering, args.Logins)) > 0 {
			out = pulumi.ToSecret(out).(pulumi.StringOutput)
		}
		return out, err
	}
	seed, err := host.NewSeed(ctx, name+"-seed", pulumi.Parent(s))
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	given := pulumi.StringMap{}
	for key, value := range args.Given {
		given[key] = value
	}
	sources := []any{seed, given.ToStringMapOutput()}
	others := args.File.References()
	for _, other := range others {
		if args.Others[other] == nil {
			return pulumi.StringOutput{}, fmt.Errorf("stack %q: needs a secret of stack %q, which is not made yet", s.Name, other)
		}
		sources = append(sources, args.Others[other].values)
	}
	values := pulumi.All(sources...).ApplyT(func(all []any) (map[string]string, error) {
		parsed, err := keys.ParseSeed(all[0].(string))
		if err != nil {
			return nil, err
		}
		theirs := map[string]string{}
		for i, other := range others {
			for name, value := range all[i+2].(map[string]string) {
				theirs[other+"."+name] = value
			}
		}
		config := maps.Clone(all[1].(map[string]string))
		maps.Copy(config, args.Secrets)
		return args.File.SecretValues(secret.Sources{Seed: parsed, Config: config, Stacks: theirs})
	}).(pulumi.StringMapOutput)
	s.values = pulumi.ToSecret(values).(pulumi.StringMapOutput)
	sealed := func(all []any) compose.Sealed {
		return compose.Sealed{Seed: keys.Seed(all[0].(string)), Values: all[1].(map[string]string), Logins: args.Logins}
	}
	names := pulumi.All(seed, s.values).ApplyT(func(all []any) map[string]string { return args.File.SecretNames(sealed(all)) })
	s.Secrets = pulumi.Unsecret(names).(pulumi.StringMapOutput)
	archive := pulumi.All(seed, s.values).ApplyT(func(all []any) (string, error) { return args.File.Archive(args.Rendering, sealed(all)) })
	return pulumi.ToSecret(archive).(pulumi.StringOutput), nil
}
