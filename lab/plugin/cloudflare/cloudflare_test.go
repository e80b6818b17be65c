package cloudflare

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
	"skep/lab/plugin/bridge/bridgetest"
)

type m = bridgetest.Map

type list = []any

const (
	zoneID    = "0123456789abcdef0123456789abcdef"
	labToken  = "lab_lab_lab_lab_lab_lab_lab_lab_lab_lab_"
	otherZone = "fedcba9876543210fedcba9876543210"
)

type world struct {
	*bridgetest.Engine
	dir   string
	store *cloud.Store
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	store := cloud.Open(dir)
	for id, name := range map[string]string{zoneID: "skep.test", otherZone: "other.test"} {
		if err := store.Put(cloud.Zones, id, cloud.Zone{ID: id, Name: name, AccountID: "account"}); err != nil {
			t.Fatal(err)
		}
	}
	server := bridge.New(nil, provider(&account{open: func() (*cloud.Store, error) { return store, nil }}))
	w := &world{dir: dir, store: store, Engine: &bridgetest.Engine{
		T: t, Server: server, Name: "x", Type: "cloudflare:index/record:Record",
	}}
	if err := w.Configure(m{"apiToken": labToken}); err != nil {
		t.Fatal(err)
	}
	return w
}

// address is an A record with more properties; nil removes one.
func address(more m) m {
	in := m{"zoneId": zoneID, "name": "whoami", "type": "A", "content": "10.77.0.11", "ttl": 300}
	for k, v := range more {
		in[k] = v
		if v == nil {
			delete(in, k)
		}
	}
	return in
}

func refuses(t *testing.T, what any, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v: error is %v, want one with %q", what, err, want)
	}
}

