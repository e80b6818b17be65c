package compose

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"skep/internal/decode"
	"skep/internal/secret"
)

// The extensions are what may stand under x-skep, by where it stands. The JSON
// Schema and docs/stacks-reference.md are made from these types.

// FileExtension stands at the top of a file.
type FileExtension struct {
	Variables map[string]any    `json:"variables" doc:"What the file may use as ${NAME}, each with its default; null for one that the config must set (skep:variables). DOMAIN and STACK are always there."`
	Waive     map[string]string `json:"waive" doc:"Rules of the policy that do not hold for this file's services, each with the reason."`
	Zone      string            `json:"zone" enum:"core,apps,users" doc:"The network over which Traefik reaches the file's services: core, apps or users. Stacks of one zone do not reach those of another. Default apps."`
}

// ServiceExtension stands at a service.
type ServiceExtension struct {
	Waive          map[string]string `json:"waive" doc:"Rules of the policy that do not hold for this service, each with the reason."`
	EnvFromSecrets map[string]string `json:"env_from_secrets" doc:"Environment variables, each from a secret of the file, for an application that reads only its environment. Needs entrypoint (or command) in the file, and /bin/sh and cat in the image."`
	Auth           string            `json:"auth" enum:"sso" doc:"sso: whoever asks for the service signs in at the identity provider of skep:ingress.auth first."`
	Users          string            `json:"users" doc:"The secret of the file with the names and hashes of who may come in by basic auth, in lines NAME:HASH."`
	Access         string            `json:"access" enum:"mesh" doc:"mesh: only hosts and roaming peers reach the service's routes."`
	Bare           bool              `json:"bare" doc:"The service's routes get none of the middlewares that all others get (security headers, rate limit, retries). Default false."`
}

// VolumeExtension stands at a volume of the file.
type VolumeExtension struct {
	Host   string `json:"host" doc:"The host that has the volume. Services that mount it run there."`
	Delete bool   `json:"delete" doc:"Delete the volume, with its data, when the stack goes. Default false."`
}

// ConfigExtension stands at a config of the file.
type ConfigExtension struct {
	Template bool `json:"template" doc:"Fill in the file as a Go template: {{ .NAME }} is a variable. Default false."`
}

// extensionKey is where extensions stand.
const extensionKey = "x-skep"

// readExtensions decodes every x-skep strictly: a typo would otherwise leave a
// default in force without a word.
func (f *File) readExtensions() {
	f.decodeExtension(&f.own)
	f.services = map[string]ServiceExtension{}
	for _, name := range f.Services() {
		var e ServiceExtension
		f.decodeExtension(&e, "services", name)
		f.services[name] = e
	}
	f.volumes = map[string]VolumeExtension{}
	for _, name := range sortedKeys(f.section("volumes")) {
		var e VolumeExtension
		f.decodeExtension(&e, "volumes", name)
		f.volumes[name] = e
	}
	f.configs = map[string]ConfigExtension{}
	for _, name := range sortedKeys(f.section("configs")) {
		var e ConfigExtension
		f.decodeExtension(&e, "configs", name)
		f.configs[name] = e
	}
	for _, name := range sortedKeys(f.section("networks")) {
		f.decodeExtension(&struct{}{}, "networks", name)
	}
	f.readSecrets()
	f.readWaivers()
}

// decodeExtension decodes the x-skep at a place, if there is one.
func (f *File) decodeExtension(into any, path ...string) bool {
	holder := f.model
	for _, part := range path {
		holder = mapping(holder[part])
	}
	for _, key := range sortedExtensions(holder) {
		if key != extensionKey && strings.HasPrefix(strings.ReplaceAll(key, "_", "-"), extensionKey) {
			f.refuse(fmt.Sprintf("%q is not read", key), "the key is x-skep", append(path, key)...)
		}
	}
	value, there := holder[extensionKey]
	if !there {
		return false
	}
	raw, err := json.Marshal(value)
	if err != nil {
		f.refuse("x-skep has a key that is no text", "use text as keys", append(path, extensionKey)...)
		return true
	}
	if err := decode.Into(strings.Join(append(path, extensionKey), "."), string(raw), into); err != nil {
		f.refuseAll(err)
	}
	return true
}

// refuseAll takes over the faults that decode found; each begins with its path.
func (f *File) refuseAll(err error) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			f.refuseAll(one)
		}
		return
	}
	where, what, _ := strings.Cut(err.Error(), ": ")
	path := strings.Split(where, ".")
	f.refuse(fmt.Sprintf("%s: %s", strings.Join(path[max(0, slices.Index(path, extensionKey)):], "."), what), "", path...)
}

func sortedExtensions(m map[string]any) []string {
	var keys []string
	for key := range m {
		if strings.HasPrefix(key, "x-") || strings.HasPrefix(key, "x_") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// readSecrets reads where each secret comes from.
func (f *File) readSecrets() {
	f.secrets = map[string]secret.Spec{}
	for _, name := range sortedKeys(f.section("secrets")) {
		body := mapping(f.section("secrets")[name])
		var spec secret.Spec
		declared := f.decodeExtension(&spec, "secrets", name)
		external, _ := body["external"].(bool)
		path := []string{"secrets", name}
		switch {
		case external && declared:
			f.refuse("a secret that is external is not Skep's to make", "take out external or x-skep", path...)
		case external:
			f.tell(fmt.Sprintf("secret %q is external: it must be in the swarm already, and nothing rotates it", name), path...)
		case body["file"] != nil || body["environment"] != nil || body["content"] != nil:
			f.refuse("a secret in a file stands in plain text beside the code, and one in the environment comes from whoever deploys",
				"generate it (x-skep: {generate: {length: 40}}) or keep it in the encrypted config (x-skep: {from: config:"+name+"})", path...)
		case !declared:
			f.refuse("it says not where the secret comes from", "add x-skep: {generate: {length: 40}}, or {from: config:"+name+"}", path...)
		default:
			if err := spec.Validate(); err != nil {
				f.refuse(fmt.Sprintf("secret %q: %v", name, err), "", append(path, extensionKey)...)
			} else {
				f.secrets[name] = spec
				f.checkObjectName("secrets", name)
			}
		}
	}
	if _, faulty, err := secret.Order(f.secrets); err != nil {
		f.refuse(fmt.Sprintf("secret %q: %v", faulty, err), "", "secrets", faulty, extensionKey)
	}
}
