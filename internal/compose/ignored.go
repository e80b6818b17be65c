package compose

import (
	"fmt"
	"slices"
	"strings"
)

// refused are the keys of a service that `docker stack deploy` drops with a
// warning at most (docker/cli, cli/compose/types: UnsupportedProperties), or
// that stop it half-way (ForbiddenProperties and what its schema does not
// have), each with what to do instead. A file that asks for something and
// silently does not get it is worse than one that is refused.
var refused = map[string]string{
	"blkio_config":        "leave it out",
	"cgroup":              "leave it out",
	"cgroup_parent":       "leave it out",
	"cgroupns_mode":       "leave it out",
	"cpu_count":           "use deploy.resources.limits.cpus",
	"cpu_percent":         "use deploy.resources.limits.cpus",
	"cpu_period":          "use deploy.resources.limits.cpus",
	"cpu_quota":           "use deploy.resources.limits.cpus",
	"cpu_rt_period":       "leave it out",
	"cpu_rt_runtime":      "leave it out",
	"cpu_shares":          "use deploy.resources.limits.cpus",
	"cpus":                "use deploy.resources.limits.cpus",
	"cpuset":              "use deploy.resources.limits.cpus",
	"device_cgroup_rules": "Swarm gives no devices to tasks",
	"devices":             "Swarm gives no devices to tasks",
	"dns_opt":             "leave it out",
	"domainname":          "use hostname",
	"env_file":            "write the variables under environment:, and secrets under secrets:",
	"extends":             "use a YAML anchor and merge key in the same file",
	"external_links":      "put both services on one network",
	"gpus":                "Swarm gives no devices to tasks",
	"group_add":           "name the group in user:",
	"ipc":                 "leave it out",
	"label_file":          "write the labels under labels:",
	"links":               "put both services on one network, where each has its service name",
	"mac_address":         "leave it out",
	"mem_limit":           "use deploy.resources.limits.memory",
	"mem_reservation":     "use deploy.resources.reservations.memory",
	"mem_swappiness":      "leave it out",
	"memswap_limit":       "leave it out",
	"models":              "leave it out",
	"network_mode":        "name a network under networks:",
	"oom_kill_disable":    "leave it out",
	"oom_score_adj":       "Docker before 26 does not know it: leave it out",
	"pid":                 "leave it out",
	"pids_limit":          "use deploy.resources.limits.pids",
	"pull_refresh_after":  "leave it out",
	"umask":               "leave it out",
	"platform":            "pin an image of that platform, and place it by a node label",
	"post_start":          "use a job that depends on the service",
	"pre_start":           "use a job that the service depends on (condition service_completed_successfully)",
	"pre_stop":            "use stop_signal and stop_grace_period",
	"privileged":          "add single capabilities under cap_add:",
	"profiles":            "take the service out of the file, or the key out of the service",
	"provider":            "leave it out",
	"runtime":             "set the engine's default runtime",
	"scale":               "use deploy.replicas",
	"security_opt":        "no-new-privileges is set for every container by the engine; leave it out",
	"shm_size":            "mount a tmpfs on /dev/shm (volumes: {type: tmpfs, target: /dev/shm, tmpfs: {size: …}})",
	"storage_opt":         "leave it out",
	"use_api_socket":      "leave it out",
	"userns_mode":         "leave it out",
	"uts":                 "leave it out",
	"volumes_from":        "name the volume under volumes: of both services",
	"isolation":           "it is for Windows; leave it out",
	"credential_spec":     "it is for Windows; leave it out",
	"annotations":         "use labels:",
	"volume_driver":       "name the driver at the volume, under volumes: of the file",
}

// dropped are the keys that Swarm ignores and that change nothing that matters:
// they are named in the preview and left out.
var dropped = map[string]string{
	"attach":         "it is for a terminal",
	"build":          "the image is built elsewhere; only image: counts",
	"container_name": "Swarm names containers; services reach one another by the service's name",
	"develop":        "it is for developing",
	"expose":         "services on one network reach all ports of one another",
	"pull_policy":    "a pinned image is pulled where it is missing",
}

// sections are the top-level keys that mean something to Swarm.
var sections = []string{"configs", "name", "networks", "secrets", "services", "version", "volumes"}

// checkIgnored reports every key that would be dropped: as a fault where the
// file would run otherwise than it says, as a note where it would not.
func (f *File) checkIgnored() {
	for _, key := range sortedKeys(f.model) {
		if !slices.Contains(sections, key) {
			f.refuse(fmt.Sprintf("Swarm knows no %q", key), "one file describes one stack: write it in here, or leave it out", key)
		}
	}
	if name := f.positions.node("name"); name != nil && name.Value != f.Stack {
		f.tell(fmt.Sprintf("name: %s is not used: a stack has the name of its folder, %s", name.Value, f.Stack), "name")
	}
	if len(f.section("services")) == 0 {
		f.refuse("there are no services in it", "name at least one")
	}
	for _, name := range f.Services() {
		f.checkIgnoredOf(name)
	}
}

func (f *File) checkIgnoredOf(name string) {
	body := f.service(name)
	for _, key := range sortedKeys(body) {
		if remedy, found := refused[key]; found {
			f.refuse(fmt.Sprintf("Swarm ignores or refuses %q", key), remedy, "services", name, key)
		}
		if why, found := dropped[key]; found {
			f.tell(fmt.Sprintf("service %q: Swarm ignores %s: %s", name, key, why), "services", name, key)
		}
	}
	if text(body["image"]) == "" {
		f.refuse("names no image", "build one elsewhere and name it under image:", "services", name)
	}
	f.checkRestart(name, body)
	for network, value := range mapping(body["networks"]) {
		for _, key := range sortedKeys(mapping(value)) {
			if key != "aliases" {
				f.refuse(fmt.Sprintf("Swarm ignores %q of a network", key), "reach the service by its name; Swarm gives the addresses", "services", name, "networks", network, key)
			}
		}
	}
	if len(mapping(body["depends_on"])) > 0 {
		f.tell(fmt.Sprintf("service %q: depends_on orders deploys; Swarm does not order restarts by it, so the application must bear that %s is away",
			name, strings.Join(sortedKeys(mapping(body["depends_on"])), ", ")), "services", name, "depends_on")
	}
}

// checkRestart takes what is Swarm's own default, and refuses what differs.
func (f *File) checkRestart(name string, body map[string]any) {
	switch restart := text(body["restart"]); restart {
	case "":
	case "always", "unless-stopped":
		f.tell(fmt.Sprintf("service %q: restart: %s is what Swarm does anyway (deploy.restart_policy has more)", name, restart), "services", name, "restart")
	default:
		f.refuse(fmt.Sprintf("Swarm ignores restart: %s", restart),
			"use deploy.restart_policy: {condition: none | on-failure}", "services", name, "restart")
	}
}
