//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

func record(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token: "cloudflare:index/record:Record",
		Meta:  `{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":30000000000,"update":30000000000},"schema_version":"3"}`,
		Fields: bridge.Fields{
			"zoneId":         {Type: bridge.String, Required: true, ForceNew: true},
			"name":           {Type: bridge.String, Required: true, ForceNew: true, State: strings.ToLower},
			"type":           {Type: bridge.String, Required: true, ForceNew: true, Check: bridge.OneOf(recordTypes...)},
			"content":        contentField(false),
			"value":          contentField(true),
			"data":           {Type: bridge.Object, Optional: true, ExactlyOneOf: contentNames, Fields: dataFields()},
			"ttl":            {Type: bridge.Int, Optional: true, Computed: true},
			"priority":       {Type: bridge.Int, Optional: true, Same: otherPriority},
			"proxied":        {Type: bridge.Bool, Optional: true},
			"allowOverwrite": {Type: bridge.Bool, Optional: true, Default: false},
			"comment":        {Type: bridge.String, Optional: true},
			"tags":           {Type: bridge.Set, Optional: true, Elem: &bridge.Field{Type: bridge.String}},
			"hostname":       output(bridge.String), "proxiable": output(bridge.Bool),
			"createdOn": output(bridge.String), "modifiedOn": output(bridge.String),
			"metadata": {Type: bridge.Map, Computed: true, Elem: &bridge.Field{Type: bridge.String}},
		},
		Create: a.createRecord,
		Read: func(_ context.Context, id string, state bridge.Values) (bridge.Values, error) {
			_, r, err := a.record(id)
			if err == nil && r.ZoneID != state.String("zoneId") {
				err = bridge.ErrGone
			}
			return recordValues(r, state), err
		},
		Update: a.updateRecord,
		Delete: func(_ context.Context, id string, _ bridge.Values) error {
			store, err := a.request()
			if err != nil {
				return fmt.Errorf("error deleting Cloudflare Record: %w", err)
			}
			return store.Delete(cloud.Records, id)
		},
		Import: a.importRecord,
	}
}

// contentNames are the three ways to say what a record holds.
var contentNames = []string{"content", "data", "value"}

func contentField(deprecated bool) *bridge.Field {
	return &bridge.Field{
		Type: bridge.String, Optional: true, Computed: true, Deprecated: deprecated,
		ExactlyOneOf: contentNames, Same: sameButDots,
	}
}

// sameButDots finds names with and without the last dot the same.
func sameButDots(prior, planned any, _ *bridge.Plan) bool {
	old, _ := prior.(string)
	text, known := planned.(string)
	trimmed := strings.TrimSuffix(text, ".")
	return known && trimmed != "" && strings.TrimSuffix(old, ".") == trimmed
}

// otherPriority ignores the priority of records that have none.
func otherPriority(_, _ any, p *bridge.Plan) bool {
	t := p.Planned.String("type")
	return t != "MX" && t != "URI"
}

// recordValues is what the provider reads of a record. The content stands
// under the name that the program uses for it.
func recordValues(r cloud.Record, state bridge.Values) bridge.Values {
	out := bridge.Values{
		"zoneId": r.ZoneID, "hostname": r.Name, "type": r.Type, "ttl": r.TTL, "proxied": r.Proxied, "comment": r.Comment,
		"createdOn": r.CreatedOn, "modifiedOn": r.ModifiedOn, "metadata": bridge.Values{}, "proxiable": proxiable(r.Type),
		"content": r.Content, "value": nil, "data": nil, "tags": nil, "priority": nil,
	}
	if state.Has("value") && !state.Has("content") {
		out["content"], out["value"] = nil, r.Content
	}
	if r.Data != nil {
		out["data"] = r.Data
	}
	if len(r.Tags) > 0 {
		out["tags"] = r.Tags
	}
	if hasPriority(r.Type) {
		out["priority"] = r.Priority
	}
	return out
}

func proxiable(recordType string) bool {
	return slices.Contains([]string{"A", "AAAA", "CNAME"}, recordType)
}

func hasPriority(recordType string) bool { return slices.Contains([]string{"MX", "URI"}, recordType) }

// record reads one record.
func (a *account) record(id string) (*cloud.Store, cloud.Record, error) {
	store, err := a.request()
	if err != nil {
		return nil, cloud.Record{}, err
	}
	var r cloud.Record
	err = store.Get(cloud.Records, id, &r)
	if errors.Is(err, cloud.ErrNotFound) {
		err = bridge.ErrGone
	}
	return store, r, err
}

