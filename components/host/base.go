package host

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/internal/firewall"
	"skep/internal/toolbox"
)

//go:embed base.sh
var baseText string

//go:embed base-packages.sh
var basePackagesText string

//go:embed base-admin.sh
var baseAdminText string

//go:embed base-ssh.sh
var baseSSHText string

//go:embed base-kernel.sh
var baseKernelText string

//go:embed base-logs.sh
var baseLogsText string

//go:embed base-time.sh
var baseTimeText string

//go:embed base-engine.sh
var baseEngineText string

//go:embed base-prune.sh
var basePruneText string

//go:embed base-upgrades.sh
var baseUpgradesText string

//go:embed base-ranges.sh
var baseRangesText string

//go:embed base-ingress.sh
var baseIngressText string

// base runs baseParts in their order, as one command.
var base = Script{Name: "base", Text: baseText}

// baseParts are what the base consists of. Each can be applied, checked and
// undone by itself.
var baseParts = []Script{
	{Name: "base-packages", Text: basePackagesText},
	{Name: "base-admin", Text: baseAdminText},
	{Name: "base-ssh", Text: baseSSHText},
	{Name: "base-kernel", Text: baseKernelText},
	{Name: "base-logs", Text: baseLogsText},
	{Name: "base-time", Text: baseTimeText},
	{Name: "base-engine", Text: baseEngineText},
	{Name: "base-prune", Text: basePruneText},
	{Name: "base-upgrades", Text: baseUpgradesText},
	{Name: "base-ranges", Text: baseRangesText},
	{Name: "base-ingress", Text: baseIngressText},
}

// baseLimit bounds the base's time on a host: a first run may install an engine
// over a slow line.
const baseLimit = 9 * time.Minute

// Upgrades say when a host may be upgraded, and whether it may reboot then.
type Upgrades struct {
	// At is a time of day, UTC, as HH:MM.
	At string
	// Reboot allows it.
	Reboot bool
}

// prepare brings the toolbox and applies the base. Everything else that runs
// on the host comes after it.
func (h *Host) prepare(ctx *pulumi.Context, name string, args *Args) error {
	policy := args.Firewall
	policy.SSHPort = h.Port
	table, err := policy.Table()
	if err != nil {
		return fmt.Errorf("host %q: %w", h.Name, err)
	}
	h.table = firewall.Digest(table)
	archive, err := args.Toolbox.Archive(toolbox.File(ToolboxDir+"/firewall.nft", table))
	if err != nil {
		return fmt.Errorf("host %q: %w", h.Name, err)
	}
	run := shellWords(append([]string{"bash", base.Path(), "apply"}, h.baseOptions(args)...))
	command, err := h.command(ctx, name+"-base", commandOf(rootLine(h.User, baseLimit)+" bash -c "+shellWords([]string{installLine(run)}), archive),
		[]pulumi.ResourceOption{pulumi.Parent(h), pulumi.DependsOn([]pulumi.Resource{h.machine})})
	if err != nil {
		return err
	}
	h.ready = command
	return nil
}

// baseOptions are the words after `base.sh apply`.
func (h *Host) baseOptions(args *Args) []string {
	options := []string{"--undo", undo.Path(), "--firewall", firewallKeep.Path()}
	for _, part := range baseParts {
		options = append(options, "--part", part.Path())
	}
	options = append(options,
		"--docker-pool", args.Docker.String(),
		"--bridge-mtu", fmt.Sprint(args.MTU),
		"--maintenance", args.Upgrades.At,
		"--reboot", map[bool]string{true: "yes", false: "no"}[args.Upgrades.Reboot],
		"--admins", joinPrefixes(args.Admins),
		"--login", h.User,
		"--ssh-port", fmt.Sprint(h.Port))
	if port := args.Firewall.MeshPort; port > 0 {
		options = append(options, "--mesh-port", fmt.Sprint(port))
	}
	if args.RangesURL != "" {
		options = append(options, "--ranges", args.RangesURL)
	}
	if args.Ingress {
		options = append(options, "--ingress", "yes")
	}
	if args.EngineVersion != "" {
		options = append(options, "--engine-version", args.EngineVersion)
	}
	if args.Droplet != nil {
		// The key of the first connection, and who logs in, are ours; a machine
		// that exists keeps all it has.
		options = append(options, "--drop-host-key", "/etc/ssh/ssh_host_ecdsa_key", "--admin", AdminUser)
	}
	return options
}

func joinPrefixes(prefixes []netip.Prefix) string {
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = p.String()
	}
	return strings.Join(texts, ",")
}
