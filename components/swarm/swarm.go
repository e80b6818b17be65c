// Package swarm makes one Docker Swarm of the hosts, over their mesh addresses
// only.
package swarm

import (
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/host"
	"skep/components/mesh"
)

const swarmToken = "skep:swarm:Swarm"

var (
	//go:embed swarm-found.sh
	foundText string
	//go:embed swarm-admit.sh
	admitText string
	//go:embed swarm-join.sh
	joinText string
	//go:embed swarm-settle.sh
	settleText string
	//go:embed swarm-settle-nodes.sh
	nodesText string
	//go:embed swarm-settle-tasks.sh
	tasksText string
	//go:embed swarm-settle-keys.sh
	keysText string
)

var (
	found  = host.Script{Name: "swarm-found", Text: foundText}
	admit  = host.Script{Name: "swarm-admit", Text: admitText}
	join   = host.Script{Name: "swarm-join", Text: joinText}
	settle = host.Script{Name: "swarm-settle", Text: settleText, Parts: []host.Script{
		{Name: "nodes", Text: nodesText}, {Name: "tasks", Text: tasksText}, {Name: "keys", Text: keysText},
	}}
)

// settleLimit bounds the settling: of each host that goes, tasks may take five
// minutes to run elsewhere.
const settleLimit = 20 * time.Minute

// Scripts are the host scripts of this package: those of managers, or of workers.
func Scripts(manager bool) []host.Script {
	if !manager {
		return []host.Script{join}
	}
	return []host.Script{found, admit, join, settle}
}

// Swarm is the running swarm.
type Swarm struct {
	pulumi.ResourceState

	// ID is the swarm's own, the same for its whole life.
	ID pulumi.StringOutput `pulumi:"id"`

	// UnlockKey unlocks managers that start anew, a secret; empty without a lock.
	UnlockKey pulumi.StringOutput

	// Manager is on which commands to the swarm run: a manager that answers.
	Manager *host.Host
	settled pulumi.Resource

	name     string
	args     *Args
	released pulumi.Resource
}

// Args describe the swarm.
type Args struct {
	// Hosts are all nodes; at least one is a manager.
	Hosts []*host.Host
	// Pool is cut into the subnets of overlay networks.
	Pool netip.Prefix
	// MTU is the mesh's, in bytes; overlays take their own 50 off.
	MTU int
	// Ask puts a question to a manager; host.Ask.
	Ask func(host.Login, string) error
	// Encrypted lets Docker encrypt what Swarm's own overlay carries.
	Encrypted bool
	// Epoch counts the swarm's certificate authorities.
	Epoch int
	// Autolock lets managers that start anew wait for a key.
	Autolock bool
	// Anew founds another swarm, for when all managers are lost: the one time
	// that a change of what founded it counts.
	Anew bool
	// Leave names hosts that may go although tasks cannot go with them.
	Leave []string
}

func (a *Args) managers() []*host.Host {
	return slices.DeleteFunc(slices.Clone(a.Hosts), func(h *host.Host) bool { return !h.Manager })
}

func (a *Args) validate() error {
	if len(a.managers()) == 0 || !a.Pool.IsValid() || a.Ask == nil {
		return errors.New("swarm: need Pool, Ask and at least one Host that is a manager")
	}
	return nil
}

// New lets go of the nodes of hosts that are not there any more, which is before
// the mesh forgets them; Join does the rest.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Swarm, error) {
	if err := args.validate(); err != nil {
		return nil, err
	}
	s := &Swarm{name: name, args: args}
	if err := ctx.RegisterComponentResourceV2(swarmToken, name, pulumi.Map{"pool": pulumi.String(args.Pool.String())}, s, opts...); err != nil {
		return nil, err
	}
	return s, s.release(ctx)
}

// Join founds the swarm once, lets every host join over the mesh and then
// settles it: labels, roles, and new join tokens, so that the ones in the state
// are void.
func (s *Swarm) Join(ctx *pulumi.Context, network *mesh.Mesh) error {
	founded, err := s.found(ctx, network)
	if err != nil {
		return err
	}
	s.ID = pulumi.Unsecret(founded.Stdout).(pulumi.StringOutput)
	s.Manager = host.Choose(ctx, host.Choice{
		Hosts: s.args.managers(), Question: question, Ask: s.args.Ask, After: s.ID, Identity: s.ID, Life: founded,
	})
	tokens, err := s.admit(ctx)
	if err != nil {
		return err
	}
	if err := s.joinAll(ctx, network, tokens); err != nil {
		return err
	}
	return ctx.RegisterResourceOutputs(s, pulumi.Map{"id": s.ID})
}

// question is answered by a manager only, and only while a majority of them
// lives.
const question = "docker node ls --quiet"

