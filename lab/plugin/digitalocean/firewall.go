//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package digitalocean

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"time"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

const firewallsPath = "firewalls"

var (
	firewallName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.-]{0,254}$`)
	portRange    = regexp.MustCompile(`^(all|[0-9]{1,5}(-[0-9]{1,5})?)$`)
)

// firewallObject is stored as it was asked for, with rules by their Pulumi
// names. Nothing enforces it on the lab's network.
type firewallObject struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Created    time.Time        `json:"created"`
	DropletIDs []int            `json:"dropletIds"`
	Tags       []string         `json:"tags"`
	Inbound    []map[string]any `json:"inboundRules"`
	Outbound   []map[string]any `json:"outboundRules"`
}

func (f firewallObject) values() bridge.Values {
	return bridge.Values{
		"name": f.Name, "status": "succeeded", "createdAt": f.Created.UTC().Format("2006-01-02T15:04:05Z"),
		"dropletIds": f.DropletIDs, "tags": unique(f.Tags), "pendingChanges": []any{},
		"inboundRules": rulesOut(f.Inbound), "outboundRules": rulesOut(f.Outbound),
	}
}

func rulesOut(rules []map[string]any) []any {
	out := make([]any, len(rules))
	for i, r := range rules {
		out[i] = r
	}
	return out
}

func firewall(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token:     "digitalocean:index/firewall:Firewall",
		Fields:    firewallFields(),
		Customize: checkRules,
		Create: func(ctx context.Context, in bridge.Values) (string, bridge.Values, error) {
			f := firewallObject{ID: cloud.NewUUID(), Created: time.Now().UTC().Truncate(time.Second)}
			if err := a.putFirewall(ctx, "POST", firewallsPath, &f, in); err != nil {
				return "", nil, fmt.Errorf("Error creating firewall: %w", err)
			}
			return f.ID, f.values(), nil
		},
		Read: func(_ context.Context, id string, _ bridge.Values) (bridge.Values, error) {
			l, err := a.request("GET", firewallsPath+"/"+id)
			if err != nil {
				return nil, fmt.Errorf("Error retrieving firewall: %w", err)
			}
			var f firewallObject
			err = l.store.Get(cloud.Firewalls, id, &f)
			return f.values(), gone(err)
		},
		Update: func(ctx context.Context, id string, _, in bridge.Values) (bridge.Values, error) {
			l, err := a.request("PUT", firewallsPath+"/"+id)
			if err != nil {
				return nil, err
			}
			var f firewallObject
			if err := l.store.Get(cloud.Firewalls, id, &f); err != nil {
				return nil, gone(err)
			}
			if err := a.putFirewall(ctx, "PUT", firewallsPath+"/"+id, &f, in); err != nil {
				return nil, fmt.Errorf("Error updating firewall: %w", err)
			}
			return f.values(), nil
		},
		Delete: func(_ context.Context, id string, _ bridge.Values) error {
			l, err := a.request("DELETE", firewallsPath+"/"+id)
			if err != nil {
				return fmt.Errorf("Error deleting firewall: %w", err)
			}
			return l.store.Delete(cloud.Firewalls, id)
		},
	}
}

func firewallFields() bridge.Fields {
	return bridge.Fields{
		"name": autoName(), "dropletIds": setOf(bridge.Int), "tags": tags(),
		"inboundRules":  {Type: bridge.Set, Optional: true, TF: "inbound_rule", Elem: ruleOf("source")},
		"outboundRules": {Type: bridge.Set, Optional: true, TF: "outbound_rule", Elem: ruleOf("destination")},
		"status":        computed(bridge.String), "createdAt": computed(bridge.String),
		"pendingChanges": {Type: bridge.List, Computed: true, Elem: &bridge.Field{Type: bridge.Object, Fields: bridge.Fields{
			"dropletId": {Type: bridge.Int, Optional: true},
			"removing":  {Type: bridge.Bool, Optional: true},
			"status":    {Type: bridge.String, Optional: true},
		}}},
	}
}

// ruleOf is a rule whose other end is the source or the destination.
func ruleOf(end string) *bridge.Field {
	texts := func() *bridge.Field {
		return &bridge.Field{Type: bridge.Set, Optional: true, Elem: &bridge.Field{Type: bridge.String, Check: bridge.NotEmpty}}
	}
	return &bridge.Field{Type: bridge.Object, Fields: bridge.Fields{
		"protocol":               {Type: bridge.String, Required: true, Check: bridge.OneOf("tcp", "udp", "icmp")},
		"portRange":              {Type: bridge.String, Optional: true, Check: bridge.NotEmpty},
		end + "Addresses":        texts(),
		end + "LoadBalancerUids": texts(),
		end + "KubernetesIds":    texts(),
		end + "DropletIds":       setOf(bridge.Int),
		end + "Tags":             tags(),
	}}
}

// checkRules is upstream's check of the whole.
func checkRules(p *bridge.Plan) error {
	in, out := p.Planned["inboundRules"], p.Planned["outboundRules"]
	_, inUnknown := in.(bridge.Unknown)
	_, outUnknown := out.(bridge.Unknown)
	if !inUnknown && !outUnknown && len(p.Planned.Objects("inboundRules"))+len(p.Planned.Objects("outboundRules")) == 0 {
		return errors.New("At least one rule must be specified")
	}
	for name, kind := range map[string]string{"inboundRules": "inbound", "outboundRules": "outbound"} {
		for _, rule := range p.Planned.Objects(name) {
			if protocol, known := rule["protocol"].(string); known && protocol != "icmp" && (rule["portRange"] == nil || rule["portRange"] == "") {
				return fmt.Errorf("`port_range` of %s rules is required if protocol is `tcp` or `udp`", kind)
			}
		}
	}
	return nil
}

func (a *account) putFirewall(ctx context.Context, method, path string, f *firewallObject, in bridge.Values) error {
	l, err := a.request(method, path)
	if err != nil {
		return err
	}
	f.Name, f.Tags, f.DropletIDs = in.String("name"), unique(in.Strings("tags")), []int{}
	if !firewallName.MatchString(f.Name) {
		return refused(method, path, "invalid firewall name: only letters, numbers, dots and dashes, starting with a letter or number")
	}
	ids, _ := in["dropletIds"].([]any)
	for _, e := range ids {
		n, _ := e.(float64)
		if _, err := l.machines.Machine(ctx, int(n)); err != nil {
			return refused(method, path, fmt.Sprintf("droplet %d not found", int(n)))
		}
		f.DropletIDs = append(f.DropletIDs, int(n))
	}
	f.Inbound, f.Outbound = nil, nil
	for _, rule := range in.Objects("inboundRules") {
		if problem := ruleProblem(rule, "source"); problem != "" {
			return refused(method, path, problem)
		}
		f.Inbound = append(f.Inbound, rule)
	}
	for _, rule := range in.Objects("outboundRules") {
		if problem := ruleProblem(rule, "destination"); problem != "" {
			return refused(method, path, problem)
		}
		f.Outbound = append(f.Outbound, rule)
	}
	if err := addTags(l, f.Tags); err != nil {
		return err
	}
	return l.store.Put(cloud.Firewalls, f.ID, f)
}

// ruleProblem says why the API refuses a rule, or "".
func ruleProblem(rule bridge.Values, end string) string {
	if p := rule.String("portRange"); p != "" && !portRange.MatchString(p) {
		return fmt.Sprintf("invalid port range %q", p)
	}
	some := false
	for name := range ruleOf(end).Fields {
		list, _ := rule[name].([]any)
		some = some || len(list) > 0
	}
	if !some {
		return fmt.Sprintf("a rule must have at least one %s", end)
	}
	for _, text := range rule.Strings(end + "Addresses") {
		if _, err := netip.ParsePrefix(text); err == nil {
			continue
		}
		if _, err := netip.ParseAddr(text); err != nil {
			return fmt.Sprintf("invalid %s address %q", end, text)
		}
	}
	return ""
}
