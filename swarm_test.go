package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"skep/internal/pulumitest"
)

func TestSwarmIsToldWhatHostsMayDo(t *testing.T) {
	config := shipped(t, "lab")
	config["skep:hosts"] = `[{"name":"node-1","id":1,"role":"manager"},{"name":"node-2","id":2,"role":"manager","availability":"drain"}]`
	config["skep:swarm"] = `{"epoch":2,"autolock":true,"force":["even-managers","remove:node-4","remove:node-3"]}`
	g := pulumitest.Run(t, world(config))
	settle := g.Named(t, commandToken, "swarm-settle")
	want := "swarm-node-1-node-id node-1 manager active host=node-1 ingress=true\nswarm-node-2-node-id node-2 manager drain host=node-2 ingress=true\n"
	if got := pulumitest.Text(settle, "stdin"); got != want {
		t.Errorf("the members are\n%swant\n%s", got, want)
	}
	if line := pulumitest.Text(settle, "create"); !strings.HasSuffix(line, "apply --epoch 2 --autolock yes --force node-3,node-4") {
		t.Errorf("the swarm is settled by %s", line)
	}
}

// A manager that the mesh has forgotten gives back no vote, and its tasks do not end.
func TestHostsLeaveTheSwarmBeforeTheMesh(t *testing.T) {
	config := shipped(t, "lab")
	config["skep:swarm"] = `{"force":["remove:node-4"]}`
	g := pulumitest.Run(t, world(config))
	release := g.Named(t, commandToken, "swarm-release")
	if got, want := pulumitest.Text(release, "stdin"), "node-1 manager\nnode-2 manager\nnode-3 manager\n"; got != want {
		t.Errorf("who stays is told as %q, want %q", got, want)
	}
	if line := pulumitest.Text(release, "create"); !strings.HasSuffix(line, "apply --release yes --force node-4") {
		t.Errorf("the swarm lets go by %s", line)
	}
	for _, host := range []string{"mesh-node-1", "mesh-node-2", "mesh-node-3"} {
		before := g.Named(t, commandToken, host).RegisterRPC.GetDependencies()
		if !slices.ContainsFunc(before, func(urn string) bool { return strings.HasSuffix(urn, "::swarm-release") }) {
			t.Errorf("%s does not wait for swarm-release: %v", host, before)
		}
	}
}

// Who is in the swarm is told to each host with its token, and to nobody else.
func TestHostsLearnWhichNodesAreLost(t *testing.T) {
	w := world(shipped(t, "lab"))
	w.Answers[commandToken] = func(name string, inputs resource.PropertyMap) resource.PropertyMap {
		if name == "swarm-admit" {
			return resource.PropertyMap{"stdout": resource.NewStringProperty("manager " + token + "-manager\nworker x\nlost id-9\n")}
		}
		return answerCommand(name, inputs)
	}
	g := pulumitest.Run(t, w)
	join := g.Named(t, commandToken, "swarm-node-2")
	if got, want := pulumitest.Text(join, "stdin"), token+"-manager\nlost id-9\n"; got != want {
		t.Errorf("stdin of the join = %q, want %q", got, want)
	}
}

// A machine stays what it was made as, but for one that is being replaced.
func TestReplacedDropletIsMadeAsConfigSays(t *testing.T) {
	t.Setenv(replaceVariable, "node-2")
	g := pulumitest.Run(t, world(shipped(t, "lab")))
	for name, want := range map[string]int{"node-1": 3, "node-2": 0} {
		if got := g.Named(t, dropletToken, name).RegisterRPC.GetIgnoreChanges(); len(got) != want {
			t.Errorf("%s ignores changes of %v", name, got)
		}
	}
}
