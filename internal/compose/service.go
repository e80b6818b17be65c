package compose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mattn/go-shellwords"
)

// service is one service of a file, and what rules and rendering ask of it.
type service struct {
	file *File
	name string
	body map[string]any
}

func (f *File) all() []service {
	services := make([]service, 0, len(f.section("services")))
	for _, name := range f.Services() {
		services = append(services, service{f, name, f.service(name)})
	}
	return services
}

func (s service) path(parts ...string) []string {
	return append([]string{"services", s.name}, parts...)
}

// fault is a breach of a rule, at a key of the service.
func (s service) fault(rule, what, remedy string, parts ...string) Fault {
	return Fault{Place: s.file.at(s.path(parts...)...), Service: s.name, Rule: rule, What: what, Remedy: remedy}
}

func (s service) deploy() map[string]any { return mapping(s.body["deploy"]) }

func (s service) mode() string { return text(s.deploy()["mode"]) }

// job says whether the service ends when its work is done.
func (s service) job() bool { return s.mode() == "replicated-job" || s.mode() == "global-job" }

// replicas is how many tasks the service has, 1 where the file is silent.
func (s service) replicas() int {
	if n, ok := s.deploy()["replicas"].(int); ok {
		return n
	}
	return 1
}

// mount is a volume, bind or tmpfs of a service, in its long form.
type mount struct {
	kind, source, target string
	readOnly             bool
	index                int
}

func (s service) mounts() []mount {
	var mounts []mount
	for i, value := range list(s.body["volumes"]) {
		m := mapping(value)
		readOnly, _ := m["read_only"].(bool)
		mounts = append(mounts, mount{text(m["type"]), text(m["source"]), text(m["target"]), readOnly, i})
	}
	return mounts
}

// port is a published port.
type port struct {
	published, protocol string
	hostMode            bool
	index               int
}

func (s service) ports() []port {
	var ports []port
	for i, value := range list(s.body["ports"]) {
		p := mapping(value)
		protocol := text(p["protocol"])
		if protocol == "" {
			protocol = "tcp"
		}
		ports = append(ports, port{fmt.Sprint(p["published"]), protocol, text(p["mode"]) == "host", i})
	}
	return ports
}

// user is the numeric user and whether there is one.
func (s service) user() (uid int, ok bool) {
	name, group, grouped := strings.Cut(fmt.Sprint(s.body["user"]), ":")
	uid, err := strconv.Atoi(name)
	if err != nil {
		return 0, false
	}
	if _, err := strconv.Atoi(group); grouped && err != nil {
		return 0, false
	}
	return uid, true
}

// checked says whether the file states a health check.
func (s service) checked() bool {
	check := mapping(s.body["healthcheck"])
	if disabled, _ := check["disable"].(bool); disabled || check["test"] == nil {
		return false
	}
	test := list(check["test"])
	return len(test) == 0 || text(test[0]) != "NONE"
}

// constraints are the placement constraints of the file.
func (s service) constraints() []string {
	var found []string
	for _, c := range list(mapping(s.deploy()["placement"])["constraints"]) {
		found = append(found, text(c))
	}
	return found
}

// hosts are those that the volumes of the service are on, each once, sorted.
func (s service) hosts() []string {
	var hosts []string
	for _, m := range s.mounts() {
		if host := s.file.volumes[m.source].Host; m.kind == "volume" && host != "" {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// pinned says whether the service can run on one host only.
func (s service) pinned() bool {
	if len(s.hosts()) == 1 {
		return true
	}
	return slices.ContainsFunc(s.constraints(), func(c string) bool {
		key, value, equal := strings.Cut(strings.ReplaceAll(c, " ", ""), "==")
		return equal && value != "" && slices.Contains([]string{"node.labels.host", "node.hostname", "node.id"}, key)
	})
}

// keepsData says whether the mount is data that exists on one host only.
func (f *File) keepsData(m mount) bool {
	if m.kind == "bind" {
		return !m.readOnly && strings.HasPrefix(m.source, "/") && !reachesSocket(m.source)
	}
	volume := mapping(f.section("volumes")[m.source])
	driver := text(volume["driver"])
	remote := slices.Contains([]string{"nfs", "nfs4", "cifs"}, text(mapping(volume["driver_opts"])["type"]))
	return m.kind == "volume" && m.source != "" && (driver == "" || driver == "local") && !remote
}

// words splits what may be written as one text or as a list, as a shell would.
func words(value any) ([]string, error) {
	switch v := value.(type) {
	case string:
		return shellwords.Parse(v)
	case []any:
		out := make([]string, len(v))
		for i, word := range v {
			out[i] = fmt.Sprint(word)
		}
		return out, nil
	}
	return nil, nil
}
