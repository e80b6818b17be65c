//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package digitalocean

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

const tagsPath = "tags"

var tagForm = regexp.MustCompile(`^[a-zA-Z0-9:\-_]{1,255}$`)

func checkTag(_ string, v any) error {
	if s, ok := v.(string); ok && !tagForm.MatchString(s) {
		return errors.New("tags may contain lowercase letters, numbers, colons, dashes, and underscores; there is a limit of 255 characters per tag")
	}
	return nil
}

// tags is the input that most resources have. The API does not tell upper
// from lower case in a tag.
func tags() *bridge.Field {
	return &bridge.Field{
		Type: bridge.Set, Optional: true, Fold: strings.ToLower,
		Elem: &bridge.Field{Type: bridge.String, Check: checkTag},
	}
}

type tagObject struct {
	Name string `json:"name"`
}

func tag(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token: "digitalocean:index/tag:Tag",
		Fields: bridge.Fields{
			"name":                 {Type: bridge.String, Required: true, AutoName: true, ForceNew: true, Check: checkTag},
			"totalResourceCount":   computed(bridge.Int),
			"dropletsCount":        computed(bridge.Int),
			"imagesCount":          computed(bridge.Int),
			"volumesCount":         computed(bridge.Int),
			"volumeSnapshotsCount": computed(bridge.Int),
			"databasesCount":       computed(bridge.Int),
		},
		Create: func(ctx context.Context, in bridge.Values) (string, bridge.Values, error) {
			l, err := a.request("POST", tagsPath)
			if err != nil {
				return "", nil, fmt.Errorf("Error creating tag: %w", err)
			}
			name := in.String("name")
			if err := l.store.Put(cloud.Tags, name, tagObject{name}); err != nil {
				return "", nil, err
			}
			out, err := tagValues(ctx, l, name)
			return name, out, err
		},
		Read: func(ctx context.Context, id string, _ bridge.Values) (bridge.Values, error) {
			l, err := a.request("GET", tagsPath+"/"+id)
			if err != nil {
				return nil, fmt.Errorf("Error retrieving tag: %w", err)
			}
			var t tagObject
			if err := l.store.Get(cloud.Tags, id, &t); err != nil {
				return nil, gone(err)
			}
			return tagValues(ctx, l, t.Name)
		},
		Delete: func(ctx context.Context, id string, _ bridge.Values) error {
			l, err := a.request("DELETE", tagsPath+"/"+id)
			if err != nil {
				return fmt.Errorf("Error deleting tag: %w", err)
			}
			return removeTag(ctx, l, id)
		},
	}
}

func tagValues(ctx context.Context, l lab, name string) (bridge.Values, error) {
	hosts, err := l.machines.Machines(ctx)
	if err != nil {
		return nil, err
	}
	volumes, err := cloud.List[volumeObject](l.store, cloud.Volumes)
	if err != nil {
		return nil, err
	}
	droplets, disks := 0, 0
	for _, host := range hosts {
		if slices.Contains(host.Tags, name) {
			droplets++
		}
	}
	for _, v := range volumes {
		if slices.Contains(v.Tags, name) {
			disks++
		}
	}
	return bridge.Values{
		"name": name, "totalResourceCount": droplets + disks, "dropletsCount": droplets, "volumesCount": disks,
		"imagesCount": 0, "volumeSnapshotsCount": 0, "databasesCount": 0,
	}, nil
}

// addTags makes the tags that a tagged object needs.
func addTags(l lab, names []string) error {
	for _, name := range names {
		if err := l.store.Put(cloud.Tags, name, tagObject{name}); err != nil {
			return err
		}
	}
	return nil
}

// removeTag takes the tag off everything that has it, then removes it.
func removeTag(ctx context.Context, l lab, name string) error {
	hosts, err := l.machines.Machines(ctx)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		if !slices.Contains(host.Tags, name) {
			continue
		}
		spec := host.Spec
		spec.Tags = without(spec.Tags, []string{name})
		if _, err := l.machines.Relabel(ctx, host.ID, spec); err != nil {
			return err
		}
	}
	volumes, err := cloud.List[volumeObject](l.store, cloud.Volumes)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		if slices.Contains(v.Tags, name) {
			v.Tags = without(v.Tags, []string{name})
			if err := l.store.Put(cloud.Volumes, v.ID, v); err != nil {
				return err
			}
		}
	}
	return l.store.Delete(cloud.Tags, name)
}
