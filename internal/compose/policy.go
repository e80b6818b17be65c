package compose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// rule is one rule of the policy. Its name is what a waiver names.
type rule struct {
	name, why string
	check     func(s service) []Fault
}

// policy is every rule that looks at one service; rules that look at all stacks
// together are in Check.
var policy = []rule{
	{"image-digest", "A tag can be moved: only a digest names one image.", imageDigest},
	{"docker-socket", "Whoever has the engine's socket is root on the host.", dockerSocket},
	{"host-network", "A container in the host's network is behind no firewall and next to the mesh.", hostNetwork},
	{"cap-drop", "Capabilities that nobody asked for are an attacker's.", capDrop},
	{"cap-add", "These capabilities are as good as root on the host.", capAdd},
	{"user", "Root in a container is root in the kernel.", numericUser},
	{"read-only", "What cannot be written cannot be changed by an attacker.", readOnly},
	{"secret-in-environment", "The environment stands in the swarm's state, in docker inspect and in crash reports.", secretInEnvironment},
	{"memory-limit", "Without one, a leak takes the whole host down.", memoryLimit},
	{"health-check", "Without one, Swarm takes a process that started for a service that works.", healthCheck},
	{"pinned-volume", "A task that starts on another host finds an empty volume.", pinnedVolume},
	{"bind-mount", "A path of the host is not part of the stack, and what is there may be the host's own.", bindMount},
}

// togetherRules look at all stacks.
var togetherRules = []rule{
	{name: "user-unique", why: "Two services of one user can read one another's files and signal one another's processes, should one break out."},
	{name: "port-unique", why: "Two services cannot have one port of a host."},
}

// RuleNames are the names of all rules, in the order of the documentation.
func RuleNames() []string {
	var names []string
	for _, r := range slices.Concat(policy, togetherRules) {
		names = append(names, r.name)
	}
	return names
}

var digest = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)

func imageDigest(s service) []Fault {
	image := text(s.body["image"])
	if image == "" || digest.MatchString(image) {
		return nil
	}
	remedy := "add @sha256:… of the image that was tested (docker buildx imagetools inspect " + image + ")"
	if pin, known := s.file.pins[image]; known {
		remedy = "write " + strings.SplitN(image, "@", 2)[0] + "@" + pin + ", which is the image of that name today"
	}
	return []Fault{s.fault("image-digest", fmt.Sprintf("image %s is not pinned", image), remedy, "image")}
}

// sockets are those of engines; a mount of a folder above one is one of it too.
var sockets = []string{"/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/var/lib/docker"}

func dockerSocket(s service) []Fault {
	var faults []Fault
	for _, m := range s.mounts() {
		if m.kind == "bind" && reachesSocket(m.source) {
			faults = append(faults, s.fault("docker-socket", fmt.Sprintf("%s gives the engine to the container", m.source),
				"leave it out; routes need no socket, Skep renders them", "volumes", fmt.Sprint(m.index)))
		}
	}
	return faults
}

func reachesSocket(source string) bool {
	clean := strings.TrimRight(source, "/")
	return slices.ContainsFunc(sockets, func(socket string) bool {
		return socket == clean || strings.HasPrefix(socket, clean+"/") || strings.HasPrefix(clean, "/var/lib/docker/")
	})
}

func hostNetwork(s service) []Fault {
	var faults []Fault
	for name := range mapping(s.body["networks"]) {
		network := mapping(s.file.section("networks")[name])
		if external, _ := network["external"].(bool); external && (text(network["name"]) == "host" || network["name"] == nil && name == "host") {
			faults = append(faults, s.fault("host-network", "it is in the host's network", "use a network of the stack, and publish ports with mode: host", "networks", name))
		}
	}
	return faults
}

func capDrop(s service) []Fault {
	for _, c := range list(s.body["cap_drop"]) {
		if strings.EqualFold(text(c), "ALL") {
			return nil
		}
	}
	return []Fault{s.fault("cap-drop", "it keeps the engine's default capabilities", "set cap_drop: [ALL], and cap_add: what it needs", "cap_drop")}
}

