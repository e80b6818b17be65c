package traefik

import (
	"math"
	"slices"
	"strings"

	"skep/internal/traefik/dynamic"
)

// highestPriority is what Traefik leaves to routers of users.
const highestPriority = math.MaxInt - 1000

// http takes over what a service's labels say of HTTP.
func (p *planner) http(s *source) {
	conf := s.conf.HTTP
	if conf == nil {
		return
	}
	for _, entry := range sorted(conf.Services) {
		p.httpService(s, entry, conf.Services[entry])
	}
	for _, entry := range sorted(conf.Middlewares) {
		m, place := conf.Middlewares[entry], s.at("http.middlewares", entry)
		p.middleware(s, entry, m)
		put(p, s, httpMiddleware, p.out.HTTP.Middlewares, entry, m, place)
	}
	for _, entry := range sorted(conf.ServersTransports) {
		t, place := conf.ServersTransports[entry], s.at("http.serversTransports", entry)
		p.checkAuthorities(t.RootCAs, s.at("http.serversTransports", entry, "rootCAs"))
		put(p, s, httpTransport, p.out.HTTP.ServersTransports, entry, withDefaults(t), place)
	}
	for _, entry := range sorted(conf.Routers) {
		p.httpRouter(s, entry, conf.Routers[entry])
	}
}

func (p *planner) httpRouter(s *source, entry string, router *dynamic.Router) {
	at := func(field string) string { return s.at("http.routers", entry, field) }
	asked := router.TLS != nil
	_, said := s.places["traefik.http.routers."+strings.ToLower(entry)+".tls"]
	e := p.entryPoints(router.EntryPoints, "tcp", at("entryPoints"))
	router.EntryPoints = e.points
	router.Service = pick(p, s, httpService, s.conf.HTTP.Services, router.Service, at("service"), "http", entry)
	router.Middlewares = p.chain(s, e, p.references(s, httpMiddleware, router.Middlewares, at("middlewares")))
	router.TLS = nil
	switch {
	case said && !asked && slices.Contains(e.points, webSecure):
		p.fault(at("tls"), "http router %q: entry point websecure is for TLS only: leave the label out", entry)
	case p.TLS && (asked || !said):
		router.TLS = &dynamic.RouterTLSConfig{Options: p.tlsOptions(s, e)}
	}
	if slices.Contains(p.Maintenance, s.Stack) {
		router.Service = maintenance + "@file"
		router.Middlewares = append(router.Middlewares, maintenance+"@file")
	}
	p.checkPriority(router.Priority, at("priority"))
	r := p.rule(router.Rule, "http", entry, at("rule"))
	put(p, s, httpRouter, p.out.HTTP.Routers, entry, router, at("rule"))
	p.reach(s, reached{protocol: "http", router: entry, points: e.points, rule: r, priority: router.Priority,
		tls: router.TLS != nil, mesh: e.mesh || s.Access == "mesh", place: at("rule")})
}

// chain is the order of middlewares: who may not come is sent away first, and
// what repeats requests stands nearest to the service, so that nothing before it
// runs twice.
func (p *planner) chain(s *source, e entry, asked []string) []string {
	var first, last []string
	add := func(to *[]string, name string) { *to = append(*to, name+"@file") }
	if e.mesh || s.Access == "mesh" {
		add(&first, MeshOnly)
	}
	if !s.Bare {
		for _, name := range p.Default {
			if name = strings.TrimSuffix(name, "@file"); name == Retry {
				add(&last, name)
			} else {
				add(&first, name)
			}
		}
	}
	if s.Auth == "sso" {
		add(&first, SSO)
	}
	if s.Users != "" {
		add(&first, p.users(s))
	}
	var chain []string
	for _, name := range slices.Concat(first, asked, last) {
		if !slices.Contains(chain, name) {
			chain = append(chain, name)
		}
	}
	return chain
}

// rule parses a router's rule; nil where it is faulty.
func (p *planner) rule(text, protocol, router, place string) *rule {
	if text == "" {
		p.fault(place, "%s router %q has no rule: add label traefik.%s.routers.%s.rule, such as %s", protocol, router, protocol, router, exampleRule(protocol))
		return nil
	}
	matchers, known := httpMatchers, httpSpellings
	if protocol == "tcp" {
		matchers, known = tcpMatchers, tcpSpellings
	}
	r, err := parseRule(text, matchers, known)
	if err != nil {
		p.fault(place, "%s router %q: rule %s: %v", protocol, router, text, err)
		return nil
	}
	return r
}

func exampleRule(protocol string) string {
	if protocol == "tcp" {
		return "HostSNI(`db.example.org`)"
	}
	return "Host(`app.example.org`)"
}

// pick is the service of a router: the one that it names, or the only one.
func pick[V any](p *planner, s *source, k kind, services map[string]V, named, place, protocol, router string) string {
	if named != "" {
		return p.refer(s, k, named, place)
	}
	names := sorted(services)
	switch len(names) {
	case 1:
		p.used[name{k, s.Stack, names[0]}] = true
		return full(s.Stack, names[0])
	case 0:
		p.fault(place, "%s router %q: the labels do not say on which port service %q listens: add traefik.%s.services.%s.loadbalancer.server.port",
			protocol, router, s.Name, protocol, s.Name)
	default:
		p.fault(place, "%s router %q: service %q has several: say which with traefik.%s.routers.%s.service: %s",
			protocol, router, s.Name, protocol, router, strings.Join(names, " or "))
	}
	return ""
}

func (p *planner) checkPriority(priority *int, place string) {
	if priority != nil && (*priority > highestPriority || *priority < 0) {
		p.fault(place, "priority %d: need 0 to %d", *priority, highestPriority)
	}
}

func (p *planner) httpService(s *source, entry string, service *dynamic.Service) {
	at := func(field ...string) string { return s.at(append([]string{"http.services", entry}, field...)...) }
	count := 0
	for _, there := range []bool{service.LoadBalancer != nil, service.Weighted != nil, service.HighestRandomWeight != nil,
		service.Mirroring != nil, service.Failover != nil} {
		if there {
			count++
		}
	}
	if count != 1 {
		p.fault(at(), "http service %q is of %d kinds: need one of loadbalancer, weighted, highestrandomweight, mirroring, failover", entry, count)
		return
	}
	service.Middlewares = p.references(s, httpMiddleware, service.Middlewares, at("middlewares"))
	refer := func(to *string, field string) { *to = p.refer(s, httpService, *to, at(field)) }
	switch {
	case service.LoadBalancer != nil:
		p.httpServers(s, entry, service.LoadBalancer)
		if before, ok := p.out.HTTP.Services[full(s.Stack, entry)]; ok && before.LoadBalancer != nil && mergeHTTP(before.LoadBalancer, service.LoadBalancer) {
			return
		}
	case service.Weighted != nil:
		for i := range service.Weighted.Services {
			refer(&service.Weighted.Services[i].Name, "weighted")
		}
	case service.HighestRandomWeight != nil:
		for i := range service.HighestRandomWeight.Services {
			refer(&service.HighestRandomWeight.Services[i].Name, "highestRandomWeight")
		}
	case service.Mirroring != nil:
		refer(&service.Mirroring.Service, "mirroring")
		for i := range service.Mirroring.Mirrors {
			refer(&service.Mirroring.Mirrors[i].Name, "mirroring")
		}
	case service.Failover != nil:
		refer(&service.Failover.Service, "failover")
		refer(&service.Failover.Fallback, "failover")
	}
	put(p, s, httpService, p.out.HTTP.Services, entry, service, at())
}
