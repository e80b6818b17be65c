package compose

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/docker/go-units"
)

// renderValues turns what compose-go's model and newer compose files allow into
// the types of Swarm's schema. What cannot be turned stays as it is, and the
// schema refuses it.
func (f *File) renderValues(s service, out map[string]any) {
	for _, key := range []string{"environment", "labels"} {
		if m := mapping(out[key]); m != nil {
			out[key] = texts(m)
		}
	}
	if ports := list(out["ports"]); ports != nil {
		out["ports"] = each(ports, renderPort)
	}
	volumes := each(list(out["volumes"]), renderMount)
	switch tmpfs := out["tmpfs"].(type) {
	case string:
		volumes = append(volumes, tmpfsMount(tmpfs))
	case []any:
		for _, value := range tmpfs {
			volumes = append(volumes, tmpfsMount(text(value)))
		}
	}
	// `docker stack deploy` reads the key and drops it.
	delete(out, "tmpfs")
	out["volumes"] = volumes
	for _, key := range []string{"secrets", "configs"} {
		if values := list(out[key]); values != nil {
			out[key] = each(values, renderFileMount)
		}
	}
	if hosts := list(out["extra_hosts"]); hosts != nil {
		out["extra_hosts"] = each(hosts, func(host any) any { return strings.Replace(fmt.Sprint(host), "=", ":", 1) })
	}
	for name, limit := range mapping(out["ulimits"]) {
		if single, ok := mapping(limit)["single"]; ok {
			mapping(out["ulimits"])[name] = single
		}
	}
	renderResources(mapping(mapping(out["deploy"])["resources"]))
	if deploy := mapping(out["deploy"]); mapping(deploy["labels"]) != nil {
		deploy["labels"] = texts(mapping(deploy["labels"]))
	}
}

func each(values []any, convert func(any) any) []any {
	out := make([]any, len(values))
	for i, value := range values {
		out[i] = convert(value)
	}
	return out
}

// texts makes the values of a mapping text: Swarm's schema takes no true.
func texts(m map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range m {
		switch v := value.(type) {
		case nil, string:
			out[key] = v
		default:
			out[key] = fmt.Sprint(v)
		}
	}
	return out
}

// renderPort turns compose-go's text ports into the numbers of Swarm's schema.
func renderPort(value any) any {
	port := mapping(value)
	if port == nil {
		return value
	}
	if published, err := strconv.Atoi(text(port["published"])); err == nil {
		port["published"] = published
	}
	delete(port, "name")
	return port
}

func renderMount(value any) any {
	m := mapping(value)
	if m == nil {
		return value
	}
	if bind := mapping(m["bind"]); bind != nil {
		delete(bind, "create_host_path") // Swarm never does
		if len(bind) == 0 {
			delete(m, "bind")
		}
	}
	if volume := mapping(m["volume"]); volume != nil && len(volume) == 0 {
		delete(m, "volume")
	}
	if size, ok := mapping(m["tmpfs"])["size"].(string); ok {
		if bytes, err := units.RAMInBytes(size); err == nil {
			mapping(m["tmpfs"])["size"] = int(bytes)
		}
	}
	return m
}

// tmpfsMount is the long form of an entry of tmpfs:.
func tmpfsMount(short string) any {
	target, options, _ := strings.Cut(short, ":")
	mount := map[string]any{"type": "tmpfs", "target": target}
	for option := range strings.SplitSeq(options, ",") {
		if size, ok := strings.CutPrefix(option, "size="); ok {
			if bytes, err := units.RAMInBytes(size); err == nil {
				mount["tmpfs"] = map[string]any{"size": int(bytes)}
			}
		}
	}
	return mount
}

// harmlessTmpfs are options of tmpfs: that say what Swarm does anyway.
var harmlessTmpfs = []string{"", "rw", "mode=1777", "noexec", "nosuid", "nodev"}

// renderFileMount makes the mode of a mounted secret or config a number.
func renderFileMount(value any) any {
	m := mapping(value)
	if m == nil {
		return value
	}
	if mode, ok := m["mode"].(string); ok {
		if number, err := strconv.ParseInt(mode, 8, 32); err == nil {
			m["mode"] = int(number)
		}
	}
	return m
}

// renderResources makes sizes and shares text.
func renderResources(resources map[string]any) {
	for _, kind := range []string{"limits", "reservations"} {
		amounts := mapping(resources[kind])
		for _, key := range []string{"cpus", "memory"} {
			if value, set := amounts[key]; set {
				amounts[key] = fmt.Sprint(value)
			}
		}
	}
}
