package compose

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// schemaVersion is the newest compose file version that the oldest engine in
// use (Docker 20.10 in Debian 12) reads; without one, `docker stack deploy`
// assumes an old version and refuses newer keys.
const schemaVersion = "3.9"

// overlayMTU names the driver option that sets an overlay's underlay MTU.
// Docker takes its own 50 bytes off, so this is the mesh's MTU.
const overlayMTU = "com.docker.network.driver.mtu"

// defaultNetwork is the one that Swarm puts services on that name none.
const defaultNetwork = "default"

// Rendering is what decides the text beside the file itself.
type Rendering struct {
	// Images replaces whole image references, digest and all: mirrors, and
	// machines without the internet.
	Images map[string]string
	// MTU is that of the network below the overlays, in bytes.
	MTU int
	// Encrypted lets Docker encrypt overlays, where nothing below them does.
	Encrypted bool
	// Ingress says that Traefik reaches services over their zone's network, by
	// files: their traefik labels are in those, and nobody else reads them.
	Ingress bool
}

// objectNames gives the swarm's names of the stack's secrets and configs.
type objectNames struct {
	secrets, configs map[string]string
}

// Render writes the whole stack as a preview shows it: the digests in names of
// secrets are left open, since they come from values.
//
// Its first line is no YAML on purpose: text that is, Pulumi shows as a tree, all
// of it, where a few lines have changed.
func (f *File) Render(r Rendering) (string, error) {
	text, err := f.text(f.Services(), r, objectNames{f.openNames(), f.configNames()})
	return f.Path + " as docker stack deploy gets it\n" + text, err
}

// openNames are the names of the secrets without their digests.
func (f *File) openNames() map[string]string {
	names := map[string]string{}
	for name, spec := range f.secrets {
		names[name] = fmt.Sprintf("%s_%s_<digest>", f.Stack, name)
		if spec.Rotate > 0 {
			names[name] = fmt.Sprintf("%s_%s_<digest, rotation %d>", f.Stack, name, spec.Rotate)
		}
	}
	return names
}

// text is the compose file of some of the services. Keys come out sorted, so
// that the same file always gives the same text.
func (f *File) text(services []string, r Rendering, names objectNames) (string, error) {
	text, err := yaml.Marshal(escaped(f.render(services, r, names)))
	if err != nil {
		return "", fmt.Errorf("render stack %q: %w", f.Stack, err)
	}
	return string(text), nil
}

// render is the document of some of the services, with what they use.
func (f *File) render(services []string, r Rendering, names objectNames) map[string]any {
	rendered, used := map[string]any{}, map[string]map[string]any{}
	use := func(section, name string, as any) {
		if used[section] == nil {
			used[section] = map[string]any{}
		}
		used[section][name] = as
	}
	for _, name := range services {
		out := f.renderService(service{f, name, f.service(name)}, r)
		rendered[name] = out
		for network := range mapping(out["networks"]) {
			if r.Ingress && network == f.edge() {
				use("networks", network, map[string]any{"external": true, "name": network})
				continue
			}
			use("networks", network, overlay(mapping(f.section("networks")[network]), r))
		}
		for _, value := range list(out["volumes"]) {
			if m := mapping(value); text(m["type"]) == "volume" && text(m["source"]) != "" {
				use("volumes", text(m["source"]), plain(f.section("volumes")[text(m["source"])]))
			}
		}
		for _, value := range list(out["secrets"]) {
			use("secrets", source(value), object(f.section("secrets")[source(value)], source(value), names.secrets))
		}
		for _, value := range list(out["configs"]) {
			use("configs", source(value), object(f.section("configs")[source(value)], source(value), names.configs))
		}
	}
	document := map[string]any{"version": schemaVersion, "services": rendered}
	for section, entries := range used {
		document[section] = entries
	}
	return document
}

// object is how a compose file names a secret or config that the swarm has.
func object(declared any, name string, names map[string]string) map[string]any {
	if ours, ok := names[name]; ok {
		return map[string]any{"external": true, "name": ours}
	}
	return plain(declared)
}

// plain is a declaration without our extensions.
func plain(declared any) map[string]any {
	out, _ := withoutExtensions(declared).(map[string]any)
	if out == nil {
		return map[string]any{}
	}
	return out
}

// overlay gives a network that Swarm is to make the mesh's MTU.
func overlay(declared map[string]any, r Rendering) map[string]any {
	network := plain(declared)
	if external, _ := network["external"].(bool); external {
		return network
	}
	if _, set := network["driver"]; !set {
		network["driver"] = "overlay"
	}
	options := map[string]any{overlayMTU: strconv.Itoa(r.MTU)}
	if r.Encrypted {
		options["encrypted"] = "true"
	}
	maps.Copy(options, mapping(network["driver_opts"]))
	network["driver_opts"] = options
	return network
}

func (f *File) renderService(s service, r Rendering) map[string]any {
	out := plain(s.body)
	for key := range dropped {
		delete(out, key)
	}
	delete(out, "depends_on")
	delete(out, "restart")
	if substitute, ok := r.Images[text(out["image"])]; ok {
		out["image"] = substitute
	}
	if len(mapping(out["networks"])) == 0 {
		out["networks"] = map[string]any{defaultNetwork: nil}
	}
	if r.Ingress {
		s.join(out)
	}
	if f.wrapped(s.name) {
		f.wrap(s.name, out)
		out["environment"] = withoutUnset(out["environment"])
	}
	f.renderValues(s, out)
	out["deploy"] = f.withDefaults(s, mapping(out["deploy"]))
	for key, value := range out {
		if l, ok := value.([]any); ok && len(l) == 0 {
			delete(out, key)
		}
	}
	return out
}

// withoutUnset drops variables that only say that there is one; their values
// come from secrets.
func withoutUnset(environment any) any {
	switch declared := environment.(type) {
	case map[string]any:
		out := maps.Clone(declared)
		maps.DeleteFunc(out, func(_ string, value any) bool { return value == nil })
		return out
	case []any:
		return slices.DeleteFunc(slices.Clone(declared), func(v any) bool { return !strings.Contains(fmt.Sprint(v), "=") })
	}
	return []any{}
}

// withoutExtensions drops x- keys at every level: they are Skep's to read.
func withoutExtensions(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			if !strings.HasPrefix(key, "x-") {
				out[key] = withoutExtensions(inner)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = withoutExtensions(inner)
		}
		return out
	default:
		return value
	}
}

// escaped doubles the dollars in all values: `docker stack deploy` fills in
// variables of its own, and ours are filled in already.
func escaped(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			out[key] = escaped(inner)
		}
		return out
	case map[string]map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			out[key] = escaped(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = escaped(inner)
		}
		return out
	case string:
		return strings.ReplaceAll(v, "$", "$$")
	default:
		return value
	}
}
