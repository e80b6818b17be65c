package traefik

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/traefik/paerser/parser"

	"skep/internal/traefik/dynamic"
)

// source is a service with what its labels say.
type source struct {
	Service
	conf   dynamic.Configuration
	places map[string]string // by lower-case key
	keys   []string          // of places, sorted
}

// fault is one thing that must change, at a place.
func fault(place, format string, args ...any) error {
	return fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...))
}

// at is where a key stands: the key itself, the first label below it, or the
// first of what it is a part of.
func (s *source) at(parts ...string) string {
	key := strings.ToLower("traefik." + strings.Join(parts, "."))
	if place, ok := s.places[key]; ok {
		return place
	}
	const entry = 3 // dots in traefik.http.routers.NAME
	for strings.Count(key, ".") >= entry {
		if full, found := s.below(key + "."); found {
			return s.places[full]
		}
		if place, ok := s.places[key]; ok {
			return place
		}
		key = key[:strings.LastIndex(key, ".")]
	}
	return s.Place
}

// below is the first key with a prefix.
func (s *source) below(prefix string) (key string, found bool) {
	i, _ := slices.BinarySearch(s.keys, prefix)
	if i == len(s.keys) || !strings.HasPrefix(s.keys[i], prefix) {
		return "", false
	}
	return s.keys[i], true
}

// Apart says whether Traefik has to tell the service's tasks from one another,
// so that each needs a name of its own.
func Apart(service Service) bool {
	s, ok, _ := decode(service)
	if !ok || s.conf.HTTP == nil && s.conf.TCP == nil {
		return false
	}
	if s.conf.HTTP != nil {
		for _, service := range s.conf.HTTP.Services {
			if service.LoadBalancer != nil && apartHTTP(service.LoadBalancer) {
				return true
			}
		}
	}
	if s.conf.TCP != nil {
		for _, service := range s.conf.TCP.Services {
			if service.LoadBalancer != nil && service.LoadBalancer.HealthCheck != nil {
				return true
			}
		}
	}
	return false
}

// apartHTTP says so of one load balancer; one that names a server of its own has
// no tasks.
func apartHTTP(lb *dynamic.ServersLoadBalancer) bool {
	if len(lb.Servers) > 0 && lb.Servers[0].URL != "" {
		return false
	}
	return lb.Sticky != nil || lb.HealthCheck != nil || lb.PassiveHealthCheck != nil || lb.Strategy != "" && lb.Strategy != "wrr"
}

// refusal is a label that Traefik knows and Skep does not take, and why.
type refusal struct {
	key *regexp.Regexp
	why string
}

var refusals = []refusal{
	{regexp.MustCompile(`^traefik\.(docker|swarm)\.network$`), "the file's zone chooses the network (x-skep: {zone: apps} at its top)"},
	{regexp.MustCompile(`^traefik\.(docker|swarm)\.lbswarm$`), "Traefik reaches tasks without Swarm's virtual address, in all cases"},
	{regexp.MustCompile(`^traefik\.(docker|swarm)\.`), "Traefik does not ask Docker for services here: Skep writes its routes"},
	{regexp.MustCompile(`^traefik\.(constraint-label|tags)\b`), "there is one Traefik, so nothing is to be chosen"},
	{regexp.MustCompile(`^traefik\.tls\.`), "skep:ingress says it for all routes"},
	{regexp.MustCompile(`\.middlewares\.[^.]+\.plugin\.`), "plugins would be fetched from the internet whenever Traefik starts"},
	{regexp.MustCompile(`\.routers\.[^.]+\.tls\.(certresolver|domains)\b`), "certificates come from what skep:ingress.tls says, for all names in rules"},
	{regexp.MustCompile(`\.routers\.[^.]+\.tls\.options$`), "TLS versions and client certificates are the same for all routes"},
	{regexp.MustCompile(`\.routers\.[^.]+\.rulesyntax$`), "rules are in Traefik's syntax of version 3"},
	{regexp.MustCompile(`\.serverstransports\.[^.]+\.(tls\.)?certificates\b`), "a private key does not belong into a compose file"},
	{regexp.MustCompile(`\.serverstransports\.[^.]+\.(tls\.)?spiffe\b`), "there is no SPIFFE agent"},
	{regexp.MustCompile(`\.ratelimit\.redis\b`), "each host counts by itself, and a password does not belong into a compose file"},
	{regexp.MustCompile(`\.forwardauth\.tls\b`), "a private key does not belong into a compose file"},
}

