package compose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"skep/internal/traefik"
)

// Route is a name under which the world reaches a service.
type Route struct {
	// Service is the compose service that answers.
	Service string
	// Router is the name in the traefik.http.routers.<router> label.
	Router string
	// Host is the DNS name, lower case, without a trailing dot.
	Host string
}

var routerRule = regexp.MustCompile(`(?i)^traefik\.(http|tcp)\.routers\.([^.]+)\.rule$`)

// Routes are the names in the Host and HostSNI matchers of the stack's
// traefik labels, each once, sorted by name.
func (f *File) Routes() []Route {
	var routes []Route
	for _, s := range f.all() {
		if s.disabled() {
			continue
		}
		for label, rule := range deployLabels(s.body) {
			router := routerRule.FindStringSubmatch(label)
			if router == nil {
				continue
			}
			for _, host := range traefik.Hosts(strings.ToLower(router[1]), rule) {
				routes = append(routes, Route{Service: s.name, Router: router[2], Host: host})
			}
		}
	}
	slices.SortFunc(routes, func(a, b Route) int {
		return strings.Compare(a.Host+" "+a.Service+" "+a.Router, b.Host+" "+b.Service+" "+b.Router)
	})
	return slices.CompactFunc(routes, func(a, b Route) bool { return a.Host == b.Host })
}

// deployLabels are a service's own labels, which no container has.
func deployLabels(service map[string]any) map[string]string {
	return labelsOf(mapping(service["deploy"])["labels"])
}

// labelsOf reads labels in either of compose's forms.
func labelsOf(value any) map[string]string {
	labels := map[string]string{}
	switch declared := value.(type) {
	case map[string]any:
		for key, value := range declared {
			labels[key] = ""
			if value != nil {
				labels[key] = fmt.Sprint(value)
			}
		}
	case []any:
		for _, entry := range declared {
			key, value, _ := strings.Cut(fmt.Sprint(entry), "=")
			labels[key] = value
		}
	}
	return labels
}
