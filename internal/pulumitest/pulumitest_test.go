package pulumitest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-command/sdk/go/command/local"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// recorder is a TB that keeps faults instead of failing.
type recorder struct {
	*testing.T
	faults []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...) }

type component struct{ pulumi.ResourceState }

func parent(ctx *pulumi.Context, name string) (pulumi.ResourceOption, error) {
	c := &component{}
	err := ctx.RegisterComponentResourceV2("test:index:Component", name, pulumi.Map{}, c)
	return pulumi.Parent(c), err
}

// A kit that lets a bad program pass would be worse than none.
func TestFaultsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		program func(ctx *pulumi.Context, under pulumi.ResourceOption) error
		want    string
	}{
		"orphan": {func(ctx *pulumi.Context, _ pulumi.ResourceOption) error {
			_, err := local.NewCommand(ctx, "a", &local.CommandArgs{})
			return err
		}, "no component parent"},
		"duplicate": {func(ctx *pulumi.Context, under pulumi.ResourceOption) error {
			for range 2 {
				if _, err := local.NewCommand(ctx, "a", &local.CommandArgs{}, under); err != nil {
					return err
				}
			}
			return nil
		}, "duplicate URN"},
		"plain secret": {func(ctx *pulumi.Context, under pulumi.ResourceOption) error {
			_, err := local.NewCommand(ctx, "a", &local.CommandArgs{Stdin: pulumi.String(Canary)}, under)
			return err
		}, "not marked"},
		"secret in a command line": {func(ctx *pulumi.Context, under pulumi.ResourceOption) error {
			line := pulumi.ToSecret(pulumi.String("login " + Canary)).(pulumi.StringOutput)
			_, err := local.NewCommand(ctx, "a", &local.CommandArgs{Create: line}, under)
			return err
		}, `passes a secret in "create"`},
		"fine": {func(ctx *pulumi.Context, under pulumi.ResourceOption) error {
			secret := pulumi.ToSecret(pulumi.String(Canary)).(pulumi.StringOutput)
			_, err := local.NewCommand(ctx, "a", &local.CommandArgs{Create: pulumi.String("read"), Stdin: secret}, under)
			return err
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{T: t}
			Run(r, Program{Run: func(ctx *pulumi.Context) error {
				under, err := parent(ctx, "p")
				if err != nil {
					return err
				}
				return c.program(ctx, under)
			}})
			found := strings.Join(r.faults, "\n")
			if c.want == "" && found != "" || !strings.Contains(found, c.want) {
				t.Errorf("faults are %q, want %q", found, c.want)
			}
		})
	}
}
