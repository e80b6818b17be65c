package traefik

import (
	"net"
	"slices"

	"github.com/traefik/paerser/types"

	"skep/internal/traefik/dynamic"
)

// tcp takes over what a service's labels say of TCP.
func (p *planner) tcp(s *source) {
	conf := s.conf.TCP
	if conf == nil {
		return
	}
	for _, entry := range sorted(conf.Services) {
		p.tcpService(s, entry, conf.Services[entry])
	}
	for _, entry := range sorted(conf.Middlewares) {
		m, place := conf.Middlewares[entry], s.at("tcp.middlewares", entry)
		p.tcpMiddleware(entry, m, place)
		put(p, s, tcpMiddleware, p.out.TCP.Middlewares, entry, m, place)
	}
	for _, entry := range sorted(conf.ServersTransports) {
		t, place := conf.ServersTransports[entry], s.at("tcp.serversTransports", entry)
		if t.TLS != nil {
			p.checkAuthorities(t.TLS.RootCAs, s.at("tcp.serversTransports", entry, "tls", "rootCAs"))
		}
		if t.DialTimeout == nil {
			t.DialTimeout = new(types.Duration(dialTimeout))
		}
		put(p, s, tcpTransport, p.out.TCP.ServersTransports, entry, t, place)
	}
	for _, entry := range sorted(conf.Routers) {
		p.tcpRouter(s, entry, conf.Routers[entry])
	}
}

func (p *planner) tcpRouter(s *source, entry string, router *dynamic.TCPRouter) {
	at := func(field string) string { return s.at("tcp.routers", entry, field) }
	named := router.EntryPoints
	e := p.entryPoints(named, "tcp", at("entryPoints"))
	router.EntryPoints = e.points
	router.Service = pick(p, s, tcpService, s.conf.TCP.Services, router.Service, at("service"), "tcp", entry)
	router.Middlewares = p.references(s, tcpMiddleware, router.Middlewares, at("middlewares"))
	if only := MeshOnly + "@file"; (e.mesh || s.Access == "mesh") && !slices.Contains(router.Middlewares, only) {
		router.Middlewares = append([]string{only}, router.Middlewares...)
	}
	p.checkPriority(router.Priority, at("priority"))
	r := p.rule(router.Rule, "tcp", entry, at("rule"))
	passthrough := router.TLS != nil && router.TLS.Passthrough != nil && *router.TLS.Passthrough
	if router.TLS != nil && !passthrough && router.TLS.Options == "" {
		router.TLS.Options = p.tlsOptions(s, e)
	}
	switch {
	case router.TLS == nil && len(named) == 0:
		p.fault(at("rule"), "tcp router %q has neither TLS nor an entry point of its own: add traefik.tcp.routers.%s.tls, or an entry point: %s", entry, entry, p.knownEntryPoints("tcp"))
	case router.TLS == nil && r != nil && len(r.hosts()) > 0:
		p.fault(at("rule"), "tcp router %q: without TLS a connection names no host: add traefik.tcp.routers.%s.tls, or use HostSNI(`*`)", entry, entry)
	case router.TLS != nil && !passthrough && !p.TLS:
		p.fault(at("tls"), "tcp router %q: skep:ingress.tls is none, so there is no certificate: pass TLS through (tls.passthrough)", entry)
	}
	put(p, s, tcpRouter, p.out.TCP.Routers, entry, router, at("rule"))
	p.reach(s, reached{protocol: "tcp", router: entry, points: e.points, rule: r, priority: router.Priority,
		tls: router.TLS != nil, passthrough: passthrough, mesh: e.mesh || s.Access == "mesh", place: at("rule")})
}

