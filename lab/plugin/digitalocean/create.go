//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package digitalocean

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"skep/lab/machine"
	"skep/lab/plugin/bridge"
)

// userDataMax is what the API takes, in bytes.
const userDataMax = 64 << 10

var hostName = regexp.MustCompile(`^[a-zA-Z0-9.-]+$`)

// createDroplet makes a machine. It returns when the machine runs, which the
// API calls active; cloud-init may then still be busy with the user data.
func (a *account) createDroplet(ctx context.Context, in bridge.Values) (string, bridge.Values, error) {
	if err := backupPolicyFits(in); err != nil {
		return "", nil, err
	}
	l, err := a.request("POST", dropletsPath)
	if err != nil {
		return "", nil, fmt.Errorf("Error creating droplet: %w", err)
	}
	spec, err := dropletSpec(l, in)
	if err != nil {
		return "", nil, fmt.Errorf("Error creating droplet: %w", err)
	}
	if err := addTags(l, spec.Tags); err != nil {
		return "", nil, err
	}
	host, err := l.machines.Create(ctx, spec)
	if err != nil {
		return "", nil, fmt.Errorf("Error creating droplet: %w", err)
	}
	id := strconv.Itoa(host.ID)
	if err := moveVolumes(l, host, in.Strings("volumeIds")); err != nil {
		return id, nil, err
	}
	out, err := dropletValues(l, host)
	return id, out, err
}

// dropletSpec is the machine that a request asks for, or why the API refuses it.
func dropletSpec(l lab, in bridge.Values) (machine.Spec, error) {
	spec := machine.Spec{
		Name: in.String("name"), Image: in.String("image"),
		Region: strings.ToLower(in.String("region")), Size: strings.ToLower(in.String("size")),
		UserData: in.String("userData"), Tags: unique(in.Strings("tags")),
	}
	if spec.Region == "" {
		spec.Region = regions[0]
	}
	plan, known := sizes[spec.Size]
	var problem string
	switch {
	case !hostName.MatchString(spec.Name):
		problem = "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)"
	case !known:
		problem = "You specified an invalid size for Droplet creation."
	case !valid(regions, spec.Region):
		problem = "You specified an invalid region for Droplet creation."
	case !valid(images, spec.Image):
		problem = "You specified an invalid image for Droplet creation."
	case len(spec.UserData) > userDataMax:
		problem = "User data is too large: the limit is 64 KiB."
	}
	if problem != "" {
		return spec, refused("POST", dropletsPath, problem)
	}
	keys, unknown, err := authorizedKeys(l, in.Strings("sshKeys"))
	if err != nil {
		return spec, err
	}
	if len(unknown) > 0 {
		return spec, refused("POST", dropletsPath, strings.Join(unknown, ", ")+" are invalid key identifiers for Droplet creation.")
	}
	spec.AuthorizedKeys = keys
	if err := volumesFit(l, in.Strings("volumeIds"), spec.Region); err != nil {
		return spec, err
	}
	vpc, err := dropletVPC(l, in.String("vpcUuid"), spec.Region)
	if err != nil {
		return spec, err
	}
	spec.Labels = map[string]string{labelVPC: vpc, labelDisk: strconv.Itoa(plan.disk)}
	setLabel(&spec, labelIPv6, in.Bool("ipv6"))
	setLabel(&spec, labelBackups, in.Bool("backups"))
	setLabel(&spec, labelMonitoring, in.Bool("monitoring"))
	return spec, nil
}
