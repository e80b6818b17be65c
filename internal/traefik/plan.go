package traefik

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"skep/internal/traefik/dynamic"
)

// kind is what a name may be of.
type kind string

const (
	httpRouter     kind = "http router"
	httpService    kind = "http service"
	httpMiddleware kind = "http middleware"
	httpTransport  kind = "http serversTransport"
	tcpRouter      kind = "tcp router"
	tcpService     kind = "tcp service"
	tcpMiddleware  kind = "tcp middleware"
	tcpTransport   kind = "tcp serversTransport"
	udpRouter      kind = "udp router"
	udpService     kind = "udp service"
)

// name is one defined name: whose it is, and of what.
type name struct {
	kind        kind
	stack, name string
}

// planner collects what goes into the files, and what is wrong.
type planner struct {
	Options
	out     dynamic.Configuration
	plan    *Plan
	faults  []error
	defined map[name]string // what labels define, with the place
	used    map[name]bool
	taken   map[string]name // names in the files
	claims  map[string]claim
	reached []reached
}

// New decodes, checks and renders the labels of all services. Its error joins
// all faults, each with its place first.
func New(services []Service, o Options) (*Plan, error) {
	p := read(services, o)
	if err := p.render(); err != nil {
		return nil, err
	}
	p.finish()
	return p.plan, joined(p.faults)
}

// read takes over what all labels say.
func read(services []Service, o Options) *planner {
	p := &planner{
		Options: o, plan: &Plan{Files: map[string]string{}},
		out:     dynamic.Configuration{HTTP: emptyHTTP(), TCP: emptyTCP(), UDP: emptyUDP()},
		defined: map[name]string{}, used: map[name]bool{}, taken: map[string]name{}, claims: map[string]claim{},
	}
	var sources []*source
	for _, service := range services {
		s, ok, faults := decode(service)
		p.faults = append(p.faults, faults...)
		if ok {
			sources = append(sources, s)
		}
	}
	for _, s := range sources {
		p.define(s)
	}
	for _, s := range sources {
		p.http(s)
		p.tcp(s)
		p.udp(s)
		p.checkAccess(s)
	}
	p.checkUnused()
	p.checkShadows()
	return p
}

func emptyHTTP() *dynamic.HTTPConfiguration {
	return &dynamic.HTTPConfiguration{Routers: map[string]*dynamic.Router{}, Services: map[string]*dynamic.Service{},
		Middlewares: map[string]*dynamic.Middleware{}, ServersTransports: map[string]*dynamic.ServersTransport{}}
}

func emptyTCP() *dynamic.TCPConfiguration {
	return &dynamic.TCPConfiguration{Routers: map[string]*dynamic.TCPRouter{}, Services: map[string]*dynamic.TCPService{},
		Middlewares: map[string]*dynamic.TCPMiddleware{}, ServersTransports: map[string]*dynamic.TCPServersTransport{}}
}

func emptyUDP() *dynamic.UDPConfiguration {
	return &dynamic.UDPConfiguration{Routers: map[string]*dynamic.UDPRouter{}, Services: map[string]*dynamic.UDPService{}}
}

// joined makes one error of the faults, each once, in the order of their places.
func joined(faults []error) error {
	slices.SortStableFunc(faults, func(a, b error) int { return comparePlaces(a.Error(), b.Error()) })
	return errors.Join(slices.CompactFunc(faults, func(a, b error) bool { return a.Error() == b.Error() })...)
}

// comparePlaces puts line 9 before line 10.
func comparePlaces(a, b string) int {
	x, y := strings.SplitN(a, ":", 4), strings.SplitN(b, ":", 4)
	for i := range min(len(x), len(y)) {
		if c := cmp.Compare(len(x[i]), len(y[i])); c != 0 && i > 0 && i < 3 {
			return c
		}
		if c := cmp.Compare(x[i], y[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}

// finish sorts what is not a map.
func (p *planner) finish() {
	slices.SortFunc(p.plan.Routes, func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Stack, b.Stack), cmp.Compare(a.Router, b.Router), cmp.Compare(a.EntryPoint, b.EntryPoint))
	})
	slices.SortFunc(p.plan.Users, func(a, b Users) int { return cmp.Compare(a.Middleware, b.Middleware) })
	p.plan.Users = slices.Compact(p.plan.Users)
	slices.SortFunc(p.plan.Notes, comparePlaces)
	p.plan.Notes = slices.Compact(p.plan.Notes)
}

func (p *planner) fault(place, format string, args ...any) {
	p.faults = append(p.faults, fault(place, format, args...))
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
