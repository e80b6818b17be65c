package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/host"
	"skep/components/mesh"
	"skep/components/stack"
	"skep/components/swarm"
)

// export gives the stack's outputs, which every script reads. docs/reference.md
// lists them.
func export(ctx *pulumi.Context, c *Config, a access, hosts []*host.Host, network *mesh.Mesh, nodes *swarm.Swarm, stacks map[string]*stack.Stack, e *entrance) {
	ctx.Export("domain", pulumi.String(c.Domain))
	ctx.Export("hosts", hostsOutput(hosts, network))
	ctx.Export("mesh", pulumi.Map{"mtu": pulumi.Int(c.Mesh.MTU)})
	ctx.Export("swarm", swarmOutput(hosts, nodes))
	services := pulumi.Map{}
	for name, s := range stacks {
		services[name] = pulumi.Map{"urls": s.URLs, "services": pulumi.ToStringArray(s.Services), "secrets": s.Secrets}
	}
	ctx.Export("stacks", services)
	ctx.Export("peers", network.Peers)
	if e.ca != (pulumi.StringOutput{}) {
		ctx.Export("ca", e.ca)
	}
	if c.Swarm.Autolock {
		ctx.Export("unlockKey", pulumi.ToSecret(nodes.UnlockKey))
	}
	if !c.HasSSHKey {
		ctx.Export("sshPrivateKey", pulumi.ToSecret(a.privateKey))
	}
}

func hostsOutput(hosts []*host.Host, network *mesh.Mesh) pulumi.Map {
	out := pulumi.Map{}
	for _, h := range hosts {
		out[h.Name] = pulumi.Map{
			"publicAddress": h.PublicAddress,
			"meshAddress":   pulumi.String(h.Mesh.String()),
			"user":          pulumi.String(h.User),
			"port":          pulumi.Int(h.Port),
			"hostKey":       h.HostKey,
			"role":          pulumi.String(h.Role()),
			"availability":  pulumi.String(h.Availability),
			"ingress":       pulumi.Bool(h.Ingress),
			"labels":        pulumi.ToStringMap(h.Labels),
			"wireguard":     network.Backend(h),
		}
	}
	return out
}

func swarmOutput(hosts []*host.Host, nodes *swarm.Swarm) pulumi.Map {
	members := map[string][]string{"manager": {}, "worker": {}}
	for _, h := range hosts {
		members[h.Role()] = append(members[h.Role()], h.Name)
	}
	return pulumi.Map{
		"id":       nodes.ID,
		"managers": pulumi.ToStringArray(members["manager"]),
		"workers":  pulumi.ToStringArray(members["worker"]),
	}
}
