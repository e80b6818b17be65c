//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package digitalocean

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

const vpcsPath = "vpcs"

var vpcName = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)

type vpcObject struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Region      string    `json:"region"`
	IPRange     string    `json:"ipRange"`
	Default     bool      `json:"default"`
	Created     time.Time `json:"created"`
	// Chosen tells that the user gave the range: only such ranges are kept
	// apart, because all VPCs of the lab share one real network.
	Chosen bool `json:"chosen"`
}

func (v vpcObject) values() bridge.Values {
	return bridge.Values{
		"name": v.Name, "description": v.Description, "region": v.Region, "ipRange": v.IPRange,
		"vpcUrn": "do:vpc:" + v.ID, "default": v.Default, "createdAt": v.Created.UTC().Format("2006-01-02 15:04:05 +0000 UTC"),
	}
}

func vpc(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token: "digitalocean:index/vpc:Vpc",
		Meta:  `{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"delete":120000000000}}`,
		Fields: bridge.Fields{
			"name":        autoName(),
			"region":      {Type: bridge.String, Required: true, ForceNew: true, Check: bridge.NotEmpty},
			"description": {Type: bridge.String, Optional: true, Check: bridge.LengthBetween(0, 255)},
			"ipRange":     {Type: bridge.String, Optional: true, Computed: true, ForceNew: true, Check: bridge.CIDR},
			"vpcUrn":      {Type: bridge.String, Computed: true, TF: "urn"},
			"default":     computed(bridge.Bool),
			"createdAt":   computed(bridge.String),
		},
		Create: func(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
			v, err := a.addVPC(in)
			if err != nil {
				return "", nil, fmt.Errorf("Error creating VPC: %w", err)
			}
			return v.ID, v.values(), nil
		},
		Read: func(_ context.Context, id string, _ bridge.Values) (bridge.Values, error) {
			l, err := a.request("GET", vpcsPath+"/"+id)
			if err != nil {
				return nil, fmt.Errorf("Error reading VPC: %w", err)
			}
			var v vpcObject
			err = l.store.Get(cloud.VPCs, id, &v)
			return v.values(), gone(err)
		},
		Update: func(_ context.Context, id string, _, in bridge.Values) (bridge.Values, error) {
			l, err := a.request("PUT", vpcsPath+"/"+id)
			if err != nil {
				return nil, fmt.Errorf("Error updating VPC : %w", err)
			}
			var v vpcObject
			if err := l.store.Get(cloud.VPCs, id, &v); err != nil {
				return nil, gone(err)
			}
			v.Name, v.Description = in.String("name"), in.String("description")
			return v.values(), l.store.Put(cloud.VPCs, id, v)
		},
		Delete: a.deleteVPC,
	}
}

func (a *account) addVPC(in bridge.Values) (vpcObject, error) {
	l, unlock, err := a.locked("POST", vpcsPath)
	if err != nil {
		return vpcObject{}, err
	}
	defer unlock()
	v := vpcObject{
		ID: cloud.NewUUID(), Name: in.String("name"), Description: in.String("description"), Region: in.String("region"),
		IPRange: in.String("ipRange"), Chosen: in.Has("ipRange"), Created: time.Now().UTC().Truncate(time.Second),
	}
	all, err := cloud.List[vpcObject](l.store, cloud.VPCs)
	if err != nil {
		return v, err
	}
	if problem := vpcProblem(v, all); problem != "" {
		return v, refused("POST", vpcsPath, problem)
	}
	if !v.Chosen {
		v.IPRange = l.private
	}
	return v, l.store.Put(cloud.VPCs, v.ID, v)
}

// vpcProblem says why the API refuses a VPC, or "".
func vpcProblem(v vpcObject, all []vpcObject) string {
	switch {
	case !slices.Contains(regions, v.Region):
		return fmt.Sprintf("region %q is not available", v.Region)
	case !vpcName.MatchString(v.Name):
		return "name may only contain alphanumeric characters, dashes, and periods"
	}
	for _, other := range all {
		if other.Name == v.Name {
			return fmt.Sprintf("a VPC with the name %q already exists", v.Name)
		}
	}
	if !v.Chosen {
		return ""
	}
	network, err := netip.ParsePrefix(v.IPRange)
	if err != nil || !network.Addr().IsPrivate() || network.Bits() < 16 || network.Bits() > 28 {
		return "ip_range must be a private network (RFC 1918) from /16 to /28"
	}
	for _, other := range all {
		if n, err := netip.ParsePrefix(other.IPRange); err == nil && other.Chosen && n.Overlaps(network) {
			return "This range/size overlaps with another VPC network in your account."
		}
	}
	return ""
}

func (a *account) deleteVPC(ctx context.Context, id string, _ bridge.Values) error {
	l, err := a.request("DELETE", vpcsPath+"/"+id)
	if err != nil {
		return fmt.Errorf("Error deleting VPC: %w", err)
	}
	hosts, err := l.machines.Machines(ctx)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		if host.Labels[labelVPC] == id {
			return fmt.Errorf("Error deleting VPC: %w",
				apiError("DELETE", vpcsPath+"/"+id, http.StatusConflict, "Can not delete VPC with members"))
		}
	}
	return l.store.Delete(cloud.VPCs, id)
}

// dropletVPC finds the VPC of a new droplet: the one it asks for, or the
// region's default one, which is made when the first droplet needs it.
func dropletVPC(l lab, id, region string) (string, error) {
	if id != "" {
		var v vpcObject
		if err := l.store.Get(cloud.VPCs, id, &v); err != nil || v.Region != region {
			return "", refused("POST", dropletsPath, fmt.Sprintf("Failed to resolve VPC %s in region %s", id, region))
		}
		return id, nil
	}
	unlock, err := l.store.Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	all, err := cloud.List[vpcObject](l.store, cloud.VPCs)
	if err != nil {
		return "", err
	}
	for _, v := range all {
		if v.Default && v.Region == region {
			return v.ID, nil
		}
	}
	v := vpcObject{
		ID: cloud.NewUUID(), Name: "default-" + region, Region: region, IPRange: l.private, Default: true,
		Created: time.Now().UTC().Truncate(time.Second),
	}
	return v.ID, l.store.Put(cloud.VPCs, v.ID, v)
}
