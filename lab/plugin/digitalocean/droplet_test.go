package digitalocean

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge/bridgetest"
)

func smallest() m {
	return m{"image": "debian-13-x64", "size": "s-1vcpu-1gb", "region": "nyc3", "name": "a"}
}

// with is in with more properties; nil removes one.
func with(in m, more m) m {
	out := m{}
	for _, part := range []m{in, more} {
		for k, v := range part {
			out[k] = v
			if v == nil {
				delete(out, k)
			}
		}
	}
	return out
}

func TestDropletIsAMachine(t *testing.T) {
	w := newWorld(t)
	key := w.engine("SshKey").Create(m{"publicKey": testKey})
	vpc := w.engine("Vpc").Create(m{"region": "nyc3"})
	e := w.engine("Droplet")
	r := e.Create(with(smallest(), m{
		"sshKeys": list{key.ID}, "vpcUuid": vpc.ID, "tags": list{"b", "a", "a"}, "userData": "#cloud-config\n", "monitoring": true,
	}))
	want := m{
		"__meta":  `{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":3600000000000,"delete":60000000000,"update":3600000000000},"schema_version":"1"}`,
		"backups": false, "backupPolicy": nil, "createdAt": "2026-01-02T03:04:05Z", "disk": 25.0, "dropletAgent": nil,
		"dropletUrn": "do:droplet:1001", "gracefulShutdown": false, "id": "1001", "image": "debian-13-x64",
		"ipv4Address": "10.77.0.11", "ipv4AddressPrivate": "10.78.0.11", "ipv6": false, "ipv6Address": "", "locked": false,
		"memory": 1024.0, "monitoring": true, "name": "a", "priceHourly": 0.00893, "priceMonthly": 6.0,
		"privateNetworking": true, "region": "nyc3", "resizeDisk": true, "size": "s-1vcpu-1gb", "sshKeys": list{key.ID},
		"status": "active", "tags": list{"a", "b"}, "userData": sha1Hex("#cloud-config\n"),
		"vcpus": 1.0, "volumeIds": list{}, "vpcUuid": vpc.ID,
	}
	if diff := cmp.Diff(want, r.State); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	spec := w.machines.seen
	if spec.UserData != "#cloud-config\n" || spec.Image != "debian-13-x64" || spec.Labels[labelVPC] != vpc.ID {
		t.Errorf("machine is made from %+v", spec)
	}
	if diff := cmp.Diff([]string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEiR8CLqQqx+I3zSGKoXmfNwMs5J0wk9Raw/hLjTpD0r"}, spec.AuthorizedKeys); diff != "" {
		t.Errorf("authorized keys (-want +got):\n%s", diff)
	}
	if got := e.Refresh(r); cmp.Diff(r.State, got.State) != "" || cmp.Diff(r.Inputs, got.Inputs, equalDefaults) != "" {
		t.Errorf("refresh without drift changes the state or the inputs:\n%s%s", cmp.Diff(r.State, got.State), cmp.Diff(r.Inputs, got.Inputs))
	}
	refuses(t, "delete a VPC with a droplet", w.engine("Vpc").TryDelete(vpc), "Can not delete VPC with members")
	e.Delete(r)
	e.Delete(r)
	w.engine("Vpc").Delete(vpc)
}

// equalDefaults compares tags as the set that they are.
var equalDefaults = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == `["tags"]` }, cmp.Ignore())

func TestDropletDiffs(t *testing.T) {
	for _, test := range []struct {
		name string
		more m
		want string
	}{
		{"nothing", m{}, ""},
		{"defaults named", m{"backups": false, "ipv6": false, "resizeDisk": true, "monitoring": false}, ""},
		{"tags in another order", m{"tags": list{"b", "a"}}, ""},
		{"tags in capitals", m{"tags": list{"A", "b"}}, ""},
		{"size in capitals", m{"size": "S-1VCPU-1GB"}, ""},
		{"name", m{"name": "b"}, "name:UPDATE"},
		{"name not known", m{"name": bridgetest.Unknown}, "name:UPDATE"},
		{"tags", m{"tags": list{"a", "c"}}, "tags[1]:UPDATE"},
		{"tags gone", m{"tags": nil}, "tags:DELETE"},
		{"size", m{"size": "s-2vcpu-2gb"}, "size:UPDATE"},
		{"backups", m{"backups": true}, "backups:UPDATE"},
		{"ipv6 on", m{"ipv6": true}, "ipv6:UPDATE ipv6Address:UPDATE"},
		{"image", m{"image": "debian-12-x64"}, "image:UPDATE_REPLACE"},
		{"region", m{"region": "ams3"}, "region:UPDATE_REPLACE"},
		{"region left to the service", m{"region": nil}, ""},
		{"user data", m{"userData": "other"}, "userData:UPDATE_REPLACE"},
		{"user data gone", m{"userData": nil}, "userData:DELETE_REPLACE"},
		{"user data not known", m{"userData": bridgetest.Unknown}, "userData:UPDATE_REPLACE"},
		{"keys", m{"sshKeys": list{testFingerprint, "7"}}, "sshKeys[1]:ADD_REPLACE"},
		{"VPC", m{"vpcUuid": "11111111-1111-4111-8111-111111111111"}, "vpcUuid:UPDATE_REPLACE"},
		{"monitoring", m{"monitoring": true}, "monitoring:UPDATE_REPLACE"},
		{"agent", m{"dropletAgent": false}, "dropletAgent:ADD_REPLACE"},
	} {
		w := newWorld(t)
		w.engine("SshKey").Create(m{"publicKey": testKey})
		e := w.engine("Droplet")
		old := with(smallest(), m{"sshKeys": list{testFingerprint}, "userData": "data", "tags": list{"a", "b"}})
		if got := e.Diff(e.Create(old), with(old, test.more)); got != test.want {
			t.Errorf("%s: diff is %q, want %q", test.name, got, test.want)
		}
	}
}

