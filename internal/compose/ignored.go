package compose

import (
	"errors"
	"fmt"
)

// ignored are the keys of a service that `docker stack deploy` drops with a
// warning at most (docker/cli, cli/compose/types: UnsupportedProperties and
// DeprecatedProperties), each with what to do instead. A file that asks for
// something and silently does not get it is worse than one that is refused.
var ignored = map[string]string{
	"build":          "build the image elsewhere and name it under image:",
	"cgroup_parent":  "leave it out",
	"container_name": "Swarm names tasks itself; use the service name",
	"depends_on":     "Swarm starts services in any order; retry in the application, or use a health check",
	"devices":        "Swarm gives no devices to tasks",
	"domainname":     "use hostname",
	"external_links": "put both services on one network",
	"ipc":            "leave it out",
	"links":          "put both services on one network",
	"mac_address":    "leave it out",
	"network_mode":   "name a network under networks:",
	"privileged":     "add single capabilities under cap_add:",
	"restart":        "use deploy.restart_policy",
	"security_opt":   "no-new-privileges is set for every container by the engine; leave it out",
	"shm_size":       "mount a tmpfs on /dev/shm",
	"userns_mode":    "leave it out",
}

// ignoredBySwarm reports every key that would be dropped, all at once.
func (f *File) ignoredBySwarm() error {
	var faults []error
	for _, service := range f.Services() {
		for _, key := range sortedKeys(f.service(service)) {
			if remedy, dropped := ignored[key]; dropped {
				faults = append(faults, fmt.Errorf("%s: service %q: Swarm ignores %q: %s",
					f.at("services", service, key), service, key, remedy))
			}
		}
		if image, _ := f.service(service)["image"].(string); image == "" {
			faults = append(faults, fmt.Errorf("%s: service %q names no image", f.at("services", service), service))
		}
	}
	return errors.Join(faults...)
}