func (a *account) importRecord(_ context.Context, id string) (string, bridge.Values, error) {
	zoneID, recordID, ok := strings.Cut(id, "/")
	if !ok {
		return "", nil, fmt.Errorf("invalid id %q specified, should be in format \"zoneID/recordID\" for import", id)
	}
	_, r, err := a.record(recordID)
	if err != nil {
		return "", nil, fmt.Errorf("Unable to find record with ID %q: %w", id, err)
	}
	return recordID, bridge.Values{"zoneId": zoneID, "name": strings.TrimSuffix(r.Name, "."+r.Zone)}, nil
}

func (a *account) createRecord(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
	if err := checkRecord(in); err != nil {
		return "", nil, err
	}
	store, err := a.request()
	if err != nil {
		return "", nil, fmt.Errorf("failed to create DNS record: %w", err)
	}
	unlock, err := store.Lock()
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	r, err := asked(store, in)
	if err != nil {
		return "", nil, fmt.Errorf("failed to create DNS record: %w", err)
	}
	r.ID = cloud.NewHexID()
	r.CreatedOn = r.ModifiedOn
	all, err := cloud.List[cloud.Record](store, cloud.Records)
	if err != nil {
		return "", nil, err
	}
	if conflict := conflictOf(r, all); conflict != nil {
		old, err := overwritten(r, all, in.Bool("allowOverwrite"), conflict)
		if err != nil {
			return "", nil, err
		}
		r.ID, r.CreatedOn = old.ID, old.CreatedOn
	}
	return r.ID, recordValues(r, in), store.Put(cloud.Records, r.ID, r)
}

// overwritten is the record that a new one may take over: the only one of its
// name and type.
func overwritten(r cloud.Record, all []cloud.Record, allowed bool, conflict error) (cloud.Record, error) {
	if !allowed {
		// Upstream tries again for half a minute before it says the first half.
		return r, fmt.Errorf("expected DNS record to not already be present but already exists: %w", conflict)
	}
	var found []cloud.Record
	for _, other := range all {
		if other.ZoneID == r.ZoneID && other.Name == r.Name && other.Type == r.Type {
			found = append(found, other)
		}
	}
	if len(found) != 1 {
		return r, errors.New("attempted to override existing record however didn't find an exact match")
	}
	return found[0], nil
}

func (a *account) updateRecord(_ context.Context, id string, prior, in bridge.Values) (bridge.Values, error) {
	if err := checkTTL(in); err != nil {
		return nil, err
	}
	store, err := a.request()
	if err != nil {
		return nil, fmt.Errorf("failed to create DNS record: %w", err)
	}
	unlock, err := store.Lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	var old cloud.Record
	err = store.Get(cloud.Records, id, &old)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, bridge.ErrGone
	}
	if err != nil {
		return nil, err
	}
	r, err := asked(store, in)
	if err != nil {
		return nil, fmt.Errorf("failed to create DNS record: %w", err)
	}
	r.ID, r.CreatedOn = id, old.CreatedOn
	all, err := cloud.List[cloud.Record](store, cloud.Records)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(other cloud.Record) bool { return other.ID == id })
	if conflict := conflictOf(r, all); conflict != nil {
		return nil, fmt.Errorf("expected DNS record to not already be present but already exists: %w", conflict)
	}
	return recordValues(r, in), store.Put(cloud.Records, id, r)
}

// asked is the record that inputs ask for, or why the API refuses it.
func asked(store *cloud.Store, in bridge.Values) (cloud.Record, error) {
	z, err := zoneByID(store, in.String("zoneId"))
	if err != nil {
		return cloud.Record{}, err
	}
	r := cloud.Record{
		ZoneID: z.ID, Zone: strings.ToLower(z.Name), Name: fullName(in.String("name"), z.Name), Type: in.String("type"),
		TTL: in.Int("ttl"), Proxied: in.Bool("proxied"), Priority: in.Int("priority"), Comment: in.String("comment"),
		Tags: in.Strings("tags"), ModifiedOn: time.Now().UTC().Format(time.RFC3339Nano),
	}
	if r.TTL == 0 || r.Proxied {
		r.TTL = 1
	}
	data, hasData := in["data"].(bridge.Values)
	switch {
	case hasData:
		r.Data = map[string]any(data)
		r.Content = presentation(r.Type, data)
		if hasPriority(r.Type) || r.Type == "SRV" {
			r.Priority = max(r.Priority, data.Int("priority"))
		}
	case in.Has("content"):
		r.Content = in.String("content")
	default:
		r.Content = in.String("value")
	}
	return r, apiProblem(r, in)
}

// fullName completes a record's name with the zone's, in lower case.
func fullName(name, zone string) string {
	name, zone = strings.ToLower(strings.TrimSuffix(name, ".")), strings.ToLower(zone)
	switch {
	case name == "@" || name == "" || name == zone:
		return zone
	case strings.HasSuffix(name, "."+zone):
		return name
	default:
		return name + "." + zone
	}
}
