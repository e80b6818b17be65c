package compose

import (
	"fmt"
	"slices"
	"strings"
)

// modes are Swarm's kinds of services.
var modes = []string{"", "replicated", "global", "replicated-job", "global-job"}

// longestServiceName is Swarm's limit, the stack's name and a _ included.
const longestServiceName = 63

// checkReferences reports what a service names and the file has not, and what
// Swarm would refuse half-way.
func (f *File) checkReferences() {
	for _, s := range f.all() {
		f.checkNamed(s)
		if len(f.Stack)+1+len(s.name) > longestServiceName {
			f.refuse("the name is too long for Swarm", fmt.Sprintf("with the stack's it may have %d characters", longestServiceName), s.path()...)
		}
		if !slices.Contains(modes, s.mode()) {
			f.refuse(fmt.Sprintf("deploy.mode %q is none of Swarm's", s.mode()), "need replicated, global, replicated-job or global-job", s.path("deploy", "mode")...)
		}
		for _, key := range []string{"update_config", "rollback_config"} {
			if s.job() && s.deploy()[key] != nil {
				f.refuse(fmt.Sprintf("a job has no %s", key), "leave it out", s.path("deploy", key)...)
			}
		}
		if strings.HasPrefix(s.mode(), "global") && s.deploy()["replicas"] != nil {
			f.refuse("a global service has a task on every host, not a number of replicas", "leave out replicas", s.path("deploy", "replicas")...)
		}
		for _, v := range s.environment() {
			if _, given := f.services[s.name].EnvFromSecrets[v.name]; !v.set && !given {
				f.refuse(fmt.Sprintf("%s takes its value from the environment of whoever deploys", v.name), "give it a value", s.path("environment", v.key)...)
			}
		}
		if hosts := s.hosts(); len(hosts) > 1 {
			f.refuse("its volumes are on different hosts: "+strings.Join(hosts, ", "), "a task runs on one host", s.path("volumes")...)
		}
		f.checkWrapped(s)
	}
}

// checkNamed finds references to what the file does not declare.
func (f *File) checkNamed(s service) {
	missing := func(section, kind, name string, at ...string) {
		if _, there := f.section(section)[name]; !there && name != "" {
			f.refuse(fmt.Sprintf("%s %q is not declared", kind, name), "declare it under "+section+":", s.path(at...)...)
		}
	}
	for name := range mapping(s.body["networks"]) {
		if name != "default" {
			missing("networks", "network", name, "networks", name)
		}
	}
	for i, value := range list(s.body["secrets"]) {
		missing("secrets", "secret", source(value), "secrets", fmt.Sprint(i))
	}
	for i, value := range list(s.body["configs"]) {
		missing("configs", "config", source(value), "configs", fmt.Sprint(i))
	}
	for _, m := range s.mounts() {
		if m.kind == "volume" {
			missing("volumes", "volume", m.source, "volumes", fmt.Sprint(m.index))
		}
	}
}

// source is what a mounted secret or config is called in the file.
func source(value any) string {
	if short, ok := value.(string); ok {
		return short
	}
	return text(mapping(value)["source"])
}
