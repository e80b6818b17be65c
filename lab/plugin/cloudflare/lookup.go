//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package cloudflare

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

// getRecord finds one record. There is no data source for several.
func getRecord(a *account) *bridge.Function {
	return &bridge.Function{
		Token: "cloudflare:index/getRecord:getRecord",
		Fields: bridge.Fields{
			"zoneId": {Type: bridge.String, Required: true}, "hostname": {Type: bridge.String, Required: true},
			"type":     {Type: bridge.String, Optional: true, Default: "A", Check: bridge.OneOf(recordTypes...)},
			"content":  {Type: bridge.String, Optional: true},
			"priority": {Type: bridge.Int, Optional: true},
			"value":    output(bridge.String), "proxied": output(bridge.Bool), "ttl": output(bridge.Int), "proxiable": output(bridge.Bool),
		},
		Read: func(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
			found, err := a.records(in)
			if err != nil {
				return "", nil, err
			}
			r, err := single(found, in)
			if err != nil {
				return "", nil, err
			}
			out := bridge.Values{"type": r.Type, "value": r.Content, "proxied": r.Proxied, "ttl": r.TTL, "proxiable": proxiable(r.Type)}
			if hasPriority(r.Type) {
				out["priority"] = r.Priority
			}
			return r.ID, out, nil
		},
	}
}

// records are those that a lookup asks the API for.
func (a *account) records(in bridge.Values) ([]cloud.Record, error) {
	store, err := a.request()
	if err != nil {
		return nil, fmt.Errorf("error listing DNS records: %w", err)
	}
	if _, err := zoneByID(store, in.String("zoneId")); err != nil {
		return nil, fmt.Errorf("error listing DNS records: %w", err)
	}
	all, err := cloud.List[cloud.Record](store, cloud.Records)
	return slices.DeleteFunc(all, func(r cloud.Record) bool {
		return r.ZoneID != in.String("zoneId") || r.Name != strings.ToLower(in.String("hostname")) || r.Type != in.String("type") ||
			in.Has("content") && r.Content != in.String("content")
	}), err
}

// single is the one that the provider takes, which for MX and URI goes by their
// priority.
func single(found []cloud.Record, in bridge.Values) (cloud.Record, error) {
	switch {
	case len(found) == 0:
		return cloud.Record{}, fmt.Errorf("didn't get any DNS records for hostname: %s", in.String("hostname"))
	case len(found) == 1:
		return found[0], nil
	case !hasPriority(in.String("type")):
		return cloud.Record{}, fmt.Errorf("only wanted 1 DNS record. Got %d records", len(found))
	}
	for _, r := range found {
		if r.Priority == in.Int("priority") {
			return r, nil
		}
	}
	return cloud.Record{}, fmt.Errorf("unable to find single record for %s type %s", in.String("hostname"), in.String("type"))
}
