package swarm

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/host"
)

// release takes hosts that are gone from config out of a swarm that there is
// already: a manager that nobody reaches any more gives back no vote, and tasks
// on a host that nobody reaches do not end. Whoever speaks for the swarm is asked
// by the hosts' addresses alone, since its id comes later.
func (s *Swarm) release(ctx *pulumi.Context) error {
	managers := s.args.managers()
	var bases []pulumi.Resource
	names := pulumi.StringArray{}
	for _, h := range s.args.Hosts {
		names = append(names, pulumi.Sprintf("%s %s\n", h.Name, h.Role()))
	}
	for _, h := range managers {
		bases = append(bases, h.Base())
	}
	constant := pulumi.String("").ToStringOutput()
	speaker := host.Choose(ctx, host.Choice{
		Hosts: managers, Question: question, Ask: s.args.Ask, After: constant, Identity: constant, Life: bases[0], Silent: true,
	})
	var err error
	s.released, err = speaker.Run(ctx, s.name+"-release", host.RunArgs{
		Script: settle, Args: append([]string{"--release", "yes"}, s.args.forced()...), Stdin: sortedLines(names), Limit: settleLimit, Progress: true,
	}, pulumi.Parent(s), pulumi.DependsOn(bases))
	return err
}

// Released is the resource after which nobody needs the hosts that go.
func (s *Swarm) Released() pulumi.Resource { return s.released }
