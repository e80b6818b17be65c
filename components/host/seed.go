package host

import (
	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/internal/keys"
)

// NewSeed draws a secret from which keys derive, once; it lives in encrypted
// state. It is a RandomPassword and not RandomBytes, because the latter's id is
// its value, and ids stand in state and previews in plain text.
func NewSeed(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) (pulumi.StringOutput, error) {
	seed, err := random.NewRandomPassword(ctx, name, &random.RandomPasswordArgs{
		Length:  pulumi.Int(keys.SeedLen),
		Special: pulumi.Bool(false),
	}, opts...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	return pulumi.ToSecret(seed.Result).(pulumi.StringOutput), nil
}
