package traefik

import (
	"fmt"
	"slices"
	"strings"
)

// reached is one router with where it is reached.
type reached struct {
	protocol, router       string
	points                 []string
	rule                   *rule // nil for UDP, and for a faulty one
	priority               *int
	tls, passthrough, mesh bool
	place                  string

	stack, service string
}

// claim is something that one router only can have.
type claim struct {
	reached
	what string
}

// reach notes a router, and what it claims.
func (p *planner) reach(s *source, r reached) {
	r.stack, r.service = s.Stack, s.Name
	p.reached = append(p.reached, r)
	for _, point := range r.points {
		for _, key := range r.claims() {
			p.claim(point+" "+key, claim{r, fmt.Sprintf("%s on entry point %s", key[strings.Index(key, "|")+1:], point)})
		}
		var hosts []string
		if r.rule != nil {
			hosts = r.rule.hosts()
		}
		if len(hosts) == 0 {
			hosts = []string{""}
		}
		for _, host := range hosts {
			p.plan.Routes = append(p.plan.Routes, Route{Stack: s.Stack, Service: s.Name, Router: r.router, Protocol: r.protocol, Host: host,
				EntryPoint: point, TLS: r.tls, Passthrough: r.passthrough, Mesh: r.mesh, Place: r.place})
		}
	}
}

// claims are the alternatives of the rule. Two routers with one of them in
// common and no priority between them would take turns at being the first.
func (r reached) claims() []string {
	if r.protocol == "udp" {
		return []string{"udp|all packets"}
	}
	if r.rule == nil {
		return nil
	}
	priority := 0
	if r.priority != nil {
		priority = *r.priority
	}
	var keys []string
	for _, alternative := range r.rule.alternatives() {
		keys = append(keys, fmt.Sprintf("%s %t %d|%s", r.protocol, r.tls, priority, alternative.normal()))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func (p *planner) claim(key string, c claim) {
	first, taken := p.claims[key]
	if !taken {
		p.claims[key] = c
		return
	}
	p.fault(c.place, "%s router %q takes %s, and so does router %q of stack %q at %s: change a rule, or give one a priority",
		c.protocol, c.router, c.what, first.router, first.stack, first.place)
}

// checkShadows finds HTTP routers that a TCP router keeps connections from:
// Traefik asks TCP routers first, and HTTP ones get what is left.
func (p *planner) checkShadows() {
	taken := map[string]reached{}
	for _, r := range p.reached {
		if r.protocol != "tcp" || r.rule == nil {
			continue
		}
		for _, point := range r.points {
			for _, host := range r.takes() {
				taken[point+" "+host] = r
			}
		}
	}
	for _, r := range p.reached {
		if r.protocol != "http" || r.rule == nil {
			continue
		}
		for _, point := range r.points {
			for _, key := range r.shadows() {
				if by, ok := taken[point+" "+key]; ok {
					p.fault(by.place, "tcp router %q takes all connections on entry point %s from http router %q of stack %q (%s): give it an entry point of its own",
						by.router, point, r.router, r.stack, r.place)
				}
			}
		}
	}
}

// everyPlain stands for all connections without TLS.
const everyPlain = "without TLS"

// takes are the connections that a TCP router takes whatever they carry: all
// without TLS, or those with TLS to a name. TLS to any name is the last that
// Traefik asks for, after HTTP.
func (r reached) takes() []string {
	if !r.tls {
		return []string{everyPlain}
	}
	var names []string
	for _, alternative := range r.rule.alternatives() {
		if alternative.operator == 0 {
			names = append(names, alternative.hosts()...)
		}
	}
	return names
}

// shadows are the connections that an HTTP router needs.
func (r reached) shadows() []string {
	if !r.tls {
		return []string{everyPlain}
	}
	return r.rule.hosts()
}

// checkUnused finds services that no router leads to.
func (p *planner) checkUnused() {
	for n, place := range p.defined {
		if p.used[n] || !slices.Contains([]kind{httpService, tcpService, udpService}, n.kind) {
			continue
		}
		protocol, _, _ := strings.Cut(string(n.kind), " ")
		p.fault(place, "%s %q: no router leads to it: add label traefik.%s.routers.%s.rule", n.kind, n.name, protocol, n.name)
	}
}

// checkAccess checks what a file says of who may come.
func (p *planner) checkAccess(s *source) {
	http := s.conf.HTTP != nil && len(s.conf.HTTP.Routers) > 0
	tcp := s.conf.TCP != nil && len(s.conf.TCP.Routers) > 0
	udp := s.conf.UDP != nil && len(s.conf.UDP.Routers) > 0
	switch {
	case s.Auth == "sso" && p.Auth == nil:
		p.fault(s.Place, "service %q: auth: sso: skep:ingress.auth does not say where sign-ins are checked", s.Name)
	case s.Users != "" && (tcp || udp || !http):
		p.fault(s.Place, "service %q: users: basic auth works for HTTP routers, and it has others or none", s.Name)
	case s.Auth == "sso" && (tcp || udp || !http):
		p.fault(s.Place, "service %q: auth: sso works for HTTP routers, and it has others or none", s.Name)
	}
	switch {
	case s.Access == "mesh" && len(p.Mesh) == 0:
		p.fault(s.Place, "service %q: access: mesh: there is no mesh", s.Name)
	case s.Access == "mesh" && udp:
		p.fault(s.Place, "service %q: access: mesh: Traefik cannot tell by address who sends UDP: publish it on the mesh's address instead", s.Name)
	}
}
