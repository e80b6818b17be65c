// Package digitalocean answers for pulumi-digitalocean 4.62.0. A droplet is a
// machine of the lab; everything else of the account is an object in the lab's
// cloud directory. Requests are refused for the same reasons as by the real
// API, and where its words are known, with them.
//
// What differs from the real account: every droplet boots the lab's host image,
// whatever its image and region are called; a VPC without a range of its own
// tells the lab's private network, and one with a range does not change where
// droplets get their private addresses from; IPv6 addresses are told but reach
// nowhere; firewalls are kept and not enforced; volumes are no disks on the
// host; reserved addresses are not routed. Removing an SSH key, a tag or a
// reserved address that is gone already is no error.
package digitalocean

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"skep/lab/cloud"
	"skep/lab/instance"
	"skep/lab/machine"
	"skep/lab/plugin/bridge"
	"skep/lab/plugin/serve"
)

// Name and Version are those of the package that is answered for.
const (
	Name    = "digitalocean"
	Version = "4.62.0"
)

// Main serves the plugin and returns its exit code.
func Main() int {
	return serve.Main(Name, Version, func(host *serve.Host) (pulumirpc.ResourceProviderServer, error) {
		return bridge.New(host, provider(&account{open: openLab})), nil
	})
}

// machines is what the account needs of the lab's hosts.
type machines interface {
	Create(ctx context.Context, s machine.Spec) (machine.Machine, error)
	Machine(ctx context.Context, id int) (machine.Machine, error)
	Machines(ctx context.Context) ([]machine.Machine, error)
	Delete(ctx context.Context, id int) error
	PowerOff(ctx context.Context, id int) error
	PowerOn(ctx context.Context, id int) error
	Relabel(ctx context.Context, id int, s machine.Spec) (machine.Machine, error)
}

var _ machines = (*machine.Lab)(nil)

// account is the played DigitalOcean account.
type account struct {
	// open finds the lab. It is called when a request is served, so that the
	// provider can describe itself without one.
	open func() (lab, error)

	mu     sync.Mutex
	token  string
	opened *lab
}

// lab is where the account's objects live.
type lab struct {
	store    *cloud.Store
	machines machines
	// private is the network that plays every VPC.
	private string
}

func openLab() (lab, error) {
	path, err := os.Executable()
	if err != nil {
		return lab{}, fmt.Errorf("find lab: %w", err)
	}
	i, err := instance.Find(path)
	if err != nil {
		return lab{}, err
	}
	return lab{store: cloud.Open(i.CloudDir()), machines: machine.Open(i), private: i.PrivateSubnet.String()}, nil
}

func provider(a *account) bridge.Provider {
	text := func() *bridge.Field { return &bridge.Field{Type: bridge.String, Optional: true} }
	number := func() *bridge.Field { return &bridge.Field{Type: bridge.Float, Optional: true} }
	return bridge.Provider{
		Name: Name, Version: Version,
		Config: bridge.Fields{
			"token": text(), "apiEndpoint": text(), "spacesEndpoint": text(),
			"spacesAccessId": text(), "spacesSecretKey": text(),
			"requestsPerSecond": number(), "httpRetryMax": {Type: bridge.Int, Optional: true},
			"httpRetryWaitMax": number(), "httpRetryWaitMin": number(),
		},
		Env:       map[string][]string{"token": {"DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN"}},
		Configure: a.configure,
		Resources: []*bridge.Resource{
			droplet(a), firewall(a), project(a), reservedIP(a), reservedIPAssignment(a),
			sshKey(a), tag(a), volume(a), volumeAttachment(a), vpc(a),
		},
	}
}

func (a *account) configure(config bridge.Values) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token = config.String("token")
	return nil
}

// request opens the account for one request of the API, which needs a token.
// Any token will do: the lab has no secrets of the account's owner.
func (a *account) request(method, path string) (lab, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token == "" {
		return lab{}, apiError(method, path, http.StatusUnauthorized, "Unable to authenticate you")
	}
	if a.opened == nil {
		l, err := a.open()
		if err != nil {
			return lab{}, err
		}
		a.opened = &l
	}
	return *a.opened, nil
}

// locked is request for what checks first and stores then.
func (a *account) locked(method, path string) (l lab, unlock func(), err error) {
	l, err = a.request(method, path)
	if err != nil {
		return l, nil, err
	}
	unlock, err = l.store.Lock()
	return l, unlock, err
}

// apiError is an answer of the API as its Go client prints it.
func apiError(method, path string, status int, message string) error {
	return fmt.Errorf("%s https://api.digitalocean.com/v2/%s: %d (request %q) %s", method, path, status, cloud.NewUUID(), message)
}

func refused(method, path, message string) error {
	return apiError(method, path, http.StatusUnprocessableEntity, message)
}

// gone turns the two ways of not being there into the bridge's.
func gone(err error) error {
	if errors.Is(err, cloud.ErrNotFound) || errors.Is(err, machine.ErrNotFound) {
		return bridge.ErrGone
	}
	return err
}

// computed is an output.
func computed(t bridge.Type) *bridge.Field { return &bridge.Field{Type: t, Computed: true} }

// autoName is the name of an object, made from the resource's if not given.
func autoName() *bridge.Field {
	return &bridge.Field{Type: bridge.String, Required: true, AutoName: true, Check: bridge.NotEmpty}
}

// setOf is an optional set.
func setOf(t bridge.Type) *bridge.Field {
	return &bridge.Field{Type: bridge.Set, Optional: true, Elem: &bridge.Field{Type: t}}
}
