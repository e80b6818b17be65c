package compose

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"skep/internal/traefik"
)

// zones are the edge networks, each by itself: stacks of one do not reach those
// of another.
var zones = []string{"core", "apps", "users"}

const defaultZone = "apps"

// slotHostname names each task of a service by its number, which makes it a name
// on all of its networks. Docker fills it in.
const slotHostname = "{{.Service.Name}}-{{.Task.Slot}}"

// Zone is the edge network over which Traefik reaches the stack's services.
func (f *File) Zone() string {
	if f.own.Zone == "" {
		return defaultZone
	}
	return f.own.Zone
}

// edge is the swarm's name of the zone's network.
func (f *File) edge() string { return "edge-" + f.Zone() }

// Ingress is what Traefik should know of the stack: its services with traefik
// labels, and where each label stands.
func (f *File) Ingress() []traefik.Service {
	var services []traefik.Service
	for _, s := range f.all() {
		if labels := s.traefikLabels(); len(labels) > 0 {
			e := f.services[s.name]
			services = append(services, traefik.Service{
				Stack: f.Stack, Name: s.name, Zone: f.Zone(), Labels: labels, Replicas: s.replicas(), Global: s.mode() == "global",
				Auth: e.Auth, Users: e.Users, Access: e.Access, Bare: e.Bare, Place: f.at(s.path()...).String(),
			})
		}
	}
	return services
}

// traefikLabels are the service's labels for Traefik, sorted, with their places.
func (s service) traefikLabels() []traefik.Label {
	declared := deployLabels(s.body)
	var labels []traefik.Label
	for _, key := range slices.Sorted(maps.Keys(declared)) {
		if forTraefik(key) {
			labels = append(labels, traefik.Label{Key: key, Value: declared[key], Place: s.labelPlace(key).String()})
		}
	}
	return labels
}

func forTraefik(label string) bool {
	lower := strings.ToLower(label)
	return lower == "traefik" || strings.HasPrefix(lower, "traefik.")
}

// labelPlace is where a label stands, in either of compose's forms.
func (s service) labelPlace(key string) Place {
	path := s.path("deploy", "labels")
	if node := s.file.positions.node(path...); node != nil && node.Kind == yaml.SequenceNode {
		for i, item := range node.Content {
			if name, _, _ := strings.Cut(resolve(item).Value, "="); name == key {
				return s.file.at(append(path, fmt.Sprint(i))...)
			}
		}
	}
	return s.file.at(append(path, key)...)
}

var backendLabel = regexp.MustCompile(`(?i)^traefik\.(http|tcp|udp)\.services\.`)

// disabled says whether the service's traefik labels are switched off.
func (s service) disabled() bool {
	for key, value := range deployLabels(s.body) {
		if on, err := strconv.ParseBool(value); strings.EqualFold(key, "traefik.enable") && err == nil && !on {
			return true
		}
	}
	return false
}

// routed says whether Traefik is to reach the service.
func (s service) routed() bool {
	return !s.disabled() && slices.ContainsFunc(slices.Collect(maps.Keys(deployLabels(s.body))), backendLabel.MatchString)
}

