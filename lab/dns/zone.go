// Package dns answers for the zones of the played cloud from its record files,
// and asks the machine's own resolvers for everything else.
package dns

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"skep/lab/cloud"
)

// Registry is the name of the lab's image registry, in a zone that no cloud
// account holds.
const Registry = "registry.skep.internal"

// ACME is the name of the lab's ACME authority, in that zone.
const ACME = "acme.skep.internal"

const (
	// autoTTL is what Cloudflare's ttl 1 ("automatic") stands for.
	autoTTL = 300
	// negativeTTL is short: people watch records appear.
	negativeTTL = 5
)

// record is one file of <CloudDir>/record.
type record struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Content  string `json:"content"`
	TTL      uint32 `json:"ttl"`
	Priority uint16 `json:"priority"`
}

// zones is what the lab is authoritative for.
type zones struct {
	// origins are fully qualified, in lower case.
	origins []string
	records map[string][]dns.RR
}

// readZones reads the files again for every question. They are few and small,
// and a record answers from the moment that it was written.
func readZones(dir string, services netip.Addr) (zones, error) {
	z := zones{records: map[string][]dns.RR{}}
	z.addOrigin("skep.internal", services)
	z.add(&dns.A{Hdr: header(dns.Fqdn(Registry), dns.TypeA, autoTTL), A: services.AsSlice()})
	z.add(&dns.A{Hdr: header(dns.Fqdn(ACME), dns.TypeA, autoTTL), A: services.AsSlice()})
	for _, played := range []string{cloud.RangesHost, cloud.APIHost} {
		z.addOrigin(played, services)
		z.add(&dns.A{Hdr: header(dns.Fqdn(played), dns.TypeA, autoTTL), A: services.AsSlice()})
	}
	err := eachFile(filepath.Join(dir, "zone"), func(text []byte) error {
		var zone struct{ Name string }
		if err := json.Unmarshal(text, &zone); err != nil {
			return err
		}
		z.addOrigin(zone.Name, services)
		return nil
	})
	if err != nil {
		return z, err
	}
	err = eachFile(filepath.Join(dir, "record"), func(text []byte) error {
		var r record
		if err := json.Unmarshal(text, &r); err != nil {
			return err
		}
		rr, err := r.rr()
		if err != nil {
			return err
		}
		z.add(rr)
		return nil
	})
	return z, err
}

// eachFile calls f with each JSON file; one that cannot be read does not hide
// the others.
func eachFile(dir string, f func([]byte) error) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var faults []error
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".json" || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // Removed since it was listed.
		}
		if err == nil {
			err = f(text)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("read %q: %w", path, err))
		}
	}
	return errors.Join(faults...)
}

// rr turns a record as Cloudflare keeps it into one of the protocol.
func (r record) rr() (dns.RR, error) {
	content := r.Content
	switch r.Type {
	case "TXT":
		if !strings.HasPrefix(content, `"`) {
			content = quote(content)
		}
	case "CNAME", "NS":
		content = dns.Fqdn(content)
	case "MX":
		content = strconv.Itoa(int(r.Priority)) + " " + dns.Fqdn(content)
	}
	ttl := r.TTL
	if ttl <= 1 {
		ttl = autoTTL
	}
	line := fmt.Sprintf("%s %d IN %s %s", dns.Fqdn(r.Name), ttl, r.Type, content)
	rr, err := dns.NewRR(line)
	if err == nil && rr == nil {
		err = errors.New("empty")
	}
	if err != nil {
		return nil, fmt.Errorf("record %q of type %q: %w", r.Name, r.Type, err)
	}
	return rr, nil
}

// quote splits a text into the strings of at most 255 bytes that a TXT record
// is made of.
func quote(text string) string {
	var parts []string
	for len(text) > 255 {
		parts, text = append(parts, escape(text[:255])), text[255:]
	}
	return strings.Join(append(parts, escape(text)), " ")
}

func escape(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func (z *zones) add(rr dns.RR) {
	name := strings.ToLower(rr.Header().Name)
	z.records[name] = append(z.records[name], rr)
}

// addOrigin makes the lab the zone's name server.
func (z *zones) addOrigin(name string, services netip.Addr) {
	origin := dns.CanonicalName(name)
	z.origins = append(z.origins, origin)
	z.add(soa(origin))
	z.add(&dns.NS{Hdr: header(origin, dns.TypeNS, autoTTL), Ns: "ns." + origin})
	z.add(&dns.A{Hdr: header("ns."+origin, dns.TypeA, autoTTL), A: services.AsSlice()})
}

// origin returns the zone that a name is in, or "".
func (z *zones) origin(name string) string {
	longest := ""
	for _, origin := range z.origins {
		if dns.IsSubDomain(origin, name) && len(origin) > len(longest) {
			longest = origin
		}
	}
	return longest
}

func soa(origin string) *dns.SOA {
	return &dns.SOA{
		Hdr: header(origin, dns.TypeSOA, negativeTTL), Ns: "ns." + origin, Mbox: "hostmaster." + origin,
		Serial: 1, Refresh: 60, Retry: 60, Expire: 600, Minttl: negativeTTL,
	}
}

func header(name string, kind uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}
