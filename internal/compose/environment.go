package compose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	secretName  = regexp.MustCompile(`(?i)(^|_)(password|passwd|pass|pwd|secret|token|key|apikey|credentials?)(_|$|\d)|password$|secret$|token$`)
	pointerName = regexp.MustCompile(`(?i)_(file|path|dir|ttl|expiry|expires|lifetime|length|size|name|id|type|algorithm|header|url)$`)
	plainValue  = regexp.MustCompile(`(?i)^(|true|false|yes|no|on|off|none|null|[0-9]+[smhd]?)$`)
	loginInURL  = regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@`)
	privateKey  = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY`)
)

// variable is one of a service's environment.
type variable struct {
	name, value string
	set         bool
	key         string // in the file's mapping or list
}

// environment is in either of compose's forms, sorted by name.
func (s service) environment() []variable {
	var all []variable
	switch declared := s.body["environment"].(type) {
	case map[string]any:
		for name, value := range declared {
			v := variable{name: name, key: name, set: value != nil}
			if v.set {
				v.value = fmt.Sprint(value)
			}
			all = append(all, v)
		}
	case []any:
		for i, entry := range declared {
			name, value, set := strings.Cut(fmt.Sprint(entry), "=")
			all = append(all, variable{name: name, value: value, set: set, key: fmt.Sprint(i)})
		}
	}
	slices.SortFunc(all, func(a, b variable) int { return strings.Compare(a.name, b.name) })
	return all
}

// LooksSecret says whether a value should not stand anywhere in plain text: by
// the name that it has, or by itself.
func LooksSecret(name, value string) bool {
	named := secretName.MatchString(name) && !pointerName.MatchString(name) && !plainValue.MatchString(value) && !strings.HasPrefix(value, "/")
	return named || loginInURL.MatchString(value) || privateKey.MatchString(value)
}

func secretInEnvironment(s service) []Fault {
	var faults []Fault
	for _, v := range s.environment() {
		if LooksSecret(v.name, v.value) {
			faults = append(faults, s.fault("secret-in-environment", fmt.Sprintf("%s looks like a secret in plain text", v.name),
				fmt.Sprintf("make it a secret and give the file's name (%s_FILE: /run/secrets/…), or x-skep: {env_from_secrets: {%s: SECRET}} where the application reads no files", v.name, v.name),
				"environment", v.key))
		}
	}
	return faults
}