// decode reads a service's labels; ok is false for a service that has none, or
// that switches them off.
func decode(service Service) (s *source, ok bool, faults []error) {
	s = &source{Service: service, places: map[string]string{}}
	labels := map[string]string{}
	enabled := true
	for _, l := range service.Labels {
		key := strings.ToLower(l.Key)
		switch {
		case key != "traefik" && !strings.HasPrefix(key, "traefik."):
			continue
		case key == "traefik.enable":
			on, err := strconv.ParseBool(l.Value)
			if err != nil {
				faults = append(faults, fault(l.Place, "label %s: %q is neither true nor false", l.Key, l.Value))
			}
			enabled = on || err != nil
			continue
		}
		if err := refused(l.Key); err != nil {
			faults = append(faults, fault(l.Place, "%v", err))
			continue
		}
		if first, twice := s.places[key]; twice {
			faults = append(faults, fault(l.Place, "label %s stands at %s too: upper and lower case are the same to Traefik", l.Key, first))
			continue
		}
		if strings.Count(key, ".") < 4 {
			faults = append(faults, fault(l.Place, "label %s says nothing: labels are traefik.http.routers.NAME.rule and the like", l.Key))
			continue
		}
		s.places[key], labels[l.Key] = l.Place, l.Value
	}
	if !enabled {
		return nil, false, nil
	}
	if len(labels) == 0 {
		return nil, false, faults
	}
	s.keys = slices.Sorted(maps.Keys(s.places))
	if s.Place == "" {
		s.Place = slices.Sorted(maps.Values(s.places))[0]
	}
	return s, true, append(faults, s.fill(labels)...)
}

func refused(key string) error {
	lower := strings.ToLower(key)
	for _, r := range refusals {
		if r.key.MatchString(lower) {
			return fmt.Errorf("label %s: leave it out: %s", key, r.why)
		}
	}
	return nil
}

// fill decodes the labels, all at once; where that fails, each by itself, so
// that every faulty one is named.
func (s *source) fill(labels map[string]string) []error {
	err := fillFrom(labels, &s.conf)
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if err == nil && !s.above(key) {
			continue
		}
		var alone dynamic.Configuration
		if err := fillFrom(map[string]string{key: labels[key]}, &alone); err != nil {
			faults = append(faults, fault(s.places[strings.ToLower(key)], "label %s: %v", key, plainly(err)))
		}
	}
	switch {
	case err == nil && len(faults) == 0:
		return s.empties()
	case len(faults) == 0:
		faults = append(faults, fault(s.Place, "the labels of service %q do not go together: %v", s.Name, plainly(err)))
	}
	s.conf = dynamic.Configuration{}
	return faults
}

// above says whether there are labels below a key: then its own value may count
// for nothing, without a word.
func (s *source) above(key string) bool {
	_, found := s.below(strings.ToLower(key) + ".")
	return found
}

// fillFrom guards Traefik's decoder, which panics over some keys.
func fillFrom(labels map[string]string, conf *dynamic.Configuration) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it cannot be read: %v", r)
		}
	}()
	return parser.Decode(labels, conf, "traefik")
}

var unknown = regexp.MustCompile(`field not found, node: (.+)$`)

// plainly is the decoder's message in words of whoever writes labels.
func plainly(err error) string {
	if field := unknown.FindStringSubmatch(err.Error()); field != nil {
		return fmt.Sprintf("Traefik %s knows no %q there", dynamic.Version, field[1])
	}
	return err.Error()
}