// checkIngress checks what stands beside the labels; Traefik's own checks are
// traefik.New's, for all stacks together.
func (f *File) checkIngress() {
	if f.own.Zone != "" && !slices.Contains(zones, f.own.Zone) {
		f.refuse(fmt.Sprintf("there is no zone %q", f.own.Zone), "need one of "+strings.Join(zones, ", "), extensionKey, "zone")
	}
	for _, s := range f.all() {
		e := f.services[s.name]
		at := func(key string) []string { return s.path(extensionKey, key) }
		if e.Auth != "" && e.Auth != "sso" {
			f.refuse(fmt.Sprintf("auth: %s is not known", e.Auth), "need sso, or leave it out", at("auth")...)
		}
		if e.Access != "" && e.Access != "mesh" {
			f.refuse(fmt.Sprintf("access: %s is not known", e.Access), "need mesh, or leave it out", at("access")...)
		}
		if _, there := f.section("secrets")[e.Users]; e.Users != "" && !there {
			f.refuse(fmt.Sprintf("secret %q is not declared", e.Users), "declare it under secrets:, such as x-skep: {template: \"admin:{{ .hash }}\"}", at("users")...)
		}
		if !s.routed() && (e.Auth != "" || e.Users != "" || e.Access != "" || e.Bare) {
			f.refuse("auth, users, access and bare are for services that Traefik reaches, and it has no label traefik.….services.….loadbalancer.server.port",
				"add labels under deploy.labels, or leave them out", s.path(extensionKey)...)
		}
		for _, key := range slices.Sorted(maps.Keys(labelsOf(s.body["labels"]))) {
			if forTraefik(key) {
				f.refuse(fmt.Sprintf("label %s stands at the container, where nothing reads it", key), "move it under deploy.labels", s.path("labels", key)...)
			}
		}
		f.checkEdge(s)
	}
}

// checkEdge checks what rendering adds to a routed service.
func (f *File) checkEdge(s service) {
	if !s.routed() {
		return
	}
	if external, _ := mapping(f.section("networks")[f.edge()])["external"].(bool); f.section("networks")[f.edge()] != nil && !external {
		f.refuse(fmt.Sprintf("the name %q is the zone's network, which Skep adds", f.edge()), "choose another", "networks", f.edge())
	}
	if s.apart() && s.body["hostname"] != nil {
		f.refuse("hostname: sticky sessions and Traefik's health checks need a name for each task, which Skep sets", "leave it out", s.path("hostname")...)
	}
}

// apart says whether Traefik has to tell the service's tasks from one another.
func (s service) apart() bool {
	return s.mode() != "global" && traefik.Apart(traefik.Service{Stack: s.file.Stack, Name: s.name, Labels: s.traefikLabels()})
}

// join puts a routed service on its zone's network. Its traefik labels stay
// behind: they are in Traefik's files, and a changed route changes no service.
func (s service) join(out map[string]any) {
	deploy := maps.Clone(mapping(out["deploy"]))
	if labels := labelsOf(deploy["labels"]); len(labels) > 0 {
		maps.DeleteFunc(labels, func(key, _ string) bool { return forTraefik(key) })
		delete(deploy, "labels")
		if len(labels) > 0 {
			deploy["labels"] = labels
		}
		out["deploy"] = deploy
	}
	if !s.routed() {
		return
	}
	networks := maps.Clone(mapping(out["networks"]))
	if networks == nil {
		networks = map[string]any{}
	}
	networks[s.file.edge()] = nil
	out["networks"] = networks
	if s.apart() {
		out["hostname"] = slotHostname
	}
}

// sharedNames finds services that another stack's answers for: on the zone's
// network each has its plain name, and Docker's DNS asks the networks of a task
// one after the other. A task there that asks for a service of its own stack
// might then get the other stack's.
func sharedNames(files []*File) []Fault {
	var faults []Fault
	answers := map[string][]service{} // by network and name
	for _, f := range files {
		for _, s := range f.all() {
			if s.routed() {
				key := f.edge() + " " + s.name
				answers[key] = append(answers[key], s)
			}
		}
	}
	for _, f := range files {
		for _, s := range f.all() {
			asks := slices.ContainsFunc(f.all(), func(other service) bool { return other.name != s.name && other.routed() })
			for _, twin := range answers[f.edge()+" "+s.name] {
				if asks && twin.file != f {
					faults = append(faults, Fault{Place: f.at(s.path()...), Service: s.name,
						What:   fmt.Sprintf("stack %q has a service of that name on the network %s, and services of this stack that are there too could reach it instead", twin.file.Stack, f.edge()),
						Remedy: "rename one of them, or put the stacks into two zones (x-skep: {zone: …})"})
				}
			}
		}
	}
	return faults
}