// strong are the capabilities that give away the host, or much of it.
var strong = []string{"ALL", "AUDIT_CONTROL", "BPF", "CHECKPOINT_RESTORE", "DAC_READ_SEARCH", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE",
	"MKNOD", "NET_ADMIN", "NET_RAW", "PERFMON", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_TIME", "SYSLOG"}

func capAdd(s service) []Fault {
	var faults []Fault
	for i, c := range list(s.body["cap_add"]) {
		name := strings.TrimPrefix(strings.ToUpper(text(c)), "CAP_")
		if slices.Contains(strong, name) {
			faults = append(faults, s.fault("cap-add", fmt.Sprintf("capability %s reaches beyond the container", name), "leave it out", "cap_add", fmt.Sprint(i)))
		}
	}
	return faults
}

func numericUser(s service) []Fault {
	uid, ok := s.user()
	if ok && uid > 0 {
		return nil
	}
	what := "it names no user, so it runs as whom the image says, mostly root"
	if s.body["user"] != nil {
		what = fmt.Sprintf("user %v is not a number above 0", s.body["user"])
	}
	return []Fault{s.fault("user", what, `set user: "UID:GID" with numbers that no other service has, such as "20100:20100"`, "user")}
}

func readOnly(s service) []Fault {
	if set, _ := s.body["read_only"].(bool); set {
		return nil
	}
	return []Fault{s.fault("read-only", "it can write to its image", "set read_only: true, with a tmpfs or volume where it must write", "read_only")}
}

func memoryLimit(s service) []Fault {
	limits := mapping(mapping(s.deploy()["resources"])["limits"])
	if limits["memory"] != nil {
		return nil
	}
	return []Fault{s.fault("memory-limit", "its memory has no limit", "set deploy.resources.limits.memory, such as 256M", "deploy", "resources", "limits")}
}

func healthCheck(s service) []Fault {
	if s.checked() || s.job() {
		return nil
	}
	return []Fault{s.fault("health-check", "it has no health check", "set healthcheck: {test: [CMD, …]}", "healthcheck")}
}

func pinnedVolume(s service) []Fault {
	var faults []Fault
	for _, m := range s.mounts() {
		at := []string{"volumes", fmt.Sprint(m.index)}
		switch {
		case !s.file.keepsData(m):
		case !s.pinned():
			faults = append(faults, s.fault("pinned-volume", fmt.Sprintf("%s is data on one host, and the service may run on any", m.source),
				"name the host at the volume (volumes: "+m.source+": {x-skep: {host: NAME}}), or for a bind mount in deploy.placement.constraints (node.labels.host == NAME)", at...))
		case s.replicas() > 1 || strings.HasPrefix(s.mode(), "global"):
			faults = append(faults, s.fault("pinned-volume", fmt.Sprintf("several tasks would share the data in %s", m.source), "set deploy.replicas: 1 and no global mode", at...))
		}
	}
	return faults
}

// harmless are files of the host that say only where it is.
var harmless = []string{"/etc/localtime", "/etc/timezone"}

// dataRoots are where an operator keeps data of services on a host.
var dataRoots = []string{"/srv/", "/mnt/"}

func bindMount(s service) []Fault {
	var faults []Fault
	for _, m := range s.mounts() {
		at := []string{"volumes", fmt.Sprint(m.index)}
		inRoot := slices.ContainsFunc(dataRoots, func(root string) bool { return strings.HasPrefix(m.source, root) && !strings.Contains(m.source, "..") })
		switch {
		case m.kind != "bind" || reachesSocket(m.source) || inRoot || m.readOnly && slices.Contains(harmless, m.source):
		case !strings.HasPrefix(m.source, "/"):
			faults = append(faults, s.fault("bind-mount", fmt.Sprintf("%s is a file of this machine, which no host has", m.source), "make it a config (configs: {file: …}) or a named volume", at...))
		default:
			faults = append(faults, s.fault("bind-mount", fmt.Sprintf("%s is the host's own", m.source), "use a named volume, a config, or a path below /srv or /mnt", at...))
		}
	}
	return faults
}
