package dns

import (
	"strings"

	"github.com/miekg/dns"
)

// maxChain bounds how many aliases are followed; loops end there.
const maxChain = 8

// reply is an answer from the lab's own zones.
type reply struct {
	code    int
	answers []dns.RR
	soa     *dns.SOA
	// onward is the target of an alias that leads out of the lab's zones.
	onward string
}

// lookup answers a question about a name in one of the zones. Name is in
// canonical form. Turn rotates sets of several records.
func (z *zones) lookup(name string, kind uint16, turn uint32) reply {
	var r reply
	for range maxChain {
		origin := z.origin(name)
		if origin == "" {
			r.onward = name
			return r
		}
		set, exists := z.find(name, origin)
		if !exists {
			r.code, r.soa = dns.RcodeNameError, soa(origin)
			return r
		}
		if matching := ofType(set, kind); len(matching) > 0 {
			r.answers = append(r.answers, rotate(matching, turn)...)
			return r
		}
		aliases := ofType(set, dns.TypeCNAME)
		if len(aliases) == 0 {
			r.soa = soa(origin)
			return r
		}
		r.answers = append(r.answers, aliases[0])
		name = dns.CanonicalName(aliases[0].(*dns.CNAME).Target)
	}
	r.code = dns.RcodeServerFailure
	return r
}

// find returns the records of a name, its own or those of the wildcard that
// covers it, and whether the name exists at all.
func (z *zones) find(name, origin string) ([]dns.RR, bool) {
	if set := z.records[name]; len(set) > 0 {
		return set, true
	}
	if z.hasBelow(name) {
		return nil, true
	}
	// A wildcard covers what is missing right below the closest name that
	// exists, and nothing further up.
	for parent := cutLabel(name); dns.IsSubDomain(origin, parent); parent = cutLabel(parent) {
		if wild := z.records["*."+parent]; len(wild) > 0 {
			return renamed(wild, name), true
		}
		if len(z.records[parent]) > 0 || z.hasBelow(parent) {
			return nil, false
		}
	}
	return nil, false
}

// hasBelow tells whether a name exists only because of longer ones.
func (z *zones) hasBelow(name string) bool {
	for other := range z.records {
		if strings.HasSuffix(other, "."+name) {
			return true
		}
	}
	return false
}

func cutLabel(name string) string {
	_, parent, found := strings.Cut(name, ".")
	if !found || parent == "" {
		return "."
	}
	return parent
}

func renamed(set []dns.RR, name string) []dns.RR {
	var result []dns.RR
	for _, rr := range set {
		rr = dns.Copy(rr)
		rr.Header().Name = name
		result = append(result, rr)
	}
	return result
}

func ofType(set []dns.RR, kind uint16) []dns.RR {
	var result []dns.RR
	for _, rr := range set {
		if rr.Header().Rrtype == kind || kind == dns.TypeANY {
			result = append(result, rr)
		}
	}
	return result
}

// rotate spreads clients that take the first address over all of them.
func rotate(set []dns.RR, turn uint32) []dns.RR {
	n := int(turn % uint32(len(set)))
	return append(set[n:len(set):len(set)], set[:n]...)
}
