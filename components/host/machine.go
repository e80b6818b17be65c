package host

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi-command/sdk/go/command/local"
	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ExistingArgs describe a machine that is there already: a board in a rack, a
// server rented elsewhere. Skep makes it ready and, on removal, leaves it as
// it can, but neither makes nor deletes it.
type ExistingArgs struct {
	// Address is where SSH and WireGuard reach it.
	Address netip.Addr
	// User logs in; one other than root needs sudo without a password.
	User string
	// Port is that of SSH.
	Port int
	// HostKey is the machine's Ed25519 host key, an authorized_keys line.
	HostKey string
}

// adopt takes a machine that exists.
func (h *Host) adopt(ctx *pulumi.Context, name string, args *ExistingArgs) error {
	h.User, h.Port = args.User, args.Port
	h.PublicAddress = pulumi.String(args.Address.String()).ToStringOutput()
	h.HostKey = pulumi.String(args.HostKey).ToStringOutput()
	// The host key is the machine: a board put in another's place has its own.
	h.identity = h.HostKey
	return h.registerFarewell(ctx, name, args)
}

// registerFarewell registers what undoes our work on the machine when it is
// taken out of config. It runs here and not over a remote command, because a
// remote command that cannot reach its host fails, and a dead machine would
// then block its own removal for ever.
func (h *Host) registerFarewell(ctx *pulumi.Context, name string, args *ExistingArgs) error {
	line := shellWords([]string{"bash", "components/host/farewell.sh", args.User, args.Address.String(), fmt.Sprint(args.Port), args.HostKey})
	farewell, err := local.NewCommand(ctx, name+"-farewell", &local.CommandArgs{
		Delete:                 pulumi.String(line),
		Stdin:                  h.privateKey.ToStringOutput(),
		Logging:                local.LoggingStderr,
		AddPreviousOutputInEnv: pulumi.Bool(false),
	}, pulumi.Parent(h), pulumi.AdditionalSecretOutputs([]string{"stdout", "stderr"}))
	if err != nil {
		return err
	}
	h.machine = farewell
	return nil
}

// commandOf is a command with plain data on stdin.
func commandOf(line, stdin string) *remote.CommandArgs {
	return &remote.CommandArgs{Create: pulumi.String(line), Stdin: pulumi.String(stdin)}
}
