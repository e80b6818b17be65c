package cloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// APIHost is where programs that are no provider ask Cloudflare for its records.
const APIHost = "api.cloudflare.com"

// bearer has the form of Cloudflare's tokens; any such is good here.
var bearer = regexp.MustCompile(`^Bearer [A-Za-z0-9_-]{40,}$`)

// apiRecord is a record in the words of the API.
type apiRecord struct {
	ID         string `json:"id"`
	ZoneID     string `json:"zone_id"`
	ZoneName   string `json:"zone_name"`
	Name       string `json:"name"`
	Type       string `json:"type"`
	Content    string `json:"content"`
	TTL        int    `json:"ttl"`
	Proxied    bool   `json:"proxied"`
	Comment    string `json:"comment,omitempty"`
	CreatedOn  string `json:"created_on"`
	ModifiedOn string `json:"modified_on"`
}

func shown(r Record) apiRecord {
	return apiRecord{
		ID: r.ID, ZoneID: r.ZoneID, ZoneName: r.Zone, Name: r.Name, Type: r.Type, Content: r.Content, TTL: r.TTL,
		Proxied: r.Proxied, Comment: r.Comment, CreatedOn: r.CreatedOn, ModifiedOn: r.ModifiedOn,
	}
}

// refusal is what the API says no with.
type refusal struct {
	status, code int
	message      string
}

func (r *refusal) Error() string { return fmt.Sprintf("%d: %s", r.code, r.message) }

// API answers for APIHost: version 4 of the API, as far as records and finding
// their zones go. The journal gets a line for each change.
func (s *Store) API(journal *log.Logger) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, answer func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if !bearer.MatchString(r.Header.Get("Authorization")) {
				reply(w, nil, &refusal{http.StatusBadRequest, 6003, "Invalid request headers"})
				return
			}
			result, err := answer(r)
			reply(w, result, err)
			if changed, ok := result.(apiRecord); ok && err == nil && r.Method != http.MethodGet {
				journal.Printf("%s %s %s", r.Method, changed.Type, changed.Name)
			}
		})
	}
	const records = "/client/v4/zones/{zone}/dns_records"
	handle("GET /client/v4/zones", s.apiZones)
	handle("GET "+records, s.apiRecords)
	handle("POST "+records, s.apiCreate)
	handle("GET "+records+"/{id}", s.apiRecord)
	handle("PUT "+records+"/{id}", s.apiUpdate)
	handle("PATCH "+records+"/{id}", s.apiUpdate)
	handle("DELETE "+records+"/{id}", s.apiDelete)
	return mux
}

// reply is the envelope around every answer.
func reply(w http.ResponseWriter, result any, err error) {
	type fault struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	status, faults := http.StatusOK, []fault{}
	if err != nil {
		said := &refusal{http.StatusInternalServerError, 10000, err.Error()}
		_ = errors.As(err, &said)
		status, result, faults = said.status, nil, append(faults, fault{said.code, said.message})
	}
	body := map[string]any{"success": err == nil, "errors": faults, "messages": []string{}, "result": result}
	if list, ok := result.([]any); ok {
		body["result_info"] = map[string]int{"page": 1, "per_page": 100, "total_pages": 1, "count": len(list), "total_count": len(list)}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (s *Store) apiZones(r *http.Request) (any, error) {
	zones, err := List[Zone](s, Zones)
	found := []any{}
	for _, z := range zones {
		if name := r.URL.Query().Get("name"); name == "" || name == z.Name {
			found = append(found, map[string]any{
				"id": z.ID, "name": z.Name, "status": "active", "account": map[string]string{"id": z.AccountID},
			})
		}
	}
	return found, err
}

// zoneOf is the zone that a request names.
func (s *Store) zoneOf(r *http.Request) (Zone, error) {
	var z Zone
	err := s.Get(Zones, r.PathValue("zone"), &z)
	if errors.Is(err, ErrNotFound) {
		err = &refusal{http.StatusNotFound, 7003, "Could not route to /zones/" + r.PathValue("zone")}
	}
	return z, err
}

func (s *Store) apiRecords(r *http.Request) (any, error) {
	z, err := s.zoneOf(r)
	if err != nil {
		return nil, err
	}
	all, err := List[Record](s, Records)
	query, found := r.URL.Query(), []any{}
	for _, one := range all {
		differs := func(key, value string) bool { return query.Has(key) && !strings.EqualFold(query.Get(key), value) }
		if one.ZoneID == z.ID && !differs("type", one.Type) && !differs("name", one.Name) && !differs("content", one.Content) {
			found = append(found, shown(one))
		}
	}
	return found, err
}

// recordOf is the record that a request names.
func (s *Store) recordOf(r *http.Request) (Record, error) {
	var one Record
	z, err := s.zoneOf(r)
	if err != nil {
		return one, err
	}
	err = s.Get(Records, r.PathValue("id"), &one)
	if errors.Is(err, ErrNotFound) || err == nil && one.ZoneID != z.ID {
		err = &refusal{http.StatusNotFound, 81044, "Record does not exist."}
	}
	return one, err
}

func (s *Store) apiRecord(r *http.Request) (any, error) {
	one, err := s.recordOf(r)
	return shown(one), err
}

func (s *Store) apiCreate(r *http.Request) (any, error) {
	unlock, err := s.Lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	z, err := s.zoneOf(r)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Format(time.RFC3339Nano)
	one := Record{ID: NewHexID(), ZoneID: z.ID, Zone: z.Name, TTL: 1, CreatedOn: now}
	return s.apiPut(r, one, now)
}

func (s *Store) apiUpdate(r *http.Request) (any, error) {
	unlock, err := s.Lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	one, err := s.recordOf(r)
	if err != nil {
		return nil, err
	}
	return s.apiPut(r, one, time.Now().UTC().Format(time.RFC3339Nano))
}

// apiPut stores a record with what the request's body says of it.
func (s *Store) apiPut(r *http.Request, one Record, now string) (any, error) {
	said := shown(one)
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<16)).Decode(&said); err != nil {
		return nil, &refusal{http.StatusBadRequest, 9207, "Request body is invalid."}
	}
	one.Name, one.Type, one.Content = strings.ToLower(strings.TrimSuffix(said.Name, ".")), said.Type, said.Content
	one.TTL, one.Proxied, one.Comment, one.ModifiedOn = said.TTL, said.Proxied, said.Comment, now
	if one.Name != one.Zone && !strings.HasSuffix(one.Name, "."+one.Zone) {
		one.Name += "." + one.Zone
	}
	if one.Type == "" || one.Content == "" {
		return nil, &refusal{http.StatusBadRequest, 9005, "Content for " + one.Type + " record is invalid."}
	}
	all, err := List[Record](s, Records)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(all, func(o Record) bool {
		return o.ID != one.ID && o.ZoneID == one.ZoneID && o.Name == one.Name && o.Type == one.Type && o.Content == one.Content
	}) {
		return nil, &refusal{http.StatusBadRequest, 81058, "An identical record already exists."}
	}
	return shown(one), s.Put(Records, one.ID, one)
}

func (s *Store) apiDelete(r *http.Request) (any, error) {
	unlock, err := s.Lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	one, err := s.recordOf(r)
	if err != nil {
		return nil, err
	}
	return shown(one), s.Delete(Records, one.ID)
}