func TestDropletWithoutIPv6IsANewOne(t *testing.T) {
	e := newWorld(t).engine("Droplet")
	r := e.Create(with(smallest(), m{"ipv6": true}))
	if got := e.Diff(r, with(smallest(), m{"ipv6": false})); got != "ipv6:UPDATE_REPLACE" {
		t.Errorf("diff is %q, want a replacement", got)
	}
}

func TestDropletIgnoresChanges(t *testing.T) {
	e := newWorld(t).engine("Droplet")
	r := e.Create(with(smallest(), m{"userData": "data"}))
	if got := e.Diff(r, with(smallest(), m{"userData": "other", "image": "debian-12-x64"}), "userData", "image"); got != "" {
		t.Errorf("diff is %q, want none of ignored properties", got)
	}
}

// A name that the program chose makes the bridge delete first: it cannot know
// that droplets may share one.
func TestDropletReplacementOrder(t *testing.T) {
	for _, test := range []struct {
		in   m
		want bool
	}{{smallest(), true}, {with(smallest(), m{"name": nil}), false}} {
		e := newWorld(t).engine("Droplet")
		d, err := e.TryDiff(e.Create(test.in), with(test.in, m{"image": "debian-12-x64"}))
		if err != nil {
			t.Fatal(err)
		}
		if d.GetDeleteBeforeReplace() != test.want {
			t.Errorf("%v: delete before replace is %v, want %v", test.in, d.GetDeleteBeforeReplace(), test.want)
		}
		if diff := cmp.Diff([]string{"image"}, d.GetReplaces()); diff != "" {
			t.Errorf("replaces (-want +got):\n%s", diff)
		}
	}
}

