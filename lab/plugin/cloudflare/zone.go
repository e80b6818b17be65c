//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

func output(t bridge.Type) *bridge.Field { return &bridge.Field{Type: t, Computed: true} }

func outputList() *bridge.Field {
	return &bridge.Field{Type: bridge.List, Computed: true, Elem: &bridge.Field{Type: bridge.String}}
}

func getZone(a *account) *bridge.Function {
	lookup := func(either ...string) *bridge.Field {
		return &bridge.Field{Type: bridge.String, Optional: true, Computed: true, ExactlyOneOf: either}
	}
	return &bridge.Function{
		Token: "cloudflare:index/getZone:getZone",
		Fields: bridge.Fields{
			"zoneId": lookup("zoneId", "name"), "name": lookup("zoneId", "name"), "accountId": lookup(),
			"status": output(bridge.String), "paused": output(bridge.Bool), "plan": output(bridge.String),
			"nameServers": outputList(), "vanityNameServers": outputList(),
		},
		Read: func(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
			z, err := a.zone(in.String("zoneId"), in.String("name"), in.String("accountId"))
			if err != nil {
				return "", nil, err
			}
			return z.ID, bridge.Values{
				"zoneId": z.ID, "accountId": z.AccountID, "name": z.Name, "status": "active", "paused": false, "plan": "Free Website",
				"nameServers": []string{"ada.ns.cloudflare.com", "bob.ns.cloudflare.com"}, "vanityNameServers": []string{},
			}, nil
		},
	}
}

func (a *account) zone(id, name, accountID string) (cloud.Zone, error) {
	store, err := a.request()
	if err != nil {
		return cloud.Zone{}, fmt.Errorf("error listing zones: %w", err)
	}
	if id != "" {
		z, err := zoneByID(store, id)
		if err != nil {
			return z, fmt.Errorf("error getting zone details: %w", err)
		}
		return z, nil
	}
	all, err := cloud.List[cloud.Zone](store, cloud.Zones)
	if err != nil {
		return cloud.Zone{}, err
	}
	for _, z := range all {
		if strings.EqualFold(z.Name, name) && (accountID == "" || z.AccountID == accountID) {
			return z, nil
		}
	}
	return cloud.Zone{}, errors.New("no zone found")
}

// zoneByID is a request that names a zone in its path.
func zoneByID(store *cloud.Store, id string) (cloud.Zone, error) {
	var z cloud.Zone
	err := store.Get(cloud.Zones, id, &z)
	if errors.Is(err, cloud.ErrNotFound) {
		return z, fmt.Errorf("Could not route to /client/v4/zones/%s, perhaps your object identifier is invalid? (7003)", id)
	}
	return z, err
}

func getZones(a *account) *bridge.Function {
	text := func() *bridge.Field { return &bridge.Field{Type: bridge.String, Optional: true} }
	return &bridge.Function{
		Token: "cloudflare:index/getZones:getZones",
		Fields: bridge.Fields{
			"filter": {Type: bridge.Object, Required: true, Fields: bridge.Fields{
				"accountId": text(), "name": text(), "match": text(), "status": text(),
				"lookupType": {Type: bridge.String, Optional: true, Check: bridge.OneOf("contains", "exact")},
				"paused":     {Type: bridge.Bool, Optional: true},
			}},
			"zones": {Type: bridge.List, Computed: true, Elem: &bridge.Field{Type: bridge.Object, Fields: bridge.Fields{
				"id": text(), "name": text(),
			}}},
		},
		Read: a.readZones,
	}
}

func (a *account) readZones(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
	filter, _ := in["filter"].(bridge.Values)
	match, err := regexp.Compile(filter.String("match"))
	if err != nil {
		return "", nil, err
	}
	store, err := a.request()
	if err != nil {
		return "", nil, fmt.Errorf("error listing Zone: %w", err)
	}
	all, err := cloud.List[cloud.Zone](store, cloud.Zones)
	if err != nil {
		return "", nil, err
	}
	zones, ids := []bridge.Values{}, []string{}
	for _, z := range all {
		if !filtered(filter, z) || !match.MatchString(z.Name) {
			continue
		}
		zones = append(zones, bridge.Values{"id": z.ID, "name": z.Name})
		ids = append(ids, z.ID)
	}
	return checksum(strings.Join(ids, "")), bridge.Values{"zones": zones}, nil
}

// filtered is what the API itself looks for. All of the lab's zones are active
// and not paused.
func filtered(filter bridge.Values, z cloud.Zone) bool {
	name, status, accountID := filter.String("name"), filter.String("status"), filter.String("accountId")
	switch {
	case filter.Bool("paused"), status != "" && status != "active", accountID != "" && accountID != z.AccountID:
		return false
	case filter.String("lookupType") == "contains":
		return strings.Contains(z.Name, name)
	default:
		return name == "" || z.Name == name
	}
}

// checksum is how upstream makes ids for lists.
func checksum(text string) string { return strconv.Itoa(int(crc32.ChecksumIEEE([]byte(text)))) }

// getIPRanges leaves out the networks in China, which only some enterprise
// zones have.
func getIPRanges(a *account) *bridge.Function {
	return &bridge.Function{
		Token: "cloudflare:index/getIpRanges:getIpRanges",
		Fields: bridge.Fields{
			"cidrBlocks": outputList(), "ipv4CidrBlocks": outputList(), "ipv6CidrBlocks": outputList(),
			"chinaIpv4CidrBlocks": outputList(), "chinaIpv6CidrBlocks": outputList(),
		},
		Read: func(context.Context, bridge.Values) (string, bridge.Values, error) {
			store, err := a.request()
			if err != nil {
				return "", nil, fmt.Errorf("failed to fetch Cloudflare IP ranges: %w", err)
			}
			lists := map[string][]string{}
			var all []string
			for _, name := range []string{cloud.IPv4Ranges, cloud.IPv6Ranges} {
				text, err := store.Ranges(name)
				if err != nil {
					return "", nil, err
				}
				lists[name] = strings.Fields(text)
				sort.Strings(lists[name])
				all = append(all, lists[name]...)
			}
			sort.Strings(all)
			return checksum(strings.Join(all, "|")), bridge.Values{
				"cidrBlocks": all, "ipv4CidrBlocks": lists[cloud.IPv4Ranges], "ipv6CidrBlocks": lists[cloud.IPv6Ranges],
				"chinaIpv4CidrBlocks": []string{}, "chinaIpv6CidrBlocks": []string{},
			}, nil
		},
	}
}
