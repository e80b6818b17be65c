package compose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
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

var (
	routerRule = regexp.MustCompile(`^traefik\.(?:http|tcp)\.routers\.([^.]+)\.rule$`)
	hostCall   = regexp.MustCompile(`\b(?:Host|HostSNI)\(([^)]*)\)`)
	quotedName = regexp.MustCompile("[`\"]([^`\"]+)[`\"]")
)

// Routes are the names in the Host and HostSNI matchers of the stack's
// traefik labels, each once, sorted by name.
func (f *File) Routes() []Route {
	var routes []Route
	for _, service := range f.Services() {
		for label, rule := range deployLabels(f.service(service)) {
			router := routerRule.FindStringSubmatch(label)
			if router == nil {
				continue
			}
			for _, host := range hosts(rule) {
				routes = append(routes, Route{Service: service, Router: router[1], Host: host})
			}
		}
	}
	slices.SortFunc(routes, func(a, b Route) int {
		return strings.Compare(a.Host+" "+a.Service+" "+a.Router, b.Host+" "+b.Service+" "+b.Router)
	})
	return slices.CompactFunc(routes, func(a, b Route) bool { return a.Host == b.Host })
}

// RoutePlace is where the label stands that makes the route.
func (f *File) RoutePlace(r Route) Place {
	for _, protocol := range []string{"http", "tcp"} {
		path := []string{"services", r.Service, "deploy", "labels", "traefik." + protocol + ".routers." + r.Router + ".rule"}
		if _, _, depth := f.positions.of(path...); depth == len(path) {
			return f.at(path...)
		}
	}
	return f.at("services", r.Service, "deploy", "labels")
}

func hosts(rule string) []string {
	var names []string
	for _, call := range hostCall.FindAllStringSubmatch(rule, -1) {
		for _, name := range quotedName.FindAllStringSubmatch(call[1], -1) {
			if name[1] != "*" { // HostSNI(`*`) is every name, so none of its own
				names = append(names, strings.ToLower(strings.TrimSuffix(name[1], ".")))
			}
		}
	}
	return names
}

// deployLabels reads deploy.labels in either of compose's forms.
func deployLabels(service map[string]any) map[string]string {
	deploy, _ := service["deploy"].(map[string]any)
	labels := map[string]string{}
	switch declared := deploy["labels"].(type) {
	case map[string]any:
		for key, value := range declared {
			labels[key] = fmt.Sprint(value)
		}
	case []any:
		for _, entry := range declared {
			if key, value, ok := strings.Cut(fmt.Sprint(entry), "="); ok {
				labels[key] = value
			}
		}
	}
	return labels
}
