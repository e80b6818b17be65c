package cloud_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/lab/cloud"
)

// envelope is what every answer of the API has, as far as clients look.
type envelope struct {
	Success bool
	Errors  []struct{ Code int }
	Result  json.RawMessage
}

const token = "played-by-the-lab-0000000000000000000000"

func call(t *testing.T, api http.Handler, method, path, body, token string) (int, envelope) {
	t.Helper()
	request := httptest.NewRequest(method, "https://"+cloud.APIHost+"/client/v4"+path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	api.ServeHTTP(w, request)
	var e envelope
	if text, _ := io.ReadAll(w.Body); json.Unmarshal(text, &e) != nil && w.Code != http.StatusNotFound {
		t.Fatalf("%s %s: %s", method, path, text)
	}
	return w.Code, e
}

// What lego and cloudflare-go do for a challenge: find the zone, add a record,
// take it away.
func TestAPIServesAChallenge(t *testing.T) {
	s := cloud.Open(t.TempDir())
	for _, name := range []string{"skep.test", "example.org"} {
		if err := s.Put(cloud.Zones, "z-"+name, cloud.Zone{ID: "z-" + name, Name: name, AccountID: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	var journal bytes.Buffer
	api := s.API(log.New(&journal, "", 0))

	var zones []cloud.Zone
	_, e := call(t, api, http.MethodGet, "/zones?name=skep.test&per_page=50", "", token)
	if err := json.Unmarshal(e.Result, &zones); err != nil || len(zones) != 1 || zones[0].ID != "z-skep.test" {
		t.Fatalf("zones: %v, %v", zones, err)
	}
	records := "/zones/z-skep.test/dns_records"
	body := `{"type":"TXT","name":"_acme-challenge.skep.test","content":"proof","ttl":120}`
	var made struct{ ID, Name, Content string }
	_, e = call(t, api, http.MethodPost, records, body, token)
	if err := json.Unmarshal(e.Result, &made); err != nil || !e.Success || made.ID == "" {
		t.Fatalf("create: %+v, %v", e, err)
	}
	var stored cloud.Record
	if err := s.Get(cloud.Records, made.ID, &stored); err != nil {
		t.Fatal(err)
	}
	if got := []any{stored.Name, stored.Type, stored.Content, stored.TTL, stored.Zone}; !cmp.Equal(got, []any{"_acme-challenge.skep.test", "TXT", "proof", 120, "skep.test"}) {
		t.Errorf("stored %v", got)
	}
	if code, e := call(t, api, http.MethodPost, records, body, token); code != 400 || e.Errors[0].Code != 81058 {
		t.Errorf("the same record again: %d %+v", code, e)
	}
	var list []struct{ ID string }
	_, e = call(t, api, http.MethodGet, records+"?type=TXT&name=_acme-challenge.skep.test", "", token)
	if err := json.Unmarshal(e.Result, &list); err != nil || len(list) != 1 || list[0].ID != made.ID {
		t.Errorf("list: %s, %v", e.Result, err)
	}
	if _, e = call(t, api, http.MethodPatch, records+"/"+made.ID, `{"content":"other"}`, token); !e.Success {
		t.Errorf("change: %+v", e)
	}
	if err := s.Get(cloud.Records, made.ID, &stored); err != nil || stored.Content != "other" || stored.TTL != 120 {
		t.Errorf("changed to %+v, %v", stored, err)
	}
	for _, path := range []string{"/zones/z-example.org/dns_records/" + made.ID, "/zones/none/dns_records/" + made.ID} {
		if code, e := call(t, api, http.MethodDelete, path, "", token); code != 404 || e.Success {
			t.Errorf("delete below another zone: %d %+v", code, e)
		}
	}
	call(t, api, http.MethodDelete, records+"/"+made.ID, "", token)
	if left, _ := s.IDs(cloud.Records); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	want := "POST TXT _acme-challenge.skep.test\nPATCH TXT _acme-challenge.skep.test\nDELETE TXT _acme-challenge.skep.test\n"
	if diff := cmp.Diff(want, journal.String()); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}

func TestAPIRefuses(t *testing.T) {
	s := cloud.Open(t.TempDir())
	if err := s.Put(cloud.Zones, "z", cloud.Zone{ID: "z", Name: "skep.test"}); err != nil {
		t.Fatal(err)
	}
	api := s.API(log.New(io.Discard, "", 0))
	for name, c := range map[string]struct {
		path, body, token string
		code              int
	}{
		"a token of another form": {"/zones/z/dns_records", `{"type":"A","name":"a","content":"192.0.2.1"}`, "short", 6003},
		"no JSON":                 {"/zones/z/dns_records", `type=A`, token, 9207},
		"no content":              {"/zones/z/dns_records", `{"type":"A","name":"a"}`, token, 9005},
		"no such zone":            {"/zones/y/dns_records", `{}`, token, 7003},
	} {
		if status, e := call(t, api, http.MethodPost, c.path, c.body, c.token); status < 400 || len(e.Errors) != 1 || e.Errors[0].Code != c.code {
			t.Errorf("%s: %d %+v", name, status, e)
		}
	}
	if left, _ := s.IDs(cloud.Records); len(left) > 0 {
		t.Errorf("stored all the same: %v", left)
	}
}
