//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package cloudflare

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

var recordTypes = []string{
	"A", "AAAA", "CAA", "CNAME", "TXT", "SRV", "LOC", "MX", "NS", "SPF", "CERT", "DNSKEY", "DS", "NAPTR", "SMIMEA",
	"SSHFP", "TLSA", "URI", "PTR", "HTTPS", "SVCB",
}

// TTLs that the API takes, in seconds, beside 1 for automatic.
const (
	minTTL = 60
	maxTTL = 86400
)

// checkRecord is what the provider refuses before it asks the API.
func checkRecord(in bridge.Values) error {
	if err := checkTTL(in); err != nil {
		return err
	}
	name, recordType := in.String("name"), in.String("type")
	if name == "" {
		return fmt.Errorf("record on zone %s must not have an empty name (use @ for the zone apex)", in.String("zoneId"))
	}
	content := in.String("content")
	if content == "" {
		content = in.String("value")
	}
	if err := checkContent(recordType, content); err != nil {
		return fmt.Errorf("error validating record content of %q: %w", name, err)
	}
	if in.Bool("proxied") && !proxiable(recordType) {
		return fmt.Errorf("error validating record type %q: type %q cannot be proxied", recordType, recordType)
	}
	return nil
}

func checkTTL(in bridge.Values) error {
	if ttl := in.Int("ttl"); ttl != 0 && ttl != 1 && in.Bool("proxied") {
		return fmt.Errorf("error validating record %s: ttl must be set to 1 when `proxied` is true", in.String("name"))
	}
	return nil
}

func checkContent(recordType, content string) error {
	switch ip := net.ParseIP(content); recordType {
	case "A":
		if ip == nil || !strings.Contains(content, ".") {
			return fmt.Errorf("A record must be a valid IPv4 address, got: %q", content)
		}
	case "AAAA":
		if ip == nil || !strings.Contains(content, ":") {
			return fmt.Errorf("AAAA record must be a valid IPv6 address, got: %q", content)
		}
	case "TXT":
		for _, char := range []byte(content) {
			if char < 0x20 || char > 0x7F {
				return fmt.Errorf("TXT record must contain printable ASCII, found: %q", char)
			}
		}
	}
	return nil
}

// apiProblem is what the API itself refuses.
func apiProblem(r cloud.Record, in bridge.Values) error {
	ip := net.ParseIP(r.Content)
	switch {
	case r.TTL != 1 && (r.TTL < minTTL || r.TTL > maxTTL):
		return fmt.Errorf("TTL must be between %d and %d seconds, or 1 for Automatic. (9021)", minTTL, maxTTL)
	case r.Type == "A" && (ip == nil || ip.To4() == nil):
		return errors.New("Content for A record must be a valid IPv4 address. (9005)")
	case r.Type == "AAAA" && (ip == nil || ip.To4() != nil):
		return errors.New("Content for AAAA record must be a valid IPv6 address. (9006)")
	case r.Type == "MX" && r.Content == "." && in.Has("priority") && r.Priority == 0:
		return nil // RFC 7505: no mail
	case slices.Contains([]string{"CNAME", "MX", "NS", "PTR"}, r.Type) && !domain(r.Content):
		return fmt.Errorf("Content for %s record is invalid. (9007)", r.Type)
	case r.Type == "CNAME" && strings.EqualFold(strings.TrimSuffix(r.Content, "."), r.Name):
		return errors.New("CNAME content cannot reference itself. (9039)")
	case r.Type == "MX" && !in.Has("priority"):
		return errors.New("DNS Validation Error (1004): priority is a required field for MX records")
	case !domain(strings.TrimPrefix(r.Name, "*.")):
		return errors.New("DNS name is invalid. (9000)")
	case r.Content == "" && r.Data == nil:
		return fmt.Errorf("Content for %s record is invalid. (9007)", r.Type)
	}
	return nil
}

// domain tells whether a text can be a domain name. Names of services have
// underscores.
func domain(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > 253 || net.ParseIP(name) != nil {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
		}) {
			return false
		}
	}
	return true
}

// conflictOf is why a record cannot stand beside the others.
func conflictOf(r cloud.Record, all []cloud.Record) error {
	for _, other := range all {
		if other.ZoneID != r.ZoneID || other.Name != r.Name {
			continue
		}
		switch {
		case r.Type == "CNAME" && proxiable(other.Type):
			return errors.New("An A, AAAA, or CNAME record with that host already exists. (81053)")
		case other.Type == "CNAME" && proxiable(r.Type):
			return errors.New("A CNAME record with that host already exists. (81054)")
		case other.Type == r.Type && sameContent(other, r):
			return errors.New("An identical record already exists. (81058)")
		}
	}
	return nil
}

func sameContent(a, b cloud.Record) bool {
	if x, y := net.ParseIP(a.Content), net.ParseIP(b.Content); x != nil && y != nil {
		return x.Equal(y)
	}
	return strings.TrimSuffix(a.Content, ".") == strings.TrimSuffix(b.Content, ".") && a.Priority == b.Priority
}
