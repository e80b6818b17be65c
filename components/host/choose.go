package host

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Choice says which of several hosts is to be used, and for how long what runs
// there lives.
type Choice struct {
	// Hosts are asked in this order. They log in with one key.
	Hosts []*Host
	// Question is a command line that succeeds, as root, on a host that will do.
	Question string
	// Ask puts it; Ask of this package.
	Ask func(Login, string) error
	// After is known once there is somebody to ask.
	After pulumi.StringOutput
	// Identity changes when all that was run there is void.
	Identity pulumi.StringOutput
	// Life is the resource with whose deletion all that was run there goes.
	Life pulumi.Resource
	// Silent is for a choice that another one will tell of.
	Silent bool
}

// Choose returns a stand-in for the first host that will do, so that a dead one
// blocks nothing that another can do in its place. Whoever it is, is found out
// on every run, in previews too; where nobody will do it is the first, whose
// commands then fail and say why. Commands on the stand-in run again when it
// becomes another host.
func Choose(ctx *pulumi.Context, c Choice) *Host {
	first := c.Hosts[0]
	parts := []any{c.After, first.privateKey.ToStringOutput()}
	for _, h := range c.Hosts {
		parts = append(parts, h.PublicAddress, h.HostKey)
	}
	chosen := pulumi.Unsecret(pulumi.All(parts...).ApplyT(func(known []any) (Login, error) {
		logins := c.logins(known[1].(string), known[2:])
		return c.pick(logins, func(text string) error {
			if c.Silent {
				return nil
			}
			return ctx.Log.Warn(text, nil)
		})
	}))
	field := func(pick func(Login) string) pulumi.StringOutput {
		return chosen.ApplyT(func(login any) string { return pick(login.(Login)) }).(pulumi.StringOutput)
	}
	return &Host{
		PublicAddress: field(func(l Login) string { return l.Address }),
		HostKey:       field(func(l Login) string { return l.HostKey }),
		user:          field(func(l Login) string { return l.User }),
		port:          chosen.ApplyT(func(login any) float64 { return float64(login.(Login).Port) }).(pulumi.Float64Output),
		privateKey:    first.privateKey,
		identity:      c.Identity,
		machine:       c.Life,
		ready:         c.Life,
	}
}

// logins puts the addresses and host keys, in turn, to their hosts.
func (c Choice) logins(privateKey string, known []any) []Login {
	logins := make([]Login, len(c.Hosts))
	for i, h := range c.Hosts {
		logins[i] = Login{
			Name: h.Name, Address: known[2*i].(string), HostKey: known[2*i+1].(string),
			Port: h.Port, User: h.User, PrivateKey: privateKey,
		}
	}
	return logins
}

// pick asks one after the other; a second is asked only where the first will
// not do. The key does not go on with the answer.
func (c Choice) pick(logins []Login, warn func(string) error) (Login, error) {
	var refused []string
	chosen := logins[0]
	for _, l := range logins {
		err := c.Ask(l, c.Question)
		if err == nil {
			chosen = l
			break
		}
		refused = append(refused, fmt.Sprintf("%s: %s", l.Name, strings.ReplaceAll(err.Error(), "\n", ": ")))
	}
	chosen.PrivateKey = ""
	switch len(refused) {
	case 0:
		return chosen, nil
	case len(logins):
		return chosen, warn("no manager can be asked, so whatever is to be changed in the swarm will fail:\n" + strings.Join(refused, "\n"))
	default:
		return chosen, warn(fmt.Sprintf("the swarm is reached through %s, since %s", chosen.Name, strings.Join(refused, "; ")))
	}
}
