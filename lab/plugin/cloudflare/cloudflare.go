//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

// Package cloudflare answers for pulumi-cloudflare 5.49.1. Zones and records
// are objects in the lab's cloud directory, which the lab's DNS server answers
// from. Requests are refused for the same reasons as by the real provider and
// API, with their words where they are known.
//
// What differs from the real account: a record that conflicts with another is
// refused at once, while upstream tries again for half a minute; a proxied
// record may hold a private address, because all of the lab's are; removing a
// record that is gone already is no error; the networks in China are left out
// of the list of Cloudflare's own.
package cloudflare

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"skep/lab/cloud"
	"skep/lab/instance"
	"skep/lab/plugin/bridge"
	"skep/lab/plugin/serve"
)

// Name and Version are those of the package that is answered for.
const (
	Name    = "cloudflare"
	Version = "5.49.1"
)

// Main serves the plugin and returns its exit code.
func Main() int {
	return serve.Main(Name, Version, func(host *serve.Host) (pulumirpc.ResourceProviderServer, error) {
		return bridge.New(host, provider(&account{open: openLab})), nil
	})
}

// account is the played Cloudflare account.
type account struct {
	// open finds the lab. It is called when a request is served, so that the
	// provider can describe itself without one.
	open func() (*cloud.Store, error)

	mu    sync.Mutex
	token string
	store *cloud.Store
}

func openLab() (*cloud.Store, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find lab: %w", err)
	}
	i, err := instance.Find(path)
	if err != nil {
		return nil, err
	}
	return cloud.Open(i.CloudDir()), nil
}

var (
	tokenForm = regexp.MustCompile(`[A-Za-z0-9-_]{40}`)
	keyForm   = regexp.MustCompile(`[0-9a-f]{37}`)
)

func provider(a *account) bridge.Provider {
	text := func() *bridge.Field { return &bridge.Field{Type: bridge.String, Optional: true} }
	number := func(standard int) *bridge.Field {
		return &bridge.Field{Type: bridge.Int, Optional: true, Default: standard}
	}
	key := &bridge.Field{Type: bridge.String, Optional: true, Secret: true, Check: bridge.Matches(keyForm,
		"API key must be 37 characters long and only contain characters 0-9 and a-f (all lowercased)")}
	token := &bridge.Field{Type: bridge.String, Optional: true, Secret: true, Check: bridge.Matches(tokenForm,
		"API tokens must be 40 characters long and only contain characters a-z, A-Z, 0-9, hyphens and underscores")}
	return bridge.Provider{
		Name: Name, Version: Version,
		Config: bridge.Fields{
			"apiToken": token, "apiKey": key, "apiUserServiceKey": {Type: bridge.String, Optional: true, Secret: true},
			"email": text(), "apiHostname": text(), "apiBasePath": text(), "userAgentOperatorSuffix": text(),
			"rps": number(4), "retries": number(3), "minBackoff": number(1), "maxBackoff": number(30),
			"apiClientLogging": {Type: bridge.Bool, Optional: true, Default: false},
		},
		Env: map[string][]string{
			"apiToken": {"CLOUDFLARE_API_TOKEN"}, "apiKey": {"CLOUDFLARE_API_KEY"},
			"apiUserServiceKey": {"CLOUDFLARE_API_USER_SERVICE_KEY"}, "email": {"CLOUDFLARE_EMAIL"},
		},
		Configure: a.configure,
		Resources: []*bridge.Resource{
			record(a), originCertificate(a), pullsCertificate(a), pulls(a), dnssec(a), zoneSettings(a), tunnel(a), tunnelConfig(a),
		},
		Functions: []*bridge.Function{getRecord(a), getZone(a), getZones(a), getIPRanges(a)},
	}
}

func (a *account) configure(config bridge.Values) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	token, key, service := config.String("apiToken"), config.String("apiKey"), config.String("apiUserServiceKey")
	switch {
	case key != "" && config.String("email") == "":
		return errors.New(`"email" is not set correctly`)
	case token == "" && key == "" && service == "":
		return errors.New(`must provide exactly one of "apiKey", "apiToken" or "apiUserServiceKey".`)
	}
	a.token = token
	return nil
}

// request opens the account for one request of the API. Any token of the right
// form will do: the lab has no secrets of the account's owner.
func (a *account) request() (*cloud.Store, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token != "" && !tokenForm.MatchString(a.token) {
		return nil, errors.New("Invalid request headers (6003)")
	}
	if a.store == nil {
		store, err := a.open()
		if err != nil {
			return nil, err
		}
		a.store = store
	}
	return a.store, nil
}