// Settled is the resource after which the swarm can be used.
func (s *Swarm) Settled() pulumi.Resource { return s.settled }

// found makes the swarm on its first manager. It happens once in the life of
// the state: nothing that changes later, not even another machine in that
// host's place, may ever found a second swarm beside a living one.
func (s *Swarm) found(ctx *pulumi.Context, network *mesh.Mesh) (*remote.Command, error) {
	first := s.args.managers()[0]
	opts := []pulumi.ResourceOption{pulumi.Parent(s), pulumi.DependsOn([]pulumi.Resource{network.Up(first)})}
	if !s.args.Anew {
		opts = append(opts, pulumi.IgnoreChanges([]string{"create", "update", "delete", "stdin", "connection", "triggers"}))
	}
	return first.Run(ctx, s.name+"-found", host.RunArgs{
		Script: found,
		Args:   s.args.founding(first),
	}, opts...)
}

// founding are the options of the script that founds.
func (a *Args) founding(manager *host.Host) []string {
	words := []string{"--address", manager.Mesh.String(), "--pool", a.Pool.String(), "--mtu", strconv.Itoa(a.MTU)}
	if a.Encrypted {
		words = append(words, "--encrypted", "yes")
	}
	return words
}

// admit fetches join tokens. Its stdin names every machine, so that new tokens
// are made exactly when one is added or put in another's place; run again for
// another reason, such as another manager to ask, it answers as before.
func (s *Swarm) admit(ctx *pulumi.Context) (pulumi.StringOutput, error) {
	machines := pulumi.StringArray{}
	for _, h := range s.args.Hosts {
		machines = append(machines, pulumi.Sprintf("%s %s\n", h.Name, h.Identity))
	}
	command, err := s.Manager.Run(ctx, s.name+"-admit", host.RunArgs{
		Script: admit, Stdin: sortedLines(machines),
	}, pulumi.Parent(s))
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	return command.Stdout, nil
}

func (s *Swarm) joinAll(ctx *pulumi.Context, network *mesh.Mesh, tokens pulumi.StringOutput) error {
	name, args := s.name, s.args
	var addresses []string
	for _, m := range args.managers() {
		addresses = append(addresses, m.Mesh.String())
	}
	members := pulumi.StringArray{}
	for _, h := range args.Hosts {
		role := h.Role()
		command, err := h.Run(ctx, name+"-"+h.Name, host.RunArgs{
			Script: join,
			Args:   []string{"--address", h.Mesh.String(), "--managers", strings.Join(addresses, ","), "--role", role},
			Stdin:  pulumi.ToSecret(tokens.ApplyT(func(answer string) (string, error) { return ticket(answer, role) })).(pulumi.StringOutput),
		}, pulumi.Parent(s), pulumi.DependsOn([]pulumi.Resource{network.Up(h)}))
		if err != nil {
			return err
		}
		node := pulumi.Unsecret(command.Stdout).(pulumi.StringOutput)
		members = append(members, pulumi.Sprintf("%s %s %s %s %s\n", node, h.Name, role, h.Availability, strings.Join(labelsOf(h), " ")))
	}
	settled, err := s.Manager.Run(ctx, name+"-settle", host.RunArgs{
		Script: settle, Args: args.settling(), Stdin: sortedLines(members), Limit: settleLimit, Progress: true,
	}, pulumi.Parent(s))
	if err != nil {
		return err
	}
	s.settled, s.UnlockKey = settled, settled.Stdout
	return nil
}

// settling are the options of the script that settles.
func (a *Args) settling() []string {
	var words []string
	if a.Epoch > 0 {
		words = append(words, "--epoch", strconv.Itoa(a.Epoch))
	}
	if a.Autolock {
		words = append(words, "--autolock", "yes")
	}
	return append(words, a.forced()...)
}

// forced is the option that names hosts which may go with tasks.
func (a *Args) forced() []string {
	if len(a.Leave) == 0 {
		return nil
	}
	return []string{"--force", strings.Join(slices.Sorted(slices.Values(a.Leave)), ",")}
}

// labelsOf are a host's node labels, sorted. ingress is always there, so that
// a host that stops taking visitors loses it.
func labelsOf(h *host.Host) []string {
	labels := []string{fmt.Sprintf("ingress=%t", h.Ingress), "host=" + h.Name}
	for key, value := range h.Labels {
		labels = append(labels, key+"="+value)
	}
	slices.Sort(labels)
	return labels
}

// sortedLines joins lines in an order that does not depend on config's.
func sortedLines(lines pulumi.StringArray) pulumi.StringOutput {
	return lines.ToStringArrayOutput().ApplyT(func(all []string) string {
		return strings.Join(slices.Sorted(slices.Values(all)), "")
	}).(pulumi.StringOutput)
}
