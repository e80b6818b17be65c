package dns

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// zoneOf answers for the data source from a list of records "name type content".
type zoneOf struct {
	records []string
	broken  bool

	mu    sync.Mutex
	asked []string
}

func (z *zoneOf) NewResource(a pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return a.Name, a.Inputs, nil
}

// Call has the words of the official provider.
func (z *zoneOf) Call(a pulumi.MockCallArgs) (resource.PropertyMap, error) {
	name, kind := a.Args["hostname"].StringValue(), a.Args["type"].StringValue()
	content := ""
	if c := a.Args["content"]; c.IsString() {
		content = c.StringValue()
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked = append(z.asked, strings.TrimSpace(name+" "+kind+" "+content))
	if z.broken {
		return nil, errors.New("error listing DNS records: Authentication error (10000)")
	}
	var found []string
	for _, r := range z.records {
		if fields := strings.SplitN(r, " ", 3); fields[0] == name && fields[1] == kind && (content == "" || fields[2] == content) {
			found = append(found, fields[2])
		}
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("didn't get any DNS records for hostname: %s", name)
	case len(found) > 1:
		return nil, fmt.Errorf("only wanted 1 DNS record. Got %d records", len(found))
	}
	return resource.NewPropertyMapFromMap(map[string]any{"id": "record-id", "value": found[0]}), nil
}

// looks runs f beside a zone with records.
func looks(t *testing.T, z *zoneOf, preview bool, f func(*strangers)) {
	t.Helper()
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		f(newStrangers(ctx, &Zone{Name: "example.org", ID: "zone-id"}, nil))
		return nil
	}, pulumi.WithMocks("skep", "test", z), func(i *pulumi.RunInfo) { i.DryRun = preview })
	if err != nil {
		t.Fatal(err)
	}
}

func hookOf(name, content string) *pulumi.ResourceHookArgs {
	a := &pulumi.ResourceHookArgs{Name: name, Type: tokens.Type("cloudflare:index/record:Record"), NewInputs: resource.PropertyMap{}}
	if content != "" {
		a.NewInputs["content"] = resource.NewStringProperty(content)
	}
	return a
}

var route = record{child: "route-www.example.org", kind: "CNAME", name: "www.example.org", alone: []string{"CNAME", "A", "AAAA"}}

func addresses(all ...string) []pulumi.StringOutput {
	var out []pulumi.StringOutput
	for _, a := range all {
		out = append(out, pulumi.String(a).ToStringOutput())
	}
	return out
}

