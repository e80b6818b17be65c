//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package digitalocean

import (
	"context"
	"crypto/sha1" // how upstream shows user data in the state
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"skep/lab/machine"
	"skep/lab/plugin/bridge"
)

const dropletsPath = "droplets"

// Labels of a machine that hold what only the cloud knows of a droplet.
const (
	labelVPC        = "vpc"
	labelDisk       = "disk"
	labelIPv6       = "ipv6"
	labelBackups    = "backups"
	labelMonitoring = "monitoring"
)

func droplet(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token: "digitalocean:index/droplet:Droplet",
		Meta: `{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":3600000000000,"delete":60000000000,` +
			`"update":3600000000000},"schema_version":"1"}`,
		Fields: dropletFields(),
		Customize: func(p *bridge.Plan) error {
			if p.Prior == nil || !p.Changed("ipv6") {
				return nil
			}
			// IPv6 can be switched on, and only a new droplet is without.
			if p.Planned["ipv6"] == true {
				p.Recompute("ipv6Address")
			} else if p.Prior["ipv6"] == true {
				p.Replace("ipv6")
			}
			return nil
		},
		Create: a.createDroplet,
		Read: func(ctx context.Context, id string, _ bridge.Values) (bridge.Values, error) {
			l, host, err := a.host(ctx, "GET", id)
			if err != nil {
				return nil, gone(err)
			}
			return dropletValues(l, host)
		},
		Update: a.updateDroplet,
		Delete: a.deleteDroplet,
		Import: func(ctx context.Context, id string) (string, bridge.Values, error) {
			_, host, err := a.host(ctx, "GET", id)
			return id, bridge.Values{"image": host.Image, "resizeDisk": true}, gone(err)
		},
	}
}

func dropletFields() bridge.Fields {
	off := func() *bridge.Field { return &bridge.Field{Type: bridge.Bool, Optional: true, Default: false} }
	monitoring := off()
	monitoring.ForceNew = true
	text := func() *bridge.Field { return &bridge.Field{Type: bridge.String, Optional: true} }
	return bridge.Fields{
		"image":            {Type: bridge.String, Required: true, ForceNew: true, Check: bridge.NotEmpty},
		"name":             autoName(),
		"region":           {Type: bridge.String, Optional: true, Computed: true, ForceNew: true, State: strings.ToLower, Check: bridge.NotEmpty},
		"size":             {Type: bridge.String, Required: true, State: strings.ToLower, Check: bridge.NotEmpty},
		"gracefulShutdown": off(),
		"resizeDisk":       {Type: bridge.Bool, Optional: true, Default: true},
		"backups":          off(),
		"backupPolicy": {Type: bridge.Object, Optional: true, RequiredWith: []string{"backups"}, Fields: bridge.Fields{
			"plan":    {Type: bridge.String, Optional: true, Check: bridge.OneOf("daily", "weekly")},
			"weekday": {Type: bridge.String, Optional: true, Check: bridge.OneOf("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")},
			"hour":    {Type: bridge.Int, Optional: true, Check: bridge.Between(0, 20)},
		}},
		"ipv6":              off(),
		"ipv6Address":       {Type: bridge.String, Optional: true, Computed: true},
		"privateNetworking": {Type: bridge.Bool, Optional: true, Computed: true, Deprecated: true},
		"sshKeys": {Type: bridge.Set, Optional: true, ForceNew: true,
			Elem: &bridge.Field{Type: bridge.String, Check: bridge.NotEmpty}},
		"userData":     {Type: bridge.String, Optional: true, ForceNew: true, Check: bridge.NotEmpty, State: sha1Hex},
		"volumeIds":    {Type: bridge.Set, Optional: true, Computed: true, Elem: text()},
		"monitoring":   monitoring,
		"dropletAgent": {Type: bridge.Bool, Optional: true, ForceNew: true},
		"tags":         tags(),
		"vpcUuid":      {Type: bridge.String, Optional: true, Computed: true, ForceNew: true, Check: bridge.NotEmpty},

		"createdAt":  computed(bridge.String),
		"dropletUrn": {Type: bridge.String, Computed: true, TF: "urn"},
		"disk":       computed(bridge.Int), "vcpus": computed(bridge.Int), "memory": computed(bridge.Int),
		"priceHourly": computed(bridge.Float), "priceMonthly": computed(bridge.Float),
		"status": computed(bridge.String), "locked": computed(bridge.Bool),
		"ipv4Address": computed(bridge.String), "ipv4AddressPrivate": computed(bridge.String),
	}
}