// The lab's DNS server reads this file.
func TestRecordIsAFile(t *testing.T) {
	w := newWorld(t)
	r := w.Create(address(nil))
	text, err := os.ReadFile(filepath.Join(w.dir, "record", r.ID+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "createdOn")
	delete(got, "modifiedOn")
	want := map[string]any{
		"id": r.ID, "zoneId": zoneID, "zone": "skep.test", "name": "whoami.skep.test", "type": "A", "content": "10.77.0.11",
		"ttl": 300.0, "proxied": false, "priority": 0.0, "comment": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	w.Delete(r)
	w.Delete(r)
	if got := w.Refresh(r); got.ID != "" {
		t.Error("the record is still there")
	}
}

// TestAsRecorded gives what the engine asked the official provider in a
// recorded test of its own (TestProviderUpgrade/recordv5) and wants the same
// answers, apart from what the real service chose.
func TestAsRecorded(t *testing.T) {
	w := newWorld(t)
	news := m{"content": "192.0.2.1", "name": "wroengvzey", "ttl": 3600, "type": "A", "zoneId": zoneID}
	r := w.Create(news)
	want := m{
		"__defaults": list{"allowOverwrite"}, "allowOverwrite": false, "content": "192.0.2.1", "name": "wroengvzey",
		"ttl": 3600.0, "type": "A", "zoneId": zoneID,
	}
	if diff := cmp.Diff(want, r.Inputs); diff != "" {
		t.Errorf("inputs (-recorded +got):\n%s", diff)
	}
	if r.State["createdOn"] == "" || r.State["modifiedOn"] == "" {
		t.Errorf("the record has no times: %v", r.State)
	}
	want = m{
		"__meta":         `{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":30000000000,"update":30000000000},"schema_version":"3"}`,
		"allowOverwrite": false, "comment": "", "content": "192.0.2.1", "createdOn": r.State["createdOn"], "data": nil,
		"hostname": "wroengvzey.skep.test", "id": r.ID, "metadata": m{}, "modifiedOn": r.State["modifiedOn"],
		"name": "wroengvzey", "priority": nil, "proxiable": true, "proxied": false, "tags": nil, "ttl": 3600.0,
		"type": "A", "value": nil, "zoneId": zoneID,
	}
	if diff := cmp.Diff(want, r.State); diff != "" {
		t.Errorf("state (-recorded +got):\n%s", diff)
	}
}

func TestRecordDiffs(t *testing.T) {
	for _, test := range []struct {
		old, more m
		want      string
	}{
		{nil, m{}, ""},
		{nil, m{"name": "WHOAMI"}, ""},
		{nil, m{"proxied": false, "comment": "", "allowOverwrite": false}, ""},
		{nil, m{"ttl": nil}, ""},
		{nil, m{"priority": 5}, ""},
		{nil, m{"content": nil, "value": "10.77.0.11"}, "value:ADD"},
		{nil, m{"content": "10.77.0.12"}, "content:UPDATE"},
		{nil, m{"content": bridgetest.Unknown}, "content:UPDATE"},
		{nil, m{"ttl": 600}, "ttl:UPDATE"},
		{nil, m{"proxied": true, "ttl": 1}, "proxied:UPDATE ttl:UPDATE"},
		{nil, m{"comment": "c"}, "comment:UPDATE"},
		{nil, m{"tags": list{"a:b"}}, "tags:ADD"},
		{nil, m{"name": "other"}, "name:UPDATE_REPLACE"},
		{nil, m{"name": "whoami.skep.test"}, "name:UPDATE_REPLACE"},
		{nil, m{"type": "AAAA", "content": "::1"}, "content:UPDATE type:UPDATE_REPLACE"},
		{nil, m{"zoneId": otherZone}, "zoneId:UPDATE_REPLACE"},
		{m{"type": "CNAME", "content": "skep.test"}, m{"content": "skep.test."}, ""},
		{m{"type": "MX", "content": "mail.skep.test", "priority": 10}, m{"priority": 20}, "priority:UPDATE"},
		{m{"type": "CAA", "content": nil, "data": m{"flags": "0", "tag": "issue", "value": "a.org"}}, m{}, ""},
		{m{"type": "CAA", "content": nil, "data": m{"flags": "0", "tag": "issue", "value": "a.org"}},
			m{"data": m{"flags": "0", "tag": "issue", "value": "b.org"}}, "data.value:UPDATE"},
	} {
		w := newWorld(t)
		old := address(test.old)
		r := w.Create(old)
		for k, v := range test.more {
			old[k] = v
			if v == nil {
				delete(old, k)
			}
		}
		if got := w.Diff(r, old); got != test.want {
			t.Errorf("%v to %v: diff is %q, want %q", test.old, test.more, got, test.want)
		}
		if got := w.Refresh(r); cmp.Diff(r.State, got.State) != "" {
			t.Errorf("%v: refresh without drift:\n%s", test.old, cmp.Diff(r.State, got.State))
		}
	}
}

func TestRecordRefusals(t *testing.T) {
	w := newWorld(t)
	w.Create(address(nil))
	w.Create(address(m{"name": "alias", "type": "CNAME", "content": "whoami.skep.test"}))
	for _, test := range []struct {
		more m
		want string
	}{
		{nil, "expected DNS record to not already be present but already exists: An identical record already exists. (81058)"},
		{m{"name": "whoami.skep.test."}, "(81058)"},
		{m{"type": "CNAME", "content": "skep.test"}, "An A, AAAA, or CNAME record with that host already exists. (81053)"},
		{m{"name": "alias", "type": "CNAME", "content": "skep.test"}, "(81053)"},
		{m{"name": "ALIAS"}, "A CNAME record with that host already exists. (81054)"},
		{m{"name": "n", "proxied": true}, "error validating record n: ttl must be set to 1 when `proxied` is true"},
		{m{"name": "n", "content": "10.0.0"}, `error validating record content of "n": A record must be a valid IPv4 address, got: "10.0.0"`},
		{m{"name": "n", "content": "::1"}, "A record must be a valid IPv4 address"},
		{m{"name": "n", "type": "AAAA"}, `AAAA record must be a valid IPv6 address, got: "10.77.0.11"`},
		{m{"name": "n", "type": "TXT", "content": "näh"}, "TXT record must contain printable ASCII"},
		{m{"name": "n", "type": "TXT", "proxied": true, "ttl": 1}, `error validating record type "TXT": type "TXT" cannot be proxied`},
		{m{"name": "n", "type": "CNAME", "content": "not a name"}, "Content for CNAME record is invalid. (9007)"},
		{m{"name": "n", "type": "CNAME", "content": "n.skep.test"}, "cannot reference itself"},
		{m{"name": "n", "type": "MX", "content": "mail.skep.test"}, "priority is a required field"},
		{m{"name": "n", "ttl": 30}, "TTL must be between 60 and 86400 seconds, or 1 for Automatic."},
		{m{"name": "a b"}, "DNS name is invalid. (9000)"},
		{m{"name": ""}, "must not have an empty name (use @ for the zone apex)"},
		{m{"zoneId": "none"}, "failed to create DNS record: Could not route to /client/v4/zones/none, perhaps your object identifier is invalid? (7003)"},
	} {
		_, err := w.TryCreate(address(test.more))
		refuses(t, test.more, err, test.want)
	}
	ids, err := w.store.IDs(cloud.Records)
	if err != nil || len(ids) != 2 {
		t.Errorf("there are %d records, %v; want the first two only", len(ids), err)
	}
}

func TestChecks(t *testing.T) {
	for _, test := range []struct {
		more m
		want string
	}{
		{m{"zoneId": nil}, `Missing required argument. The argument "zone_id" is required, but no definition was found.. Examine values at 'x.zoneId'.`},
		{m{"kind": "A"}, "Invalid or unknown key. Examine values at 'x.kind'."},
		{m{"data": m{"a": 1}, "content": nil}, "Invalid or unknown key. Examine values at 'x.data.a'."},
		{m{"ttl": "soon"}, `cannot parse '' as number: strconv.ParseFloat: parsing "soon": invalid syntax. Examine values at 'x.ttl'.`},
		{m{"content": bridgetest.Unknown, "name": bridgetest.Unknown}, ""},
	} {
		_, failures := newWorld(t).Check(nil, address(test.more))
		if got := strings.Join(failures, "; "); got != test.want {
			t.Errorf("%v: check says\n%q, want\n%q", test.more, got, test.want)
		}
	}
	_, failures := newWorld(t).Check(nil, address(m{"content": nil}))
	const want = "Invalid combination of arguments. \"content\": one of `content,data,value` must be specified. Examine values at 'x.content'."
	if len(failures) != 3 || failures[0] != want {
		t.Errorf("without content check says %q", failures)
	}
	_, failures = newWorld(t).Check(nil, address(m{"value": "1.2.3.4"}))
	if len(failures) != 3 || !strings.Contains(failures[0], "only one of `content,data,value` can be specified, but `content,value` were specified.") {
		t.Errorf("with content and value check says %q", failures)
	}
	_, failures = newWorld(t).Check(nil, address(m{"type": "ALIAS"}))
	if len(failures) != 1 || !strings.HasPrefix(failures[0], `expected type to be one of ["A" "AAAA" "CAA"`) {
		t.Errorf("with a wrong type check says %q", failures)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"@": "skep.test", "skep.test": "skep.test", "www": "www.skep.test", "WWW.Skep.Test": "www.skep.test",
		"a.b": "a.b.skep.test", "*": "*.skep.test", "_dmarc": "_dmarc.skep.test", "notskep.test": "notskep.test.skep.test",
	} {
		if got := newWorld(t).Create(address(m{"name": name})).State["hostname"]; got != want {
			t.Errorf("name %q: hostname is %v, want %q", name, got, want)
		}
	}
}

func TestTTLDefaults(t *testing.T) {
	w := newWorld(t)
	r := w.Create(address(m{"ttl": nil}))
	if r.State["ttl"] != 1.0 {
		t.Errorf("ttl is %v, want 1 for automatic", r.State["ttl"])
	}
	if got := w.Diff(r, address(m{"ttl": nil})); got != "" {
		t.Errorf("diff is %q", got)
	}
}

func TestSeveralAddressesOfOneName(t *testing.T) {
	w := newWorld(t)
	w.Create(address(nil))
	w.Create(address(m{"content": "10.77.0.12"}))
	r := w.Create(address(m{"content": "10.77.0.13"}))
	_, err := w.TryUpdate(r, address(m{"content": "10.77.0.12"}))
	refuses(t, "update to a record that exists", err, "already exists")
	if got := w.Update(r, address(m{"content": "10.77.0.14", "comment": "c"})); got.State["content"] != "10.77.0.14" || got.State["comment"] != "c" {
		t.Errorf("after the update the record is %v", got.State)
	}
}

func TestOverwrite(t *testing.T) {
	w := newWorld(t)
	old := w.Create(address(nil))
	r := w.Create(address(m{"allowOverwrite": true, "ttl": 600}))
	if r.ID != old.ID || r.State["ttl"] != 600.0 {
		t.Errorf("the record %s was not taken over: %v", old.ID, r.State)
	}
}

func TestValueInPlaceOfContent(t *testing.T) {
	w := newWorld(t)
	in := address(m{"content": nil, "value": "10.77.0.11"})
	r := w.Create(in)
	if r.State["value"] != "10.77.0.11" || r.State["content"] != nil {
		t.Errorf("state is %v", r.State)
	}
	seen := w.Refresh(r)
	if got := w.Diff(seen, in); got != "" {
		t.Errorf("diff is %q", got)
	}
}

func TestDrift(t *testing.T) {
	w := newWorld(t)
	r := w.Create(address(nil))
	var changed cloud.Record
	if err := w.store.Get(cloud.Records, r.ID, &changed); err != nil {
		t.Fatal(err)
	}
	changed.Content = "10.77.0.99"
	if err := w.store.Put(cloud.Records, r.ID, changed); err != nil {
		t.Fatal(err)
	}
	seen := w.Refresh(r)
	if seen.Inputs["content"] != "10.77.0.99" {
		t.Errorf("refreshed inputs are %v", seen.Inputs)
	}
	if got := w.Diff(seen, address(nil)); got != "content:UPDATE" {
		t.Errorf("diff after the drift is %q", got)
	}
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	r := w.Create(address(m{"comment": "c"}))
	got := w.Import(zoneID + "/" + r.ID)
	want := m{
		"__defaults": list{}, "zoneId": zoneID, "name": "whoami", "type": "A", "content": "10.77.0.11", "ttl": 300.0, "comment": "c",
	}
	if diff := cmp.Diff(want, got.Inputs); diff != "" {
		t.Errorf("imported inputs (-want +got):\n%s", diff)
	}
	if got.ID != r.ID {
		t.Errorf("id is %q, want %q", got.ID, r.ID)
	}
	_, err := w.TryImport(r.ID)
	refuses(t, "import without a zone", err, `should be in format "zoneID/recordID" for import`)
	if got := w.Import(otherZone + "/" + r.ID); got.ID != "" {
		t.Errorf("import from the wrong zone finds %q", got.ID)
	}
}

func TestPartsMakeTheContent(t *testing.T) {
	for _, test := range []struct {
		kind string
		data m
		want string
	}{
		{"CAA", m{"flags": "0", "tag": "issue", "value": "letsencrypt.org"}, `0 issue "letsencrypt.org"`},
		{"SRV", m{"priority": 1, "weight": 5, "port": 5060, "target": "sip.skep.test"}, "5 5060 sip.skep.test"},
		{"SSHFP", m{"algorithm": 4, "type": 2, "fingerprint": "ab"}, "4 2 ab"},
	} {
		r := newWorld(t).Create(m{"zoneId": zoneID, "name": "n", "type": test.kind, "data": test.data})
		if got := r.State["content"]; got != test.want {
			t.Errorf("%s: content is %q, want %q", test.kind, got, test.want)
		}
	}
}

func TestZones(t *testing.T) {
	w := newWorld(t)
	const token = "cloudflare:index/getZone:getZone"
	got, problem := w.Invoke(token, m{"name": "skep.test"})
	want := m{
		"id": zoneID, "zoneId": zoneID, "accountId": "account", "name": "skep.test", "status": "active", "paused": false,
		"plan": "Free Website", "nameServers": list{"ada.ns.cloudflare.com", "bob.ns.cloudflare.com"}, "vanityNameServers": list{},
	}
	if diff := cmp.Diff(want, got); diff != "" || problem != "" {
		t.Errorf("getZone: %s (-want +got):\n%s", problem, diff)
	}
	if got, _ := w.Invoke(token, m{"zoneId": otherZone}); got["name"] != "other.test" {
		t.Errorf("getZone by id gives %v", got)
	}
	for want, args := range map[string]m{
		"invoking cloudflare:index/getZone:getZone: 1 error occurred:\n\t* no zone found": {"name": "example.com"},
		"one of `name,zone_id` must be specified":                                         {},
		"only one of `name,zone_id` can be specified":                                     {"name": "a", "zoneId": "b"},
		"error getting zone details":                                                      {"zoneId": "none"},
		"Invalid or unknown key":                                                          {"name": "a", "zone": "b"},
	} {
		if _, problem := w.Invoke(token, args); !strings.Contains(problem, want) {
			t.Errorf("getZone %v: %q, want %q", args, problem, want)
		}
	}
	all, problem := w.Invoke("cloudflare:index/getZones:getZones", m{"filter": m{"name": "skep", "lookupType": "contains"}})
	if diff := cmp.Diff(list{m{"id": zoneID, "name": "skep.test"}}, all["zones"]); diff != "" || problem != "" {
		t.Errorf("getZones: %s (-want +got):\n%s", problem, diff)
	}
}

func TestIPRanges(t *testing.T) {
	w := newWorld(t)
	got, problem := w.Invoke("cloudflare:index/getIpRanges:getIpRanges", m{})
	if problem != "" || len(got["ipv4CidrBlocks"].(list)) != 15 || len(got["ipv6CidrBlocks"].(list)) != 7 || len(got["cidrBlocks"].(list)) != 22 {
		t.Errorf("getIpRanges: %s %v", problem, got)
	}
	// The data source and the published list are one.
	if err := os.MkdirAll(filepath.Join(w.dir, "ranges"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "ranges", cloud.IPv4Ranges), []byte("203.0.113.0/24\n104.16.0.0/13\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, problem = w.Invoke("cloudflare:index/getIpRanges:getIpRanges", m{})
	if diff := cmp.Diff(list{"104.16.0.0/13", "203.0.113.0/24"}, got["ipv4CidrBlocks"]); problem != "" || diff != "" {
		t.Errorf("getIpRanges of a changed list: %s (-want +got):\n%s", problem, diff)
	}
	for path, want := range map[string]int{"/ips-v4": http.StatusOK, "/ips-v5": http.StatusNotFound, "/": http.StatusNotFound} {
		answer := httptest.NewRecorder()
		w.store.ServeRanges(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != want || want == http.StatusOK && answer.Body.String() != "203.0.113.0/24\n104.16.0.0/13\n" {
			t.Errorf("GET %s: %d %q", path, answer.Code, answer.Body)
		}
	}
}

func TestConfiguration(t *testing.T) {
	w := newWorld(t)
	check := func(config m) (m, string) {
		news, err := structpb.NewStruct(config)
		if err != nil {
			t.Fatal(err)
		}
		out, err := w.Server.CheckConfig(context.Background(), &pulumirpc.CheckRequest{
			Urn: "urn:pulumi:test::skep::pulumi:providers:cloudflare::default_5_49_1", News: news,
		})
		if err != nil {
			t.Fatal(err)
		}
		var failures []string
		for _, f := range out.GetFailures() {
			failures = append(failures, f.GetReason())
		}
		return out.GetInputs().AsMap(), strings.Join(failures, "; ")
	}
	// As recorded from the official provider.
	want := m{"apiClientLogging": "false", "maxBackoff": "30", "minBackoff": "1", "retries": "3", "rps": "4"}
	if got, problem := check(m{}); problem != "" || cmp.Diff(want, got) != "" {
		t.Errorf("%s configuration (-recorded +got):\n%s", problem, cmp.Diff(want, got))
	}
	if got, _ := check(m{"apiToken": labToken}); cmp.Diff(bridgetest.Secret(labToken), got["apiToken"]) != "" {
		t.Errorf("the token is not kept secret: %v", got["apiToken"])
	}
	for want, config := range map[string]m{
		"could not validate provider configuration: invalid value for api_token (API tokens must be 40 characters long and only contain " +
			"characters a-z, A-Z, 0-9, hyphens and underscores). Check `pulumi config get cloudflare:apiToken`.": {"apiToken": "short"},
		"`cloudflare:apiTokn` is not a valid configuration key for the cloudflare provider.": {"apiTokn": labToken},
	} {
		if _, problem := check(config); !strings.HasPrefix(problem, want) {
			t.Errorf("%v: %q, want %q", config, problem, want)
		}
	}
	t.Setenv("CLOUDFLARE_API_TOKEN", "")
	refuses(t, "no token", w.Configure(m{}), `must provide exactly one of "apiKey", "apiToken" or "apiUserServiceKey".`)
	refuses(t, "key without email", w.Configure(m{"apiKey": strings.Repeat("a", 37)}), `"email" is not set correctly`)
	t.Setenv("CLOUDFLARE_API_TOKEN", "short")
	if err := w.Configure(m{}); err != nil {
		t.Fatal(err)
	}
	_, err := w.TryCreate(address(nil))
	refuses(t, "a token of the wrong form", err, "Invalid request headers (6003)")
}
