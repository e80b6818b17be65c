package traefik

import (
	"reflect"
	"regexp"
	"strings"

	"skep/internal/traefik/dynamic"
)

// middleware checks one middleware of the labels, and rewrites what it refers
// to: what Traefik would refuse when it starts to use it, takes routes away.
func (p *planner) middleware(s *source, entry string, m *dynamic.Middleware) {
	at := func(field string) string { return s.at("http.middlewares", entry, field) }
	if count := set(reflect.ValueOf(*m)); count != 1 {
		p.fault(at(""), "http middleware %q is of %d kinds: need one; join several with chain", entry, count)
	}
	switch {
	case m.Chain != nil:
		m.Chain.Middlewares = p.references(s, httpMiddleware, m.Chain.Middlewares, at("chain"))
	case m.Errors != nil:
		m.Errors.Service = p.refer(s, httpService, m.Errors.Service, at("errors"))
	case m.Retry != nil && (m.Retry.Attempts == nil || *m.Retry.Attempts < 1):
		p.fault(at("retry"), "retry.attempts: need at least 1")
	case m.BasicAuth != nil:
		p.checkUsers(m.BasicAuth.Users, m.BasicAuth.UsersFile, at("basicAuth"))
	case m.DigestAuth != nil:
		p.checkUsers(m.DigestAuth.Users, m.DigestAuth.UsersFile, at("digestAuth"))
	case m.IPAllowList != nil:
		p.checkRanges(m.IPAllowList.SourceRange, at("ipAllowList"))
	case m.IPWhiteList != nil:
		p.checkRanges(m.IPWhiteList.SourceRange, at("ipWhiteList"))
	}
	for field, expressions := range expressions(m) {
		for _, expression := range expressions {
			if _, err := regexp.Compile(expression); err != nil {
				p.fault(at(field), "http middleware %q: %v", entry, err)
			}
		}
	}
}

// set counts the pointers of a struct that are there.
func set(structure reflect.Value) int {
	count := 0
	for i := range structure.NumField() {
		if !structure.Field(i).IsNil() {
			count++
		}
	}
	return count
}

// expressions are the regular expressions in a middleware, by where they stand.
func expressions(m *dynamic.Middleware) map[string][]string {
	found := map[string][]string{}
	if m.RedirectRegex != nil {
		found["redirectRegex.regex"] = []string{m.RedirectRegex.Regex}
	}
	if m.ReplacePathRegex != nil {
		found["replacePathRegex.regex"] = []string{m.ReplacePathRegex.Regex}
	}
	if m.StripPrefixRegex != nil {
		found["stripPrefixRegex.regex"] = m.StripPrefixRegex.Regex
	}
	if m.Headers != nil {
		found["headers.accessControlAllowOriginListRegex"] = m.Headers.AccessControlAllowOriginListRegex
	}
	if m.ForwardAuth != nil {
		found["forwardAuth.authResponseHeadersRegex"] = []string{m.ForwardAuth.AuthResponseHeadersRegex}
	}
	return found
}

// usersFiles is where Traefik finds files of its own.
var usersFiles = []string{"/run/secrets/", "/etc/traefik/"}

// checkUsers takes files that Traefik sees, and says of hashes in the labels
// what they are.
func (p *planner) checkUsers(users []string, file, place string) {
	switch {
	case len(users) == 0 && file == "":
		p.fault(place, "nobody may come in: need users or usersfile")
	case file != "" && !strings.HasPrefix(file, usersFiles[0]) && !strings.HasPrefix(file, usersFiles[1]):
		p.fault(place, "usersfile %q: Traefik sees no files of the stack, only its own below %s", file, strings.Join(usersFiles, " and "))
	}
	for _, user := range users {
		if name, hash, ok := strings.Cut(user, ":"); !ok || name == "" || hash == "" {
			p.fault(place, "a user is written NAME:HASH, as htpasswd prints it")
			return
		}
	}
	if len(users) > 0 {
		p.note(place, "the hashes of these passwords stand in the compose file, for everyone who reads the repository: give them long random passwords, or use x-skep: {auth: sso}")
	}
}

func (p *planner) checkRanges(ranges []string, place string) {
	if len(ranges) == 0 {
		p.fault(place, "sourcerange is empty, which lets nobody in")
	}
	for _, text := range ranges {
		if err := checkAddress([]string{text}); err != nil {
			p.fault(place, "sourcerange: %v", err)
		}
	}
}

func (p *planner) tcpMiddleware(entry string, m *dynamic.TCPMiddleware, place string) {
	if count := set(reflect.ValueOf(*m)); count != 1 {
		p.fault(place, "tcp middleware %q is of %d kinds: need one", entry, count)
	}
	if m.IPAllowList != nil {
		p.checkRanges(m.IPAllowList.SourceRange, place)
	}
	if m.IPWhiteList != nil {
		p.checkRanges(m.IPWhiteList.SourceRange, place)
	}
}