func TestStrangers(t *testing.T) {
	own := record{child: "node-1", kind: "A", name: "node-1.example.org", alone: []string{"A", "CNAME"}}
	shared := record{child: "ingress-node-3", kind: "A", name: "ingress.example.org", alone: []string{"A", "CNAME"}}
	spf := record{child: "spf", kind: "TXT", name: "example.org", alone: []string{"TXT"}, text: "v=spf1"}
	for name, c := range map[string]struct {
		records []string
		r       record
		ours    []string
		content string
		preview bool
		want    string // in the error; empty for none
	}{
		"nothing there":       {nil, route, nil, "ingress.example.org", true, ""},
		"other names":         {[]string{"example.org A 192.0.2.1", "wwww.example.org A 192.0.2.1"}, route, nil, "", true, ""},
		"other types":         {[]string{"www.example.org TXT hello"}, route, nil, "", true, ""},
		"an alias":            {[]string{"www.example.org CNAME old.example.net"}, route, nil, "ingress.example.org", true, "there is a record www.example.org CNAME old.example.net already"},
		"how to import it":    {[]string{"www.example.org CNAME old.example.net"}, route, nil, "", false, "pulumi import --yes --protect=false --generate-code=false cloudflare:index/record:Record dns-x zone-id/record-id"},
		"an address":          {[]string{"www.example.org A 192.0.2.1"}, route, nil, "", true, "remove it at Cloudflare, or give the route or host another name"},
		"several addresses":   {[]string{"www.example.org AAAA 2001:db8::1", "www.example.org AAAA 2001:db8::2"}, route, nil, "", true, "several records www.example.org AAAA"},
		"being replaced":      {[]string{"www.example.org CNAME ingress.example.org"}, route, nil, "ingress.example.org", true, ""},
		"the same, of others": {[]string{"www.example.org CNAME ingress.example.org"}, route, nil, "ingress.example.org", false, "pulumi import"},
		"a host's name":       {[]string{"node-1.example.org A 192.0.2.9"}, own, nil, "192.0.2.1", true, "node-1.example.org A 192.0.2.9"},
		"our set":             {[]string{"ingress.example.org A 192.0.2.1", "ingress.example.org A 192.0.2.2"}, shared, []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}, "192.0.2.3", true, ""},
		"our one":             {[]string{"ingress.example.org A 192.0.2.1"}, shared, []string{"192.0.2.1", "192.0.2.3"}, "192.0.2.3", false, ""},
		"another's set":       {[]string{"ingress.example.org A 192.0.2.8", "ingress.example.org A 192.0.2.9"}, shared, []string{"192.0.2.1", "192.0.2.3"}, "192.0.2.3", true, "none of them is Skep's"},
		"another's one":       {[]string{"ingress.example.org A 192.0.2.8"}, shared, []string{"192.0.2.1", "192.0.2.3"}, "192.0.2.3", true, "ingress.example.org A 192.0.2.8"},
		"another's alias":     {[]string{"ingress.example.org CNAME a.example.net"}, shared, []string{"192.0.2.1", "192.0.2.3"}, "192.0.2.3", true, "ingress.example.org CNAME a.example.net"},
		"another's SPF":       {[]string{`example.org TXT "v=spf1 include:mail.example.net -all"`}, spf, nil, "", true, "v=spf1 include:mail"},
		"another text":        {[]string{`example.org TXT "verification=1"`}, spf, nil, "", true, ""},
		"several texts":       {[]string{`example.org TXT "verification=1"`, `example.org TXT "verification=2"`}, spf, nil, "", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			looks(t, &zoneOf{records: c.records}, c.preview, func(s *strangers) {
				c.r.ours = addresses(c.ours...)
				err := s.look(c.r, hookOf("dns-x", c.content))
				switch {
				case c.want == "" && err != nil:
					t.Errorf("refused: %v", err)
				case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
					t.Errorf("error is %v, want one with %q", err, c.want)
				}
			})
		})
	}
}

// An address that a preview does not know yet may be the one that is there.
func TestStrangersBesideUnknownAddresses(t *testing.T) {
	for preview, want := range map[bool]bool{true: false, false: true} {
		looks(t, &zoneOf{records: []string{"ingress.example.org A 192.0.2.8"}}, preview, func(s *strangers) {
			unknown, _, reject := s.ctx.NewOutput()
			reject(errors.New("the machine has failed"))
			text := unknown.ApplyT(func(any) string { return "" }).(pulumi.StringOutput)
			r := record{child: "ingress-b", kind: "A", name: "ingress.example.org", alone: []string{"A"}, ours: append(addresses("192.0.2.2"), text)}
			if err := s.look(r, hookOf("dns-x", "")); (err != nil) != want {
				t.Errorf("preview %v: error is %v", preview, err)
			}
		})
	}
}

func TestStrangersAskEachQuestionOnce(t *testing.T) {
	z := &zoneOf{}
	looks(t, z, true, func(s *strangers) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := s.look(route, hookOf("dns-x", "")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
	slices.Sort(z.asked)
	if diff := cmp.Diff([]string{"www.example.org A", "www.example.org AAAA", "www.example.org CNAME"}, z.asked); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
}

func TestStrangersUnknown(t *testing.T) {
	looks(t, &zoneOf{broken: true}, true, func(s *strangers) {
		if err := s.look(route, hookOf("dns-x", "")); err == nil || !strings.Contains(err.Error(), "Authentication error") {
			t.Errorf("error is %v", err)
		}
	})
}
