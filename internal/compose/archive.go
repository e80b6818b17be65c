package compose

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"skep/internal/keys"
	"skep/internal/toolbox"
)

// Login is how hosts log in to a registry.
type Login struct {
	// Username and Password are the registry's.
	Username, Password string
}

// Sealed is what a deploy needs and no preview may show.
type Sealed struct {
	// Seed is the stack's; it is needed where the stack has secrets.
	Seed keys.Seed
	// Values are those of the stack's secrets.
	Values map[string]string
	// Logins are those of private registries, by host.
	Logins map[string]Login
}

// leastRedacted is the length from which a value is kept out of what the host
// says: shorter ones would blank out words.
const leastRedacted = 6

// Archive is what the host script deploys: the compose file of each wave, what
// secrets and configs hold, and what must not be told. It is a secret as soon
// as the stack has one.
func (f *File) Archive(r Rendering, sealed Sealed) (string, error) {
	names := objectNames{f.SecretNames(sealed), f.configNames()}
	files := map[string]string{"services": f.serviceList()}
	if subnets := f.subnets(); subnets != "" {
		files["networks"] = subnets
	}
	for i, services := range f.waves {
		text, err := f.text(services, r, names)
		if err != nil {
			return "", err
		}
		files[fmt.Sprintf("wave-%d.yaml", i+1)] = text
	}
	for name, object := range names.secrets {
		files["secret/"+object] = toolbox.Fold([]byte(sealed.Values[name]))
	}
	for name, object := range names.configs {
		files["config/"+object] = toolbox.Fold([]byte(f.allContents()[name]))
	}
	sealed.Logins = f.UsedLogins(r, sealed.Logins)
	if len(sealed.Logins) > 0 {
		files["docker/config.json"] = dockerConfig(sealed.Logins)
	}
	if redact := redacted(sealed); redact != "" {
		files["redact"] = redact
	}
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(files)) {
		b.WriteString(toolbox.File(path, strings.TrimSuffix(files[path], "\n")+"\n"))
	}
	return b.String(), nil
}

// serviceList has a line for each service: its wave, kind and name.
func (f *File) serviceList() string {
	var b strings.Builder
	for i, services := range f.waves {
		for _, name := range services {
			kind := "service"
			if (service{f, name, f.service(name)}).job() {
				kind = "job"
			}
			fmt.Fprintf(&b, "%d %s %s\n", i+1, kind, name)
		}
	}
	return b.String()
}

// SecretNames are the swarm's names of the stack's secrets.
func (f *File) SecretNames(sealed Sealed) map[string]string {
	names := map[string]string{}
	for name := range f.secrets {
		names[name] = fmt.Sprintf("%s_%s_%s", f.Stack, name, sealed.Seed.ObjectTag(name, sealed.Values[name]))
	}
	return names
}

// allContents are the stack's configs, those that Skep makes itself included.
func (f *File) allContents() map[string]string {
	all := maps.Clone(f.contents)
	if all == nil {
		all = map[string]string{}
	}
	for _, name := range f.Services() {
		if f.wrapped(name) {
			all[entrypointName(name)] = f.entrypointText(name)
		}
	}
	return all
}

// configNames are the swarm's names of the stack's configs. Their contents are
// no secret, so that a bare digest gives nothing away.
func (f *File) configNames() map[string]string {
	names := map[string]string{}
	for name, content := range f.allContents() {
		sum := sha256.Sum256([]byte(content))
		names[name] = fmt.Sprintf("%s_%s_%s", f.Stack, name, hex.EncodeToString(sum[:5]))
	}
	return names
}

// Contents are the configs as a preview shows them, by the name in the file.
func (f *File) Contents() map[string]string { return f.allContents() }

// redacted are the values that must not be told, one a line, and the lines of
// those that have several: what a host says is looked through line by line.
func redacted(sealed Sealed) string {
	var values []string
	for _, value := range sealed.Values {
		values = append(values, value)
		if lines := strings.Split(value, "\n"); len(lines) > 1 {
			values = append(values, lines...)
		}
	}
	for _, login := range sealed.Logins {
		values = append(values, login.Password)
	}
	var lines []string
	for _, value := range values {
		if len(value) >= leastRedacted {
			lines = append(lines, base64.StdEncoding.EncodeToString([]byte(value)))
		}
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}

// dockerHub is the name under which clients of Docker keep the login of its hub.
const dockerHub = "https://index.docker.io/v1/"

func dockerConfig(logins map[string]Login) string {
	auths := map[string]any{}
	for host, login := range logins {
		if host == "docker.io" {
			host = dockerHub
		}
		auths[host] = map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(login.Username + ":" + login.Password))}
	}
	text, err := json.Marshal(map[string]any{"auths": auths})
	if err != nil {
		panic(fmt.Sprintf("write logins: %v", err)) // maps of text
	}
	return string(text)
}
