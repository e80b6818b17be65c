package digitalocean

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/lab/cloud"
)

func TestVolumeAndAttachment(t *testing.T) {
	w := newWorld(t)
	droplets, volumes, e := w.engine("Droplet"), w.engine("Volume"), w.engine("VolumeAttachment")
	droplet := droplets.Create(smallest())
	in := m{"region": "NYC3", "name": "data", "size": 10, "initialFilesystemType": "ext4"}
	v := volumes.Create(in)
	if v.State["filesystemType"] != "ext4" || v.State["region"] != "nyc3" || cmp.Diff(list{}, v.State["dropletIds"]) != "" {
		t.Errorf("volume is %v", v.State)
	}
	r := e.Create(m{"dropletId": 1001, "volumeId": v.ID})
	if got := droplets.Refresh(droplet); cmp.Diff(list{v.ID}, got.State["volumeIds"]) != "" {
		t.Errorf("droplet has the volumes %v", got.State["volumeIds"])
	}
	if got := droplets.Diff(droplets.Refresh(droplet), smallest()); got != "" {
		t.Errorf("an attachment makes a diff of the droplet: %q", got)
	}
	refuses(t, "delete an attached volume", volumes.TryDelete(v), "409")
	w.named("Droplet", "b").Create(with(smallest(), m{"region": "ams3"}))
	_, err := e.TryCreate(m{"dropletId": 1002, "volumeId": v.ID})
	refuses(t, "attach twice", err, "already attached")
	if got := e.Import("1001," + v.ID); got.ID == "" || got.Inputs["dropletId"] != 1001.0 {
		t.Errorf("import of an attachment gives %+v", got)
	}
	e.Delete(r)
	if got := e.Refresh(r); got.ID != "" {
		t.Error("the attachment is still there")
	}
	_, err = e.TryCreate(m{"dropletId": 1002, "volumeId": v.ID})
	refuses(t, "attach across regions", err, "same region")
	volumes.Delete(v)
	if got := volumes.Refresh(v); got.ID != "" {
		t.Error("the volume is still there")
	}
}

func TestVolumeDiffs(t *testing.T) {
	e := newWorld(t).engine("Volume")
	in := m{"region": "nyc3", "name": "data", "size": 10}
	r := e.Create(in)
	for _, test := range []struct {
		more m
		want string
	}{
		{m{}, ""},
		{m{"size": 20}, "size:UPDATE"},
		{m{"name": "other"}, "name:UPDATE_REPLACE"},
		{m{"description": "d"}, "description:ADD_REPLACE"},
		{m{"initialFilesystemType": "xfs"}, "initialFilesystemType:ADD_REPLACE"},
		{m{"tags": list{"a"}}, "tags:ADD"},
	} {
		if got := e.Diff(r, with(in, test.more)); got != test.want {
			t.Errorf("%v: diff is %q, want %q", test.more, got, test.want)
		}
	}
	_, err := e.TryDiff(r, with(in, m{"size": 5}))
	refuses(t, "shrink", err, "volumes `size` can only be expanded and not shrunk")
	r = e.Update(r, with(in, m{"size": 20, "tags": list{"a"}}))
	if r.State["size"] != 20.0 || cmp.Diff(list{"a"}, r.State["tags"]) != "" {
		t.Errorf("after the update the volume is %v", r.State)
	}
	_, err = e.TryCreate(in)
	refuses(t, "the same name again", err, "already exists")
	_, err = e.TryCreate(with(in, m{"name": "Data_1"}))
	refuses(t, "a bad name", err, "422")
}

// A volume outlives its droplet, and a droplet that is made with a volume
// keeps exactly the volumes that it names.
func TestDropletVolumes(t *testing.T) {
	w := newWorld(t)
	volumes, e := w.engine("Volume"), w.engine("Droplet")
	a := volumes.Create(m{"region": "nyc3", "name": "a", "size": 1})
	b := volumes.Create(m{"region": "nyc3", "name": "b", "size": 1})
	r := e.Create(with(smallest(), m{"volumeIds": list{a.ID}}))
	r = e.Update(r, with(smallest(), m{"volumeIds": list{b.ID}}))
	if diff := cmp.Diff(list{b.ID}, r.State["volumeIds"]); diff != "" {
		t.Errorf("volumes (-want +got):\n%s", diff)
	}
	e.Delete(r)
	if got := volumes.Refresh(b); cmp.Diff(list{}, got.State["dropletIds"]) != "" {
		t.Errorf("after the droplet's end the volume is at %v", got.State["dropletIds"])
	}
}

