package digitalocean

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// TestCheckAsRecorded gives what the engine asked the official provider in a
// recorded test of its own (TestProviderUpgrade/index_droplet) and wants the
// same answers, down to the automatic names that come of the seed.
func TestCheckAsRecorded(t *testing.T) {
	for _, test := range []struct {
		kind, name, seed string
		news, want       m
	}{
		{"Vpc", "vpc", "KPFS3JppdHxVNWvXvksTsST05+6EWXmnbzbzZ8xpZAs=",
			m{"region": "nyc3"},
			m{"__defaults": list{"name"}, "name": "vpc-7146427", "region": "nyc3"}},
		{"SshKey", "sshKey", "jGq679E8IWdHq1+wlKrCPTJAcReRodle+EePMPvvW84=",
			m{"publicKey": testKey},
			m{"__defaults": list{"name"}, "name": "sshKey-fa02fa0", "publicKey": testKey}},
		{"Droplet", "myDroplet", "9uVLaiRbS2NeUYzNERY908jcocU0v7GkKx5hVnH1+Bw=",
			m{"image": "ubuntu-24-04-x64", "monitoring": true, "region": "nyc3", "size": "s-1vcpu-1gb", "sshKeys": list{testFingerprint}},
			m{
				"__defaults": list{"backups", "gracefulShutdown", "ipv6", "name", "resizeDisk"},
				"backups":    false, "gracefulShutdown": false, "image": "ubuntu-24-04-x64", "ipv6": false, "monitoring": true,
				"name": "myDroplet-22ad87f", "region": "nyc3", "resizeDisk": true, "size": "s-1vcpu-1gb", "sshKeys": list{testFingerprint},
			}},
	} {
		w := newWorld(t)
		seed, err := base64.StdEncoding.DecodeString(test.seed)
		if err != nil {
			t.Fatal(err)
		}
		news, err := structpb.NewStruct(test.news)
		if err != nil {
			t.Fatal(err)
		}
		out, err := w.server.Check(t.Context(), &pulumirpc.CheckRequest{
			Urn: w.named(test.kind, test.name).URN(), News: news, Olds: &structpb.Struct{}, RandomSeed: seed,
		})
		if err != nil || len(out.GetFailures()) > 0 {
			t.Errorf("%s: %v %v", test.kind, err, out.GetFailures())
			continue
		}
		if diff := cmp.Diff(test.want, out.GetInputs().AsMap()); diff != "" {
			t.Errorf("%s (-recorded +got):\n%s", test.kind, diff)
		}
	}
}

// TestCreateAsRecorded compares what the official provider answered to Create
// with ours, apart from the values that the real service chose.
func TestCreateAsRecorded(t *testing.T) {
	w := newWorld(t)
	vpc := w.engine("Vpc").Create(m{"region": "nyc3", "name": "vpc-7146427"})
	vpc.State["id"], vpc.State["createdAt"], vpc.State["vpcUrn"], vpc.State["ipRange"] = "11c6374e", "", "", ""
	want := m{
		"__meta":    `{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"delete":120000000000}}`,
		"createdAt": "", "default": false, "description": "", "id": "11c6374e", "ipRange": "",
		"name": "vpc-7146427", "region": "nyc3", "vpcUrn": "",
	}
	if diff := cmp.Diff(want, vpc.State); diff != "" {
		t.Errorf("Vpc (-recorded +got):\n%s", diff)
	}
	key := w.engine("SshKey").Create(m{"name": "sshKey-fa02fa0", "publicKey": testKey})
	want = m{"fingerprint": testFingerprint, "id": key.ID, "name": "sshKey-fa02fa0", "publicKey": testKey}
	if diff := cmp.Diff(want, key.State); diff != "" {
		t.Errorf("SshKey (-recorded +got):\n%s", diff)
	}
}
