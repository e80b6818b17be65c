package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"skep/internal/pulumitest"
)

// inputBytes is what resources were given. The state holds it twice, since what
// a resource keeps has all that it was given.
func inputBytes(t *testing.T, inputs resource.PropertyMap) int {
	t.Helper()
	encoded, err := plugin.MarshalProperties(inputs, plugin.MarshalOptions{KeepSecrets: true, KeepUnknowns: true, KeepOutputValues: true})
	if err != nil {
		t.Fatal(err)
	}
	text, err := encoded.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return len(text)
}

// A host more makes the state larger by what belongs to that host, and by a
// line or two in the mesh of each other.
func TestStateGrowsWithHosts(t *testing.T) {
	config := shipped(t, "lab")
	measured := map[int]struct{ mesh, rest int }{}
	for _, count := range []int{10, 50, 100} {
		hosts := []string{`{"name":"m-1","id":1,"role":"manager"}`}
		for id := 2; id <= count; id++ {
			hosts = append(hosts, fmt.Sprintf(`{"name":"w-%d","id":%d}`, id, id))
		}
		config["skep:hosts"] = "[" + strings.Join(hosts, ",") + "]"
		sum := measured[count]
		for _, r := range pulumitest.Run(t, world(config)).Resources {
			size := inputBytes(t, r.Inputs)
			if strings.HasPrefix(r.Name, "mesh-") {
				sum.mesh += size
			} else {
				sum.rest += size
			}
		}
		measured[count] = sum
		t.Logf("%d hosts: %d KB, of which %d KB are the mesh's", count, (sum.mesh+sum.rest)/1000, sum.mesh/1000)
	}
	first := (measured[50].rest - measured[10].rest) / 40
	last := (measured[100].rest - measured[50].rest) / 50
	t.Logf("a worker more: %d bytes and, in the mesh of each host, %d", last, (measured[100].mesh-measured[50].mesh)/(100*100-50*50))
	if last > first+first/50 || last > 40_000 {
		t.Errorf("a worker costs %d bytes among 50 hosts and %d among 100, want the same, and at most 40,000", first, last)
	}
	if pair := measured[100].mesh / (100 * 99); pair > 240 {
		t.Errorf("a host costs %d bytes in the mesh of each other, want 240 at most", pair)
	}
}
