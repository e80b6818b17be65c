package traefik

import (
	"encoding/pem"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"skep/internal/traefik/dynamic"
)

// httpServers says where a service's tasks are.
func (p *planner) httpServers(s *source, entry string, lb *dynamic.ServersLoadBalancer) {
	at := func(field string) string { return s.at("http.services", entry, "loadBalancer", field) }
	if lb.PassHostHeader == nil {
		lb.PassHostHeader = new(true)
	}
	lb.ServersTransport = p.transport(s, httpTransport, lb.ServersTransport, at("serversTransport"))
	var server dynamic.Server
	if len(lb.Servers) > 0 {
		server = lb.Servers[0]
	}
	p.checkSticky(lb.Sticky, at("sticky"))
	if server.URL != "" {
		p.checkURL(server, at("server"))
		return
	}
	scheme := server.Scheme
	if scheme == "" {
		scheme = "http"
	}
	if !slices.Contains([]string{"http", "https", "h2c"}, scheme) {
		p.fault(at("server"), "scheme %q: need http, https or h2c", scheme)
	}
	p.checkPort(s, "http", entry, server.Port, at("server.port"))
	apart := apartHTTP(lb)
	lb.Servers = nil
	for _, host := range p.hosts(s, apart, at("")) {
		one := server
		one.Scheme, one.Port = "", ""
		one.URL = fmt.Sprintf("%s://%s:%s", scheme, host, server.Port)
		lb.Servers = append(lb.Servers, one)
	}
}

// hosts are the names under which a service's tasks are found: one name for all
// of them, which Docker's DNS answers with all addresses, or one for each where
// Traefik has to tell them apart.
func (p *planner) hosts(s *source, apart bool, place string) []string {
	service := s.Stack + "_" + s.Name
	if !apart {
		return []string{"tasks." + service}
	}
	if s.Global {
		p.fault(place, "service %q has a task on each host, and these have no names of their own: sticky sessions, Traefik's health checks and strategies other than wrr need a number of replicas", s.Name)
		return nil
	}
	names := make([]string, s.Replicas)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", service, i+1)
	}
	return names
}

// transport is how Traefik connects: as labels say, or with Skep's own defaults.
func (p *planner) transport(s *source, k kind, named, place string) string {
	if named == "" {
		return backend + "@file"
	}
	return p.refer(s, k, named, place)
}

// checkSticky makes a session's cookie one that scripts and plain HTTP do not
// see, unless the labels say otherwise.
func (p *planner) checkSticky(sticky *dynamic.Sticky, place string) {
	switch {
	case sticky == nil:
	case sticky.Cookie == nil:
		p.fault(place, "sticky without a cookie does nothing: write ….loadbalancer.sticky.cookie: \"true\"")
	default:
		if sticky.Cookie.HTTPOnly == nil {
			sticky.Cookie.HTTPOnly = new(true)
		}
		if sticky.Cookie.Secure == nil && p.TLS {
			sticky.Cookie.Secure = new(true)
		}
	}
}

func (p *planner) checkURL(server dynamic.Server, place string) {
	if server.Port != "" || server.Scheme != "" {
		p.fault(place, "server.url says scheme and port already: leave server.scheme and server.port out")
	}
	u, err := url.Parse(server.URL)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "h2c"}, u.Scheme) {
		p.fault(place, "server.url %q: need http://HOST:PORT, or https or h2c", server.URL)
	}
}

func (p *planner) checkPort(s *source, protocol, entry, port, place string) {
	if port == "" {
		p.fault(place, "%s service %q: the labels do not say on which port service %q listens: add traefik.%s.services.%s.loadbalancer.server.port",
			protocol, entry, s.Name, protocol, entry)
		return
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port {
		p.fault(place, "port %q: need 1 to 65535", port)
	}
}

// checkAuthorities takes certificates as text only: Traefik sees no files of the
// stack.
func (p *planner) checkAuthorities(authorities []string, place string) {
	for _, text := range authorities {
		if block, _ := pem.Decode([]byte(strings.TrimSpace(text))); block == nil || block.Type != "CERTIFICATE" {
			p.fault(place, "rootcas: write the certificate itself (-----BEGIN CERTIFICATE-----…): Traefik sees no files of the stack")
		}
	}
}

// mergeHTTP adds the servers of another compose service under the same name, as
// Traefik does, where all else is the same.
func mergeHTTP(into, from *dynamic.ServersLoadBalancer) bool {
	a, b := *into, *from
	a.Servers, b.Servers = nil, nil
	if !reflect.DeepEqual(a, b) {
		return false
	}
	into.Servers = append(into.Servers, from.Servers...)
	return true
}

func mergeTCP(into, from *dynamic.TCPServersLoadBalancer) bool {
	a, b := *into, *from
	a.Servers, b.Servers = nil, nil
	if !reflect.DeepEqual(a, b) {
		return false
	}
	into.Servers = append(into.Servers, from.Servers...)
	return true
}
