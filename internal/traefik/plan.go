package traefik

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

var (
	ruleLabel = regexp.MustCompile(`^traefik\.http\.routers\.([^.]+)\.rule$`)
	portLabel = regexp.MustCompile(`^traefik\.http\.services\.[^.]+\.loadbalancer\.server\.port$`)
	hostRule  = regexp.MustCompile("^Host\\(`([^`]+)`\\)$")
)

// New decodes, checks and renders the labels of all services. Its error joins
// all faults, each with its place first.
func New(services []Service, o Options) (*Plan, error) {
	routers, backends := map[string]any{}, map[string]any{}
	plan := &Plan{Files: map[string]string{}, Sticky: map[string][]string{}}
	var faults []error
	entryPoint := "web"
	if o.TLS {
		entryPoint = "websecure"
	}
	for _, s := range services {
		port := ""
		for _, l := range s.Labels {
			if portLabel.MatchString(strings.ToLower(l.Key)) {
				port = l.Value
			}
		}
		for _, l := range s.Labels {
			name := ruleLabel.FindStringSubmatch(l.Key)
			if name == nil {
				continue
			}
			if port == "" {
				faults = append(faults, fmt.Errorf("%s: router %q: no port", l.Place, name[1]))
				continue
			}
			host := hostRule.FindStringSubmatch(l.Value)
			if host == nil {
				faults = append(faults, fmt.Errorf("%s: router %q: rule %q is not understood", l.Place, name[1], l.Value))
				continue
			}
			router := map[string]any{"rule": l.Value, "service": s.Stack + "-" + s.Name, "entryPoints": []string{entryPoint}}
			if o.TLS {
				router["tls"] = map[string]any{}
			}
			routers[s.Stack+"-"+name[1]] = router
			backends[s.Stack+"-"+s.Name] = map[string]any{"loadBalancer": map[string]any{
				"servers": []any{map[string]any{"url": fmt.Sprintf("http://tasks.%s_%s:%s", s.Stack, s.Name, port)}},
			}}
			plan.Routes = append(plan.Routes, Route{Stack: s.Stack, Service: s.Name, Router: name[1], Host: strings.ToLower(host[1]),
				EntryPoint: entryPoint, TLS: o.TLS, Place: l.Place})
		}
	}
	slices.SortFunc(plan.Routes, func(a, b Route) int { return strings.Compare(a.Host+a.Stack+a.Router, b.Host+b.Stack+b.Router) })
	if len(routers) > 0 {
		text, err := yaml.Marshal(map[string]any{"http": map[string]any{"routers": routers, "services": backends}})
		if err != nil {
			return nil, fmt.Errorf("render routes: %w", err)
		}
		plan.Files["routes.yaml"] = string(text)
	}
	return plan, errors.Join(faults...)
}
