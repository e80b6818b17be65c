//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package digitalocean

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

const reservedPath = "reserved_ips"

// reservedNetwork is where reserved addresses come from: a network for
// documentation, because the lab does not route them.
const reservedNetwork = "203.0.113."

type reservedIPObject struct {
	IP     string `json:"ip"`
	Region string `json:"region"`
	// DropletID is the droplet that has the address, or 0.
	DropletID int `json:"dropletId"`
}

func reservedIP(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token: "digitalocean:index/reservedIp:ReservedIp",
		Fields: bridge.Fields{
			"region":        {Type: bridge.String, Required: true, ForceNew: true, State: strings.ToLower},
			"ipAddress":     {Type: bridge.String, Optional: true, Computed: true, Check: bridge.IPv4},
			"dropletId":     {Type: bridge.Int, Optional: true},
			"reservedIpUrn": {Type: bridge.String, Computed: true, TF: "urn"},
		},
		Create: a.createReservedIP,
		Read: func(_ context.Context, id string, state bridge.Values) (bridge.Values, error) {
			_, r, err := a.reserved("GET", id)
			return reservedValues(r, state.Int("dropletId") != 0), gone(err)
		},
		Update: func(ctx context.Context, id string, _, in bridge.Values) (bridge.Values, error) {
			droplet := in.Int("dropletId")
			if err := a.assign(ctx, id, droplet); err != nil {
				return nil, fmt.Errorf("Error assigning reserved IP (%s) to the Droplet: %w", id, gone(err))
			}
			_, r, err := a.reserved("GET", id)
			return reservedValues(r, droplet != 0), gone(err)
		},
		Delete: func(_ context.Context, id string, _ bridge.Values) error {
			l, err := a.request("DELETE", reservedPath+"/"+id)
			if err != nil {
				return err
			}
			return l.store.Delete(cloud.ReservedIPs, id)
		},
		Import: func(_ context.Context, id string) (string, bridge.Values, error) {
			_, r, err := a.reserved("GET", id)
			return id, reservedValues(r, true), gone(err)
		},
	}
}

// reservedValues tells about the droplet only where the user manages it here:
// else it is an assignment's.
func reservedValues(r reservedIPObject, withDroplet bool) bridge.Values {
	out := bridge.Values{"region": r.Region, "ipAddress": r.IP, "reservedIpUrn": "do:reservedip:" + r.IP}
	if withDroplet && r.DropletID != 0 {
		out["dropletId"] = r.DropletID
	}
	return out
}

func (a *account) reserved(method, ip string) (lab, reservedIPObject, error) {
	l, err := a.request(method, reservedPath+"/"+ip)
	if err != nil {
		return l, reservedIPObject{}, fmt.Errorf("Error retrieving reserved IP: %w", err)
	}
	var r reservedIPObject
	err = l.store.Get(cloud.ReservedIPs, ip, &r)
	return l, r, err
}

func (a *account) createReservedIP(ctx context.Context, in bridge.Values) (string, bridge.Values, error) {
	r, err := a.addReservedIP(strings.ToLower(in.String("region")))
	if err != nil {
		return "", nil, fmt.Errorf("Error creating reserved IP: %w", err)
	}
	if droplet := in.Int("dropletId"); droplet != 0 {
		if err := a.assign(ctx, r.IP, droplet); err != nil {
			return r.IP, reservedValues(r, false), fmt.Errorf("Error Assigning reserved IP (%s) to the Droplet: %w", r.IP, err)
		}
	}
	_, r, err = a.reserved("GET", r.IP)
	return r.IP, reservedValues(r, in.Has("dropletId")), err
}

func (a *account) addReservedIP(region string) (reservedIPObject, error) {
	l, unlock, err := a.locked("POST", reservedPath)
	if err != nil {
		return reservedIPObject{}, err
	}
	defer unlock()
	if !valid(regions, region) {
		return reservedIPObject{}, refused("POST", reservedPath, "invalid region")
	}
	taken, err := l.store.IDs(cloud.ReservedIPs)
	if err != nil {
		return reservedIPObject{}, err
	}
	for n := 1; n < 255; n++ {
		if ip := reservedNetwork + strconv.Itoa(n); !slices.Contains(taken, ip) {
			r := reservedIPObject{IP: ip, Region: region}
			return r, l.store.Put(cloud.ReservedIPs, ip, r)
		}
	}
	return reservedIPObject{}, refused("POST", reservedPath, "you have reached the limit of reserved IPs")
}

// assign gives an address to a droplet, or with 0 to none.
func (a *account) assign(ctx context.Context, ip string, droplet int) error {
	if droplet != 0 {
		if _, _, err := a.host(ctx, "GET", strconv.Itoa(droplet)); err != nil {
			return err
		}
	}
	l, unlock, err := a.locked("POST", reservedPath+"/"+ip+"/actions")
	if err != nil {
		return err
	}
	defer unlock()
	var r reservedIPObject
	if err := l.store.Get(cloud.ReservedIPs, ip, &r); err != nil {
		return err
	}
	r.DropletID = droplet
	return l.store.Put(cloud.ReservedIPs, ip, r)
}

// releaseIPs takes the reserved addresses from a droplet that goes away.
func releaseIPs(l lab, droplet int) error {
	all, err := cloud.List[reservedIPObject](l.store, cloud.ReservedIPs)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.DropletID == droplet {
			r.DropletID = 0
			if err := l.store.Put(cloud.ReservedIPs, r.IP, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func reservedIPAssignment(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token: "digitalocean:index/reservedIpAssignment:ReservedIpAssignment",
		Fields: bridge.Fields{
			"ipAddress": {Type: bridge.String, Required: true, ForceNew: true, Check: bridge.IPv4},
			"dropletId": {Type: bridge.Int, Required: true, ForceNew: true, Check: bridge.NotEmpty},
		},
		Create: func(ctx context.Context, in bridge.Values) (string, bridge.Values, error) {
			ip, droplet := in.String("ipAddress"), in.Int("dropletId")
			if err := a.assign(ctx, ip, droplet); err != nil {
				return "", nil, fmt.Errorf("Error Assigning reserved IP (%s) to the droplet: %w", ip, err)
			}
			return uniqueID(fmt.Sprintf("%d-%s-", droplet, ip)), nil, nil
		},
		Read: func(_ context.Context, _ string, state bridge.Values) (bridge.Values, error) {
			_, r, err := a.reserved("GET", state.String("ipAddress"))
			if err == nil && r.DropletID != state.Int("dropletId") {
				err = bridge.ErrGone
			}
			return nil, gone(err)
		},
		Delete: func(ctx context.Context, _ string, state bridge.Values) error {
			_, r, err := a.reserved("GET", state.String("ipAddress"))
			if err != nil || r.DropletID != state.Int("dropletId") {
				return gone(err)
			}
			return gone(a.assign(ctx, r.IP, 0))
		},
		Import: func(_ context.Context, id string) (string, bridge.Values, error) {
			ip, droplet, ok := strings.Cut(id, ",")
			if !ok {
				return "", nil, errors.New("must use the reserved IP and the ID of the Droplet joined with a comma (e.g. `ip_address,droplet_id`)")
			}
			n, err := strconv.Atoi(droplet)
			if err != nil {
				return "", nil, fmt.Errorf("invalid droplet_id %q: %w", droplet, err)
			}
			return uniqueID(fmt.Sprintf("%d-%s-", n, ip)), bridge.Values{"ipAddress": ip, "dropletId": n}, nil
		},
	}
}
