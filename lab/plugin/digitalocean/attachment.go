//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package digitalocean

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"skep/lab/cloud"
	"skep/lab/machine"
	"skep/lab/plugin/bridge"
)

// volumeAttachment is a volume's place at a droplet. The lab remembers it;
// the host does not see a disk.
func volumeAttachment(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token: "digitalocean:index/volumeAttachment:VolumeAttachment",
		Fields: bridge.Fields{
			"dropletId": {Type: bridge.Int, Required: true, ForceNew: true, Check: bridge.NotEmpty},
			"volumeId":  {Type: bridge.String, Required: true, ForceNew: true, Check: bridge.NotEmpty},
		},
		Create: func(ctx context.Context, in bridge.Values) (string, bridge.Values, error) {
			id, droplet := in.String("volumeId"), in.Int("dropletId")
			l, host, err := a.host(ctx, "POST", strconv.Itoa(droplet))
			if err == nil {
				err = attach(l, id, host)
			}
			if err != nil {
				return "", nil, fmt.Errorf("Error attaching volume to droplet after retry timeout: [WARN] "+
					"Error attaching volume (%s) to Droplet (%d): %w", id, droplet, err)
			}
			return uniqueID(fmt.Sprintf("%d-%s-", droplet, id)), nil, nil
		},
		Read: func(_ context.Context, _ string, state bridge.Values) (bridge.Values, error) {
			_, v, err := a.volume("GET", state.String("volumeId"))
			if err == nil && v.DropletID != state.Int("dropletId") {
				err = bridge.ErrGone
			}
			return nil, gone(err)
		},
		Delete: func(_ context.Context, _ string, state bridge.Values) error {
			l, err := a.request("POST", volumesPath+"/actions")
			if err != nil {
				return err
			}
			return detach(l, state.String("volumeId"), state.Int("dropletId"))
		},
		Import: func(_ context.Context, id string) (string, bridge.Values, error) {
			droplet, volume, ok := strings.Cut(id, ",")
			if !ok || strings.Contains(volume, ",") {
				return "", nil, fmt.Errorf("expected import ID in the format 'droplet_id,volume_id', got: %q", id)
			}
			n, err := strconv.Atoi(droplet)
			if err != nil {
				return "", nil, fmt.Errorf("invalid droplet_id %q: %w", droplet, err)
			}
			return volume, bridge.Values{"dropletId": n, "volumeId": volume}, nil
		},
	}
}

// attach gives a volume to a droplet. One that is there already is no error.
func attach(l lab, id string, host machine.Machine) error {
	unlock, err := l.store.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	var v volumeObject
	if err := l.store.Get(cloud.Volumes, id, &v); err != nil {
		return err
	}
	path := volumesPath + "/" + id + "/actions"
	switch {
	case v.DropletID == host.ID:
		return nil
	case v.DropletID != 0:
		return refused("POST", path, "volume is already attached to another Droplet")
	case v.Region != host.Region:
		return refused("POST", path, "volume and Droplet must be in the same region")
	}
	v.DropletID = host.ID
	return l.store.Put(cloud.Volumes, id, v)
}

// detach takes a volume from a droplet. One that is elsewhere or gone is no
// error.
func detach(l lab, id string, droplet int) error {
	unlock, err := l.store.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	var v volumeObject
	err = l.store.Get(cloud.Volumes, id, &v)
	if errors.Is(err, cloud.ErrNotFound) || err == nil && v.DropletID != droplet {
		return nil
	}
	if err != nil {
		return err
	}
	v.DropletID = 0
	return l.store.Put(cloud.Volumes, id, v)
}

var counter atomic.Uint32

// uniqueID is an id for what has none in the API, in upstream's form.
func uniqueID(prefix string) string {
	now := time.Now().UTC()
	return fmt.Sprintf("%s%s%04d%08x", prefix, now.Format("20060102150405"), now.Nanosecond()/1e5, counter.Add(1))
}
