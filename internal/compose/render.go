package compose

import (
	"fmt"
	"maps"
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

// Rendering is what decides the text beside the file itself.
type Rendering struct {
	// Images replaces whole image references, digest and all: mirrors, and
	// machines without the internet.
	Images map[string]string
	// MTU is that of the network below the overlays, in bytes.
	MTU int
	// Encrypted lets Docker encrypt overlays, where nothing below them does.
	Encrypted bool
}

// Render writes the stack for `docker stack deploy`. Keys come out sorted, so
// that the same file always gives the same text.
func (f *File) Render(r Rendering) (string, error) {
	out := map[string]any{"version": schemaVersion}
	for _, section := range []string{"networks", "volumes", "secrets", "configs"} {
		if entries := f.section(section); len(entries) > 0 {
			out[section] = entries
		}
	}
	if networks := f.section("networks"); len(networks) > 0 {
		out["networks"] = overlays(networks, r)
	}
	services := map[string]any{}
	for _, name := range f.Services() {
		service, err := renderService(f.service(name), r.Images)
		if err != nil {
			return "", fmt.Errorf("%s: service %q: %w", f.at("services", name), name, err)
		}
		services[name] = service
	}
	out["services"] = services
	text, err := yaml.Marshal(withoutExtensions(out))
	if err != nil {
		return "", fmt.Errorf("render stack %q: %w", f.Stack, err)
	}
	return string(text), nil
}

// overlays gives every network that Swarm is to make the mesh's MTU, and
// encryption where there is no mesh.
func overlays(networks map[string]any, r Rendering) map[string]any {
	out := map[string]any{}
	for name, value := range networks {
		declared, _ := value.(map[string]any)
		network := maps.Clone(declared)
		if network == nil {
			network = map[string]any{}
		}
		if external, _ := network["external"].(bool); !external {
			if _, set := network["driver"]; !set {
				network["driver"] = "overlay"
			}
			options := map[string]any{overlayMTU: strconv.Itoa(r.MTU)}
			if r.Encrypted {
				options["encrypted"] = "true"
			}
			if own, ok := network["driver_opts"].(map[string]any); ok {
				maps.Copy(options, own)
			}
			network["driver_opts"] = options
		}
		out[name] = network
	}
	return out
}

func renderService(service map[string]any, images map[string]string) (map[string]any, error) {
	out := maps.Clone(service)
	image, _ := out["image"].(string)
	if substitute, ok := images[image]; ok {
		out["image"] = substitute
	}
	if ports, ok := out["ports"].([]any); ok {
		converted := make([]any, 0, len(ports))
		for _, port := range ports {
			p, err := renderPort(port)
			if err != nil {
				return nil, err
			}
			converted = append(converted, p)
		}
		out["ports"] = converted
	}
	return out, nil
}

// renderPort turns compose-go's text ports into the numbers of Swarm's schema.
func renderPort(port any) (any, error) {
	long, ok := port.(map[string]any)
	if !ok {
		return port, nil
	}
	out := maps.Clone(long)
	if published, ok := out["published"].(string); ok {
		number, err := strconv.Atoi(published)
		if err != nil {
			return nil, fmt.Errorf("published port %q is not one number: Swarm takes no ranges in the long form", published)
		}
		out["published"] = number
	}
	delete(out, "name")
	return out, nil
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
