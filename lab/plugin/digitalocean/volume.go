//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package digitalocean

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"skep/lab/cloud"
	"skep/lab/machine"
	"skep/lab/plugin/bridge"
)

const volumesPath = "volumes"

var volumeName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

type volumeObject struct {
	ID              string   `json:"id"`
	Name            string   `json:"name"`
	Region          string   `json:"region"`
	Size            int      `json:"size"`
	Description     string   `json:"description"`
	FilesystemType  string   `json:"filesystemType"`
	FilesystemLabel string   `json:"filesystemLabel"`
	Tags            []string `json:"tags"`
	// DropletID is the droplet that the volume is attached to, or 0.
	DropletID int `json:"dropletId"`
}

func (v volumeObject) values() bridge.Values {
	droplets := []int{}
	if v.DropletID != 0 {
		droplets = []int{v.DropletID}
	}
	out := bridge.Values{
		"name": v.Name, "region": v.Region, "size": v.Size, "volumeUrn": "do:volume:" + v.ID,
		"tags": unique(v.Tags), "dropletIds": droplets, "filesystemType": v.FilesystemType, "filesystemLabel": v.FilesystemLabel,
	}
	for name, text := range map[string]string{
		"description": v.Description, "initialFilesystemType": v.FilesystemType, "initialFilesystemLabel": v.FilesystemLabel,
	} {
		if text != "" {
			out[name] = text
		}
	}
	return out
}

func volume(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token:  "digitalocean:index/volume:Volume",
		Fields: volumeFields(),
		Customize: func(p *bridge.Plan) error {
			if p.Prior != nil && p.Planned.Has("size") && p.Planned.Int("size") < p.Prior.Int("size") && p.Planned["size"] != (bridge.Unknown{}) {
				return errors.New("volumes `size` can only be expanded and not shrunk")
			}
			return nil
		},
		Create: a.createVolume,
		Read: func(_ context.Context, id string, _ bridge.Values) (bridge.Values, error) {
			_, v, err := a.volume("GET", id)
			return v.values(), gone(err)
		},
		Update: func(_ context.Context, id string, _, in bridge.Values) (bridge.Values, error) {
			l, v, err := a.volume("PUT", id)
			if err != nil {
				return nil, gone(err)
			}
			v.Size, v.Tags = in.Int("size"), unique(in.Strings("tags"))
			if err := addTags(l, v.Tags); err != nil {
				return nil, err
			}
			return v.values(), l.store.Put(cloud.Volumes, id, v)
		},
		Delete: func(_ context.Context, id string, _ bridge.Values) error {
			l, v, err := a.volume("DELETE", id)
			if err != nil {
				return gone(err)
			}
			if v.DropletID != 0 {
				return fmt.Errorf("Error deleting volume: %w",
					apiError("DELETE", volumesPath+"/"+id, http.StatusConflict, "volume is attached to a Droplet"))
			}
			return l.store.Delete(cloud.Volumes, id)
		},
	}
}

func volumeFields() bridge.Fields {
	text := func(check func(string, any) error) *bridge.Field {
		return &bridge.Field{Type: bridge.String, Optional: true, ForceNew: true, Check: check}
	}
	return bridge.Fields{
		"region":                 {Type: bridge.String, Required: true, ForceNew: true, State: strings.ToLower},
		"name":                   {Type: bridge.String, Required: true, AutoName: true, ForceNew: true, Check: bridge.NotEmpty},
		"size":                   {Type: bridge.Int, Required: true, Check: bridge.AtLeast(1)},
		"description":            text(bridge.NotEmpty),
		"snapshotId":             text(bridge.NotEmpty),
		"initialFilesystemType":  text(bridge.OneOf("ext4", "xfs")),
		"initialFilesystemLabel": text(bridge.NotEmpty),
		"filesystemType": {Type: bridge.String, Optional: true, Computed: true, Deprecated: true,
			Check: bridge.OneOf("ext4", "xfs"), ConflictsWith: []string{"initialFilesystemType"}},
		"tags":            tags(),
		"volumeUrn":       {Type: bridge.String, Computed: true, TF: "urn"},
		"dropletIds":      {Type: bridge.Set, Computed: true, Elem: &bridge.Field{Type: bridge.Int}},
		"filesystemLabel": computed(bridge.String),
	}
}