func TestDropletUpdates(t *testing.T) {
	w := newWorld(t)
	e := w.engine("Droplet")
	r := e.Create(with(smallest(), m{"tags": list{"a"}}))
	r = e.Update(r, with(smallest(), m{"name": "b", "tags": list{"c"}, "backups": true, "ipv6": true}))
	host := w.machines.hosts[1001]
	if host.Name != "b" || cmp.Diff([]string{"c"}, host.Tags) != "" || r.State["backups"] != true || r.State["ipv6Address"] == "" {
		t.Errorf("after the update the machine is %+v, the state %v", host, r.State)
	}
	if diff := cmp.Diff([]string{"relabel"}, w.machines.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	big := with(smallest(), m{"name": "b", "size": "s-2vcpu-2gb", "ipv6": true})
	w.machines.calls = nil
	r = e.Update(r, big)
	if r.State["disk"] != 60.0 || r.State["memory"] != 2048.0 || r.State["status"] != "active" {
		t.Errorf("after the resize the state is %v", r.State)
	}
	if diff := cmp.Diff([]string{"off", "relabel", "on"}, w.machines.calls); diff != "" {
		t.Errorf("calls of a resize (-want +got):\n%s", diff)
	}
	_, err := e.TryUpdate(r, with(smallest(), m{"name": "b", "ipv6": true}))
	refuses(t, "shrink", err, "This size is not available because it has a smaller disk.")
	_, err = e.TryUpdate(r, with(big, m{"size": "huge"}))
	refuses(t, "resize to an unknown size", err, "You specified an invalid size for Droplet resize.")
	if got := e.Diff(r, big); got != "" {
		t.Errorf("after the updates the diff is %q", got)
	}
}

func TestDropletRefusals(t *testing.T) {
	for _, test := range []struct {
		more m
		want string
	}{
		{m{"image": "debian-3-x64"}, `Error creating droplet: POST https://api.digitalocean.com/v2/droplets: 422 (request "`},
		{m{"image": "debian-3-x64"}, `) You specified an invalid image for Droplet creation.`},
		{m{"size": "huge"}, "You specified an invalid size for Droplet creation."},
		{m{"region": "moon1"}, "You specified an invalid region for Droplet creation."},
		{m{"name": "a_b"}, "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)"},
		{m{"sshKeys": list{"1:2:3"}}, "1:2:3 are invalid key identifiers for Droplet creation."},
		{m{"vpcUuid": "none"}, "Failed to resolve VPC none"},
		{m{"volumeIds": list{"none"}}, `volume "none" not found`},
		{m{"backups": false, "backupPolicy": m{"plan": "daily"}}, "backup_policy can only be set when backups are enabled"},
	} {
		w := newWorld(t)
		_, err := w.engine("Droplet").TryCreate(with(smallest(), test.more))
		refuses(t, "droplet", err, test.want)
		if len(w.machines.hosts) > 0 {
			t.Errorf("%v: a machine was made", test.more)
		}
	}
}

func TestDropletNoticesWhatHappensBehindItsBack(t *testing.T) {
	w := newWorld(t)
	e := w.engine("Droplet")
	r := e.Create(with(smallest(), m{"tags": list{"a"}}))
	host := w.machines.hosts[1001]
	host.Name, host.Tags, host.Status = "renamed", []string{"a", "by-hand"}, "off"
	w.machines.hosts[1001] = host
	seen := e.Refresh(r)
	if seen.State["name"] != "renamed" || seen.State["status"] != "off" || seen.Inputs["name"] != "renamed" {
		t.Errorf("refresh sees state %v, inputs %v", seen.State, seen.Inputs)
	}
	if got := e.Diff(seen, with(smallest(), m{"tags": list{"a"}})); got != "name:UPDATE tags[1]:DELETE" {
		t.Errorf("diff after the drift is %q", got)
	}
	delete(w.machines.hosts, 1001)
	if got := e.Refresh(r); got.ID != "" {
		t.Errorf("refresh of a droplet that is gone has the id %q", got.ID)
	}
	_, err := e.TryUpdate(r, with(smallest(), m{"name": "b"}))
	refuses(t, "update of a droplet that is gone", err, "the resource did not exist")
	e.Delete(r)
}

func TestDropletImport(t *testing.T) {
	w := newWorld(t)
	e := w.engine("Droplet")
	in := with(smallest(), m{"tags": list{"a"}, "backups": true})
	e.Create(in)
	r := e.Import("1001")
	want := with(in, m{"__defaults": list{}, "privateNetworking": true, "vpcUuid": r.State["vpcUuid"]})
	if diff := cmp.Diff(want, r.Inputs); diff != "" {
		t.Errorf("imported inputs (-want +got):\n%s", diff)
	}
	if got := e.Import("4711"); got.ID != "" {
		t.Errorf("import of nothing has the id %q", got.ID)
	}
	_, err := e.TryImport("a")
	refuses(t, "import of no number", err, "invalid droplet id")
}

func TestDropletPreview(t *testing.T) {
	e := newWorld(t).engine("Droplet")
	out, err := e.Preview(e.Valid(nil, with(smallest(), m{"userData": bridgetest.Secret(bridgetest.Unknown)})))
	if err != nil {
		t.Fatal(err)
	}
	wanted := m{
		"ipv4Address": bridgetest.Unknown, "vpcUuid": bridgetest.Unknown, "userData": bridgetest.Unknown,
		"id": bridgetest.Unknown, "region": "nyc3", "backups": false,
	}
	for name, want := range wanted {
		if out[name] != want {
			t.Errorf("preview: %s is %v, want %v", name, out[name], want)
		}
	}
}

func TestDropletsShareTheDefaultVPC(t *testing.T) {
	w := newWorld(t)
	e := w.engine("Droplet")
	a, b := e.Create(smallest()), e.Create(with(smallest(), m{"region": nil}))
	c := e.Create(smallest())
	if a.State["vpcUuid"] != c.State["vpcUuid"] || a.State["vpcUuid"] == b.State["vpcUuid"] {
		t.Errorf("VPCs are %v, %v (other region) and %v", a.State["vpcUuid"], b.State["vpcUuid"], c.State["vpcUuid"])
	}
	vpcs, err := cloud.List[vpcObject](w.store, cloud.VPCs)
	if err != nil || len(vpcs) != 2 {
		t.Errorf("there are %d VPCs, %v; want one for each region", len(vpcs), err)
	}
}

func TestGracefulShutdown(t *testing.T) {
	w := newWorld(t)
	e := w.engine("Droplet")
	e.Delete(e.Create(with(smallest(), m{"gracefulShutdown": true})))
	if diff := cmp.Diff([]string{"off", "delete"}, w.machines.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