func TestReservedIP(t *testing.T) {
	w := newWorld(t)
	w.engine("Droplet").Create(smallest())
	e, assignments := w.engine("ReservedIp"), w.engine("ReservedIpAssignment")
	a, b := e.Create(m{"region": "nyc3"}), w.named("ReservedIp", "b").Create(m{"region": "nyc3", "dropletId": 1001})
	if a.ID == b.ID || a.State["ipAddress"] != a.ID || a.State["reservedIpUrn"] != "do:reservedip:"+a.ID {
		t.Errorf("addresses are %v and %v", a.State, b.State)
	}
	r := assignments.Create(m{"ipAddress": a.ID, "dropletId": 1001})
	if got := e.Diff(e.Refresh(a), m{"region": "nyc3"}); got != "" {
		t.Errorf("an assignment makes a diff of the address: %q", got)
	}
	if got := assignments.Import(a.ID + ",1001"); got.ID == "" {
		t.Error("the assignment is not found by import")
	}
	if got := e.Diff(b, m{"region": "nyc3"}); got != "dropletId:DELETE" {
		t.Errorf("diff is %q", got)
	}
	b = e.Update(b, m{"region": "nyc3"})
	if b.State["dropletId"] != nil {
		t.Errorf("after the update the droplet is %v", b.State["dropletId"])
	}
	_, err := assignments.TryCreate(m{"ipAddress": a.ID, "dropletId": 4711})
	refuses(t, "assign to no droplet", err, "Error Assigning reserved IP")
	assignments.Delete(r)
	if got := assignments.Refresh(r); got.ID != "" {
		t.Error("the assignment is still there")
	}
	e.Delete(a)
	e.Delete(b)
	if ids, err := w.store.IDs(cloud.ReservedIPs); err != nil || len(ids) > 0 {
		t.Errorf("addresses left: %v, %v", ids, err)
	}
}

// An address that could not be given to its droplet exists all the same: the
// state must know of it.
func TestReservedIPHalfMade(t *testing.T) {
	w := newWorld(t)
	_, err := w.engine("ReservedIp").TryCreate(m{"region": "nyc3", "dropletId": 4711})
	refuses(t, "assign to no droplet", err, "Error Assigning reserved IP (203.0.113.1) to the Droplet")
	if ids, err := w.store.IDs(cloud.ReservedIPs); err != nil || len(ids) != 1 {
		t.Errorf("addresses are %v, %v", ids, err)
	}
}

func TestTag(t *testing.T) {
	w := newWorld(t)
	e := w.engine("Tag")
	r := e.Create(m{"name": "web"})
	w.engine("Droplet").Create(with(smallest(), m{"tags": list{"web", "more"}}))
	got := e.Refresh(r)
	if got.State["dropletsCount"] != 1.0 || got.State["totalResourceCount"] != 1.0 {
		t.Errorf("tag is %v", got.State)
	}
	if got := e.Diff(got, m{"name": "db"}); got != "name:UPDATE_REPLACE" {
		t.Errorf("diff is %q", got)
	}
	if got := e.Import("more"); got.Inputs["name"] != "more" {
		t.Errorf("the droplet's tag was not made: %+v", got)
	}
	e.Delete(r)
	if diff := cmp.Diff([]string{"more"}, w.machines.hosts[1001].Tags); diff != "" {
		t.Errorf("tags of the droplet (-want +got):\n%s", diff)
	}
}

func TestProject(t *testing.T) {
	e := newWorld(t).engine("Project")
	r := e.Create(m{"name": "p", "environment": "production", "resources": list{"do:droplet:1"}})
	if r.Inputs["purpose"] != "Web Application" || r.State["isDefault"] != false {
		t.Errorf("inputs are %v, state %v", r.Inputs, r.State)
	}
	for _, test := range []struct {
		in   m
		want string
	}{
		{m{"name": "p", "environment": "Production"}, ""},
		{m{"name": "p", "environment": "staging"}, "environment:UPDATE"},
		{m{"name": "q", "environment": "production", "purpose": "Lab"}, "name:UPDATE purpose:UPDATE"},
	} {
		if got := e.Diff(r, test.in); got != test.want {
			t.Errorf("%v: diff is %q, want %q", test.in, got, test.want)
		}
	}
	r = e.Update(r, m{"name": "q", "environment": "production"})
	if got := e.Refresh(r); got.State["name"] != "q" || cmp.Diff(list{"do:droplet:1"}, got.State["resources"]) != "" {
		t.Errorf("after the update the project is %v", got.State)
	}
	e.Delete(r)
	if got := e.Refresh(r); got.ID != "" {
		t.Error("the project is still there")
	}
}