// sha1Hex is how the state shows user data: it may hold keys.
func sha1Hex(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// host finds the machine of a droplet.
func (a *account) host(ctx context.Context, method, id string) (lab, machine.Machine, error) {
	n, err := strconv.Atoi(id)
	if err != nil {
		return lab{}, machine.Machine{}, fmt.Errorf("invalid droplet id: %w", err)
	}
	l, err := a.request(method, dropletsPath+"/"+id)
	if err != nil {
		return l, machine.Machine{}, fmt.Errorf("Error retrieving droplet: %w", err)
	}
	host, err := l.machines.Machine(ctx, n)
	return l, host, err
}

// dropletValues is what the API tells about a droplet. The image is not among
// it: its slug may meanwhile name a newer one.
func dropletValues(l lab, host machine.Machine) (bridge.Values, error) {
	plan := sizes[host.Size]
	disk, err := strconv.Atoi(host.Labels[labelDisk])
	if err != nil {
		disk = plan.disk
	}
	volumes, err := volumesOf(l, host.ID)
	if err != nil {
		return nil, err
	}
	ipv6 := ""
	if host.Labels[labelIPv6] == "true" {
		// The lab has no IPv6: an address that no one can reach.
		ipv6 = fmt.Sprintf("2001:db8::%x", host.ID)
	}
	return bridge.Values{
		"name": host.Name, "dropletUrn": dropletURN(host.ID), "region": host.Region, "size": host.Size,
		"priceHourly": plan.hourly(), "priceMonthly": plan.monthly,
		"disk": disk, "vcpus": plan.vcpus, "memory": plan.memory,
		"status": string(host.Status), "locked": false, "createdAt": host.Created.UTC().Format("2006-01-02T15:04:05Z"),
		"vpcUuid": host.Labels[labelVPC], "ipv4Address": address(host.PublicIPv4), "ipv4AddressPrivate": address(host.PrivateIPv4),
		"ipv6": host.Labels[labelIPv6] == "true", "ipv6Address": ipv6, "privateNetworking": true,
		"backups": host.Labels[labelBackups] == "true", "monitoring": host.Labels[labelMonitoring] == "true",
		"volumeIds": volumes, "tags": unique(host.Tags),
	}, nil
}

// address is an address as text, "" for none.
func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func dropletURN(id int) string { return "do:droplet:" + strconv.Itoa(id) }

func (a *account) updateDroplet(ctx context.Context, id string, prior, in bridge.Values) (bridge.Values, error) {
	l, host, err := a.host(ctx, "GET", id)
	if err != nil {
		return nil, gone(err)
	}
	spec := host.Spec
	spec.Name, spec.Tags = in.String("name"), unique(in.Strings("tags"))
	spec.Labels = maps.Clone(spec.Labels)
	if err := backupPolicyFits(in); err != nil {
		return nil, err
	}
	setLabel(&spec, labelBackups, in.Bool("backups"))
	setLabel(&spec, labelIPv6, in.Bool("ipv6"))
	if err := addTags(l, spec.Tags); err != nil {
		return nil, err
	}
	if slug := strings.ToLower(in.String("size")); slug != host.Size {
		if err := l.resize(ctx, &spec, host, slug, in.Bool("resizeDisk")); err != nil {
			return nil, err
		}
	}
	if _, err := l.machines.Relabel(ctx, host.ID, spec); err != nil {
		return nil, gone(err)
	}
	if host.Size != spec.Size {
		if err := l.machines.PowerOn(ctx, host.ID); err != nil {
			return nil, fmt.Errorf("Error powering on droplet (%s) after resize: %w", id, err)
		}
	}
	if in.Has("volumeIds") {
		if err := moveVolumes(l, host, in.Strings("volumeIds")); err != nil {
			return nil, err
		}
	}
	host, err = l.machines.Machine(ctx, host.ID)
	if err != nil {
		return nil, gone(err)
	}
	return dropletValues(l, host)
}

// resize switches a droplet off and gives it another plan.
func (l lab) resize(ctx context.Context, spec *machine.Spec, host machine.Machine, slug string, resizeDisk bool) error {
	id := strconv.Itoa(host.ID)
	fail := func(problem string) error {
		return fmt.Errorf("Error resizing droplet (%s): %w", id,
			refused("POST", dropletsPath+"/"+id+"/actions", problem))
	}
	plan, ok := sizes[slug]
	disk, _ := strconv.Atoi(host.Labels[labelDisk])
	switch {
	case !ok:
		return fail("You specified an invalid size for Droplet resize.")
	case plan.disk < disk:
		return fail("This size is not available because it has a smaller disk.")
	}
	if err := l.machines.PowerOff(ctx, host.ID); err != nil {
		return fmt.Errorf("Error powering off droplet (%s): %w", id, err)
	}
	spec.Size = slug
	if resizeDisk {
		spec.Labels[labelDisk] = strconv.Itoa(plan.disk)
	}
	return nil
}

func (a *account) deleteDroplet(ctx context.Context, id string, state bridge.Values) error {
	l, host, err := a.host(ctx, "DELETE", id)
	if err != nil {
		return gone(err)
	}
	if state.Bool("gracefulShutdown") {
		if err := l.machines.PowerOff(ctx, host.ID); err != nil {
			return fmt.Errorf("Error shutting down the the droplet (%s): %w", id, err)
		}
	}
	if err := moveVolumes(l, host, nil); err != nil {
		return err
	}
	if err := releaseIPs(l, host.ID); err != nil {
		return err
	}
	return gone(l.machines.Delete(ctx, host.ID))
}

func backupPolicyFits(in bridge.Values) error {
	if in.Has("backupPolicy") && !in.Bool("backups") {
		return errors.New("backup_policy can only be set when backups are enabled")
	}
	return nil
}

func setLabel(spec *machine.Spec, label string, on bool) {
	if spec.Labels == nil {
		spec.Labels = map[string]string{}
	}
	spec.Labels[label] = strconv.FormatBool(on)
}

// valid tells whether the API knows a slug.
func valid(list []string, slug string) bool { return slices.Contains(list, slug) }
