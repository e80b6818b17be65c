package host

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/pulumi/pulumi-command/sdk/go/command/remote"
	"github.com/pulumi/pulumi-digitalocean/sdk/v4/go/digitalocean"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumix"

	"skep/internal/keys"
)

//go:embed enroll.sh
var enrollText string

// AdminUser logs in to droplets: with keys only, and root by sudo. Nobody logs
// in as root there.
const AdminUser = "skep"

// enrollLimit bounds the first contact: a boot, and cloud-init.
const enrollLimit = 4 * time.Minute

// DropletArgs describe a machine to make at DigitalOcean.
type DropletArgs struct {
	// Region, Size and Image are DigitalOcean's slugs.
	Region, Size, Image string
	// Cloud is what all droplets of a cluster share.
	Cloud *Cloud
	// Fresh is for a machine that is being replaced: it gets image, user data and
	// keys as they are now, not as they were when the one before it was made.
	Fresh bool
}

// create makes the droplet and brings its SSH host key under control.
//
// The first connection can only be pinned to a key that the program knows, so
// the droplet boots with one derived from its seed, handed over in user data.
// User data can be read from inside the machine for as long as it lives, so
// that key is good for one connection: over it the host makes a key of its own
// and tells its public half, to which everything else is pinned.
func (h *Host) create(ctx *pulumi.Context, name string, args *DropletArgs) error {
	h.User, h.Port = AdminUser, 22
	bootstrap := pulumix.ApplyErr(h.Seed, func(seed string) (keys.SSHKey, error) {
		s, err := keys.ParseSeed(seed)
		if err != nil {
			return keys.SSHKey{}, err
		}
		return s.BootstrapHostKey(h.Name)
	})
	userData := pulumi.ToSecret(pulumix.Cast[pulumi.StringOutput](
		pulumix.Apply2Err(bootstrap, args.Cloud.publicKey, cloudConfig))).(pulumi.StringOutput)
	// DigitalOcean replaces a machine for any of these; none is a reason to throw
	// one away.
	ignored := []string{"userData", "sshKeys", "image"}
	if args.Fresh {
		ignored = nil
	}
	droplet, err := digitalocean.NewDroplet(ctx, name, &digitalocean.DropletArgs{
		Name:   pulumi.String(h.Name),
		Region: pulumi.String(args.Region),
		Size:   pulumi.String(args.Size),
		Image:  pulumi.String(args.Image),
		// root's key is of no use, but without one DigitalOcean sets a password
		// for root and mails it.
		SshKeys:      pulumi.StringArray{args.Cloud.sshKey},
		VpcUuid:      args.Cloud.vpcs[args.Region],
		Tags:         pulumi.StringArray{args.Cloud.tag},
		UserData:     userData,
		DropletAgent: pulumi.Bool(false), // it would let the web console past our SSH settings
	}, pulumi.Parent(h), pulumi.IgnoreChanges(ignored))
	if err != nil {
		return err
	}
	h.machine = droplet
	h.PublicAddress = droplet.Ipv4Address
	h.identity = droplet.ID().ToStringOutput()
	publicHalf := pulumi.Unsecret(pulumix.Cast[pulumi.StringOutput](
		pulumix.Apply(bootstrap, func(key keys.SSHKey) string { return key.Public }))).(pulumi.StringOutput)
	return h.enroll(ctx, name, publicHalf)
}

// enroll waits for the machine and exchanges its host key.
func (h *Host) enroll(ctx *pulumi.Context, name string, bootstrapKey pulumi.StringOutput) error {
	connection := h.connection(bootstrapKey)
	connection.DialErrorLimit = pulumi.Int(-1) // the machine boots; the timeout below ends it
	enroll, err := h.command(ctx, name+"-enroll", &remote.CommandArgs{
		Connection: connection,
		Create:     pulumi.String(rootLine(h.User, enrollLimit) + " bash -s"),
		Stdin:      pulumi.String(enrollText),
	}, []pulumi.ResourceOption{
		pulumi.Parent(h),
		pulumi.Timeouts(&pulumi.CustomTimeouts{Create: "5m", Update: "5m"}), // a boot, and cloud-init
		// Once the base has dropped the first key, this connection cannot be made
		// again; only another machine (its address, or the trigger) is a reason.
		pulumi.IgnoreChanges([]string{"create", "stdin", "connection.user", "connection.privateKey", "connection.hostKey"}),
	})
	if err != nil {
		return err
	}
	h.HostKey = pulumi.Unsecret(enroll.Stdout.ApplyT(enrolledKey)).(pulumi.StringOutput)
	return nil
}

// enrolledKey checks what a host said its key is.
func enrolledKey(stdout string) (string, error) {
	line := strings.TrimSpace(stdout)
	if !strings.HasPrefix(line, "ssh-ed25519 ") || strings.Contains(line, "\n") {
		return "", fmt.Errorf("enroll host: it answered %q, need one ssh-ed25519 key", line)
	}
	return line, nil
}

// cloudConfig is the user data, JSON below its first line, which is YAML too.
// cloud-init makes the admin's account and installs exactly the given SSH host
// key (modules cc_users_groups and cc_ssh); the users of the image it leaves out.
func cloudConfig(hostKey keys.SSHKey, adminKey string) (string, error) {
	text, err := json.MarshalIndent(map[string]any{
		"disable_root": true,
		"ssh_pwauth":   false,
		"users": []map[string]any{{
			"name": AdminUser, "gecos": "Skep", "shell": "/bin/bash", "lock_passwd": true,
			"sudo": "ALL=(ALL) NOPASSWD:ALL", "ssh_authorized_keys": []string{adminKey},
		}},
		"ssh_deletekeys": true,
		"ssh_keys":       map[string]string{"ecdsa_private": hostKey.Private, "ecdsa_public": hostKey.Public},
	}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write user data: %w", err)
	}
	return "#cloud-config\n" + string(text) + "\n", nil
}
