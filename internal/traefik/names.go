package traefik

import (
	"reflect"
	"slices"
	"strings"
)

// own are the names that Skep's own file defines.
var own = map[kind][]string{
	httpMiddleware: {Headers, RateLimit, Retry, MeshOnly, SSO, maintenance},
	httpService:    {maintenance},
	httpTransport:  {backend},
	tcpMiddleware:  {MeshOnly},
	tcpTransport:   {backend},
}

// full is a name as it stands in the files.
func full(stack, name string) string { return stack + "-" + name }

// define notes every name that a service's labels define, so that references
// can be told from typing errors.
func (p *planner) define(s *source) {
	if http := s.conf.HTTP; http != nil {
		defineAll(p, s, httpService, http.Services, "http.services")
		defineAll(p, s, httpMiddleware, http.Middlewares, "http.middlewares")
		defineAll(p, s, httpTransport, http.ServersTransports, "http.serversTransports")
		defineAll(p, s, httpRouter, http.Routers, "http.routers")
	}
	if tcp := s.conf.TCP; tcp != nil {
		defineAll(p, s, tcpService, tcp.Services, "tcp.services")
		defineAll(p, s, tcpMiddleware, tcp.Middlewares, "tcp.middlewares")
		defineAll(p, s, tcpTransport, tcp.ServersTransports, "tcp.serversTransports")
		defineAll(p, s, tcpRouter, tcp.Routers, "tcp.routers")
	}
	if udp := s.conf.UDP; udp != nil {
		defineAll(p, s, udpService, udp.Services, "udp.services")
		defineAll(p, s, udpRouter, udp.Routers, "udp.routers")
	}
}

func defineAll[V any](p *planner, s *source, k kind, entries map[string]V, section string) {
	for _, entry := range sorted(entries) {
		n := name{k, s.Stack, entry}
		place := s.at(section, entry)
		if strings.Contains(entry, "@") {
			p.fault(place, "%s %q: a name holds no @", k, entry)
		}
		if _, twice := p.defined[n]; !twice {
			p.defined[n] = place
		}
		p.claimName(n, place)
	}
}

// claimName refuses names that would be one and the same in the files: stack a-b
// with router c, and stack a with router b-c.
func (p *planner) claimName(n name, place string) {
	text := full(n.stack, n.name)
	if slices.Contains(own[n.kind], text) {
		p.fault(place, "%s %q of stack %q has the name of Skep's own %s: choose another", n.kind, n.name, n.stack, text)
	}
	key := string(n.kind) + " " + text
	first, taken := p.taken[key]
	if taken && first != n {
		p.fault(place, "%s %q of stack %q gets the name %s, which %q of stack %q (%s) has: choose another",
			n.kind, n.name, n.stack, text, first.name, first.stack, p.defined[first])
	}
	p.taken[key] = n
}

// put adds an entry to the files. Several services of a stack may define it, if
// they say the same.
func put[V any](p *planner, s *source, k kind, into map[string]V, entry string, value V, place string) {
	text := full(s.Stack, entry)
	if before, twice := into[text]; twice && !reflect.DeepEqual(before, value) {
		p.fault(place, "%s %q is another one at %s: choose another name for one of them", k, entry, p.defined[name{k, s.Stack, entry}])
		return
	}
	into[text] = value
}

// refer is a reference as it stands in the files. What it names must exist: in
// the same stack, or as Skep's own with @file behind it.
func (p *planner) refer(s *source, k kind, to, place string) string {
	base, provider, qualified := strings.Cut(to, "@")
	switch {
	case !qualified:
		n := name{k, s.Stack, to}
		if _, ok := p.defined[n]; !ok {
			p.fault(place, "there is no %s %q in stack %q%s", k, to, s.Stack, p.suggest(k, s.Stack, to))
		}
		p.used[n] = true
		return full(s.Stack, to)
	case provider == "file" && slices.Contains(own[k], base):
		p.checkOwn(base, place)
	case provider == "file":
		p.fault(place, "there is no %s %q: Skep's own are %s", k, to, either(own[k]))
	case provider == "internal" && k == httpService && base == "noop":
	case provider == "internal":
		p.fault(place, "%s %q: Traefik's own API and pages stay switched off, since they tell of all routes", k, to)
	default:
		p.fault(place, "%s %q: what a stack defines is named without @%s", k, to, provider)
	}
	return to
}

// checkOwn refuses Skep's own where the config lacks what they need.
func (p *planner) checkOwn(base, place string) {
	if base == SSO && p.Auth == nil {
		p.fault(place, "%s@file: skep:ingress.auth does not say where sign-ins are checked", SSO)
	}
	if base == MeshOnly && len(p.Mesh) == 0 {
		p.fault(place, "%s@file: there is no mesh", MeshOnly)
	}
}

// suggest names what there is.
func (p *planner) suggest(k kind, stack, to string) string {
	if slices.Contains(own[k], to) {
		return ": Skep's own is " + to + "@file"
	}
	var there []string
	for n := range p.defined {
		if n.kind == k && n.stack == stack {
			there = append(there, n.name)
		}
	}
	slices.Sort(there)
	if len(there) == 0 {
		return ""
	}
	return ": it has " + strings.Join(there, ", ")
}

func either(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = n + "@file"
	}
	return strings.Join(texts, ", ")
}

// references rewrites a list of them.
func (p *planner) references(s *source, k kind, to []string, place string) []string {
	out := make([]string, 0, len(to))
	for _, reference := range to {
		if reference = strings.TrimSpace(reference); reference != "" {
			out = append(out, p.refer(s, k, reference, place))
		}
	}
	return out
}
