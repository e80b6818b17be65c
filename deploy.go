package main

import (
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/mesh"
	"skep/components/stack"
	"skep/components/swarm"
	"skep/internal/compose"
)

// deploy is the whole story, top to bottom.
func deploy(ctx *pulumi.Context) error {
	config, err := loadConfig(ctx)
	if err != nil {
		return err
	}
	visitors, err := visitorRanges(ctx, config)
	if err != nil {
		return err
	}
	files, entrance, err := loadStacks(ctx, config, visitors)
	if err != nil {
		return err
	}
	if err := preflight(ctx, config); err != nil {
		return err
	}
	zone, err := findZone(ctx, config)
	if err != nil {
		return err
	}
	origin, err := newOrigin(ctx, config, zone, entrance.hosts())
	if err != nil {
		return err
	}
	access, err := newAccess(ctx, config)
	if err != nil {
		return err
	}
	cloud, err := newCloud(ctx, config, access)
	if err != nil {
		return err
	}
	hosts, err := newHosts(ctx, config, access, cloud, visitors)
	if err != nil {
		return err
	}
	nodes, err := swarm.New(ctx, "swarm", &swarm.Args{
		Hosts: hosts, Pool: config.Networks.Swarm, MTU: config.Mesh.MTU, Encrypted: config.meshless(),
		Ask: ask, Epoch: config.Swarm.Epoch, Autolock: config.Swarm.Autolock, Leave: config.Swarm.leaving(),
		Anew: os.Getenv(rebuildVariable) != "",
	})
	if err != nil {
		return err
	}
	network, err := mesh.New(ctx, "mesh", &mesh.Args{
		Network: config.Networks.Mesh, Port: config.Mesh.Port, MTU: config.Mesh.MTU, Epoch: config.Mesh.Epoch,
		Hosts: hosts, Peers: roamingPeers(config), Reach: reach(config), Userspace: config.Mesh.Userspace == "allow", Without: config.meshless(),
		After: []pulumi.Resource{nodes.Released()},
	})
	if err != nil {
		return err
	}
	if err := protect(ctx, config, cloud, hosts, network, visitors); err != nil {
		return err
	}
	if err := nodes.Join(ctx, network); err != nil {
		return err
	}
	if err := entrance.open(ctx, config, nodes, hosts); err != nil {
		return err
	}
	through, err := entrance.dig(ctx, config, zone, nodes)
	if err != nil {
		return err
	}
	stacks := map[string]*stack.Stack{}
	var routes []compose.Route
	for _, file := range files {
		stacks[file.Stack], err = stack.New(ctx, file.Stack, &stack.Args{
			File: file, Swarm: nodes, Rendering: config.rendering(),
			Secrets: config.Secrets, Logins: config.logins(), Others: stacks, URLs: entrance.urls(config, file.Stack), After: entrance.before(),
		})
		if err != nil {
			return err
		}
		routes = append(routes, file.Routes()...)
	}
	if err := entrance.publish(ctx, config, stacks, origin); err != nil {
		return err
	}
	names, err := newNames(ctx, config, zone, hosts, routes, through)
	if err != nil {
		return err
	}
	export(ctx, config, access, hosts, network, nodes, stacks, entrance)
	exportNames(ctx, names)
	return nil
}