func (p *planner) tcpService(s *source, entry string, service *dynamic.TCPService) {
	place := s.at("tcp.services", entry)
	switch {
	case (service.LoadBalancer != nil) == (service.Weighted != nil):
		p.fault(place, "tcp service %q: need one of loadbalancer and weighted", entry)
		return
	case service.Weighted != nil:
		for i := range service.Weighted.Services {
			service.Weighted.Services[i].Name = p.refer(s, tcpService, service.Weighted.Services[i].Name, s.at("tcp.services", entry, "weighted"))
		}
	default:
		p.tcpServers(s, entry, service.LoadBalancer)
		if before, ok := p.out.TCP.Services[full(s.Stack, entry)]; ok && before.LoadBalancer != nil && mergeTCP(before.LoadBalancer, service.LoadBalancer) {
			return
		}
	}
	put(p, s, tcpService, p.out.TCP.Services, entry, service, place)
}

func (p *planner) tcpServers(s *source, entry string, lb *dynamic.TCPServersLoadBalancer) {
	at := func(field string) string { return s.at("tcp.services", entry, "loadBalancer", field) }
	var server dynamic.TCPServer
	if len(lb.Servers) > 0 {
		server = lb.Servers[0]
	}
	if server.Address != "" {
		p.fault(at("server"), "server.address: Traefik reaches the service's own tasks: leave it out and say server.port")
	}
	p.checkPort(s, "tcp", entry, server.Port, at("server.port"))
	// What a load balancer says of PROXY protocol in Traefik's older form counts
	// only where no transport is named.
	older := lb.ProxyProtocol != nil || lb.TerminationDelay != nil
	switch {
	case older && lb.ServersTransport != "":
		p.fault(at("serversTransport"), "tcp service %q: beside a serversTransport, proxyprotocol and terminationdelay are not read: move them into it", entry)
	case !older:
		lb.ServersTransport = p.transport(s, tcpTransport, lb.ServersTransport, at("serversTransport"))
	}
	lb.Servers = nil
	for _, host := range p.hosts(s, lb.HealthCheck != nil, at("")) {
		lb.Servers = append(lb.Servers, dynamic.TCPServer{Address: net.JoinHostPort(host, server.Port), TLS: server.TLS})
	}
}

// udp takes over what a service's labels say of UDP.
func (p *planner) udp(s *source) {
	conf := s.conf.UDP
	if conf == nil {
		return
	}
	for _, entry := range sorted(conf.Services) {
		p.udpService(s, entry, conf.Services[entry])
	}
	for _, entry := range sorted(conf.Routers) {
		router, at := conf.Routers[entry], func(field string) string { return s.at("udp.routers", entry, field) }
		if len(router.EntryPoints) == 0 {
			p.fault(at(""), "udp router %q: say where it is reached with traefik.udp.routers.%s.entrypoints: %s", entry, entry, p.knownEntryPoints("udp"))
			continue
		}
		e := p.entryPoints(router.EntryPoints, "udp", at("entryPoints"))
		router.EntryPoints = e.points
		router.Service = pick(p, s, udpService, conf.Services, router.Service, at("service"), "udp", entry)
		put(p, s, udpRouter, p.out.UDP.Routers, entry, router, at("entryPoints"))
		p.reach(s, reached{protocol: "udp", router: entry, points: e.points, place: at("entryPoints")})
	}
}

func (p *planner) udpService(s *source, entry string, service *dynamic.UDPService) {
	place := s.at("udp.services", entry)
	switch {
	case (service.LoadBalancer != nil) == (service.Weighted != nil):
		p.fault(place, "udp service %q: need one of loadbalancer and weighted", entry)
		return
	case service.Weighted != nil:
		for i := range service.Weighted.Services {
			service.Weighted.Services[i].Name = p.refer(s, udpService, service.Weighted.Services[i].Name, s.at("udp.services", entry, "weighted"))
		}
	default:
		var server dynamic.UDPServer
		if len(service.LoadBalancer.Servers) > 0 {
			server = service.LoadBalancer.Servers[0]
		}
		p.checkPort(s, "udp", entry, server.Port, s.at("udp.services", entry, "loadBalancer", "server.port"))
		service.LoadBalancer.Servers = nil
		for _, host := range p.hosts(s, false, place) {
			service.LoadBalancer.Servers = append(service.LoadBalancer.Servers, dynamic.UDPServer{Address: net.JoinHostPort(host, server.Port)})
		}
	}
	put(p, s, udpService, p.out.UDP.Services, entry, service, place)
}