func (a *account) volume(method, id string) (lab, volumeObject, error) {
	l, err := a.request(method, volumesPath+"/"+id)
	if err != nil {
		return l, volumeObject{}, fmt.Errorf("Error retrieving volume: %w", err)
	}
	var v volumeObject
	err = l.store.Get(cloud.Volumes, id, &v)
	return l, v, err
}

func (a *account) createVolume(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
	v, err := a.addVolume(in)
	if err != nil {
		return "", nil, fmt.Errorf("Error creating Volume: %w", err)
	}
	return v.ID, v.values(), nil
}

func (a *account) addVolume(in bridge.Values) (volumeObject, error) {
	l, unlock, err := a.locked("POST", volumesPath)
	if err != nil {
		return volumeObject{}, err
	}
	defer unlock()
	v := volumeObject{
		ID: cloud.NewUUID(), Name: in.String("name"), Region: strings.ToLower(in.String("region")), Size: in.Int("size"),
		Description: in.String("description"), FilesystemType: in.String("initialFilesystemType"),
		FilesystemLabel: in.String("initialFilesystemLabel"), Tags: unique(in.Strings("tags")),
	}
	if v.FilesystemType == "" {
		v.FilesystemType = in.String("filesystemType")
	}
	all, err := cloud.List[volumeObject](l.store, cloud.Volumes)
	if err != nil {
		return v, err
	}
	switch {
	case !valid(regions, v.Region):
		return v, refused("POST", volumesPath, "invalid region")
	case !volumeName.MatchString(v.Name):
		return v, refused("POST", volumesPath,
			"name must start with a letter and may only contain lowercase letters, numbers and dashes, up to 64 characters")
	case in.Has("snapshotId"):
		return v, refused("POST", volumesPath, "snapshot not found")
	case slices.ContainsFunc(all, func(o volumeObject) bool { return o.Name == v.Name && o.Region == v.Region }):
		return v, apiError("POST", volumesPath, http.StatusConflict, "a volume with the name already exists in this region")
	}
	if err := addTags(l, v.Tags); err != nil {
		return v, err
	}
	return v, l.store.Put(cloud.Volumes, v.ID, v)
}

// volumesFit tells whether a new droplet may have these volumes.
func volumesFit(l lab, ids []string, region string) error {
	for _, id := range ids {
		var v volumeObject
		if err := l.store.Get(cloud.Volumes, id, &v); err != nil {
			return refused("POST", dropletsPath, fmt.Sprintf("volume %q not found", id))
		}
		if v.Region != region || v.DropletID != 0 {
			return refused("POST", dropletsPath, fmt.Sprintf("volume %q is attached or in another region", id))
		}
	}
	return nil
}

// volumesOf lists the volumes that are attached to a droplet.
func volumesOf(l lab, droplet int) ([]string, error) {
	all, err := cloud.List[volumeObject](l.store, cloud.Volumes)
	ids := []string{}
	for _, v := range all {
		if v.DropletID == droplet {
			ids = append(ids, v.ID)
		}
	}
	return ids, err
}

// moveVolumes attaches exactly these volumes to a droplet.
func moveVolumes(l lab, host machine.Machine, want []string) error {
	have, err := volumesOf(l, host.ID)
	if err != nil {
		return err
	}
	for _, id := range without(want, have) {
		if err := attach(l, id, host); err != nil {
			return err
		}
	}
	for _, id := range without(have, want) {
		if err := detach(l, id, host.ID); err != nil {
			return err
		}
	}
	return nil
}
