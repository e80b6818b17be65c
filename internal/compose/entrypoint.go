package compose

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// entrypointPath is where the generated entrypoint is in a container.
const entrypointPath = "/skep-entrypoint"

var shellName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// wrapped says whether the service gets its environment from secrets.
func (f *File) wrapped(name string) bool { return len(f.services[name].EnvFromSecrets) > 0 }

// checkWrapped checks what a generated entrypoint needs.
func (f *File) checkWrapped(s service) {
	if !f.wrapped(s.name) {
		return
	}
	at := s.path(extensionKey, "env_from_secrets")
	for _, variable := range slices.Sorted(maps.Keys(f.services[s.name].EnvFromSecrets)) {
		name := f.services[s.name].EnvFromSecrets[variable]
		if !shellName.MatchString(variable) {
			f.refuse(fmt.Sprintf("%q is no name of a variable", variable), "use letters, digits and _", append(at, variable)...)
		}
		if _, there := f.section("secrets")[name]; !there {
			f.refuse(fmt.Sprintf("secret %q is not declared", name), "declare it under secrets:", append(at, variable)...)
		}
		for _, v := range s.environment() {
			if v.name == variable && v.set {
				f.refuse(fmt.Sprintf("%s has a value under environment: too", variable), "leave it there out", append(at, variable)...)
			}
		}
	}
	if _, taken := f.section("configs")[entrypointName(s.name)]; taken {
		f.refuse(fmt.Sprintf("the name %q is Skep's own, for the generated entrypoint", entrypointName(s.name)), "choose another", "configs", entrypointName(s.name))
	}
	entrypoint, err := words(s.body["entrypoint"])
	command, err2 := words(s.body["command"])
	switch {
	case err != nil || err2 != nil:
		f.refuse("its entrypoint or command cannot be split into words", "write it as a list", s.path()...)
	case len(entrypoint)+len(command) == 0:
		f.refuse("env_from_secrets replaces the entrypoint, and the file does not say what is to be run",
			"write the image's own under entrypoint: and command: (docker image inspect -f '{{.Config.Entrypoint}} {{.Config.Cmd}}')", at...)
	case len(entrypoint) == 0:
		f.tell(fmt.Sprintf("service %q: env_from_secrets runs its command alone: where the image has an entrypoint, write it under entrypoint:", s.name), at...)
	}
}

// entrypointName is the config that holds a service's generated entrypoint.
func entrypointName(service string) string { return service + "-entrypoint" }

// entrypointText is the generated entrypoint: it holds names of secrets, and no
// value.
func (f *File) entrypointText(name string) string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\n# Made by Skep: gives the application its secrets as environment, which is all it reads.\nset -eu\n")
	wanted := f.services[name].EnvFromSecrets
	for _, variable := range slices.Sorted(maps.Keys(wanted)) {
		file := f.secretFile(name, wanted[variable])
		// The dot keeps newlines at the end, which $() would cut.
		fmt.Fprintf(&b, "%[1]s=$(cat '%[2]s' && printf .)\n%[1]s=${%[1]s%%.}\nexport %[1]s\n", variable, file)
	}
	b.WriteString("exec \"$@\"\n")
	return b.String()
}

// secretFile is where a service finds a secret.
func (f *File) secretFile(name, secret string) string {
	target := secret
	for _, value := range list(f.service(name)["secrets"]) {
		if named := text(mapping(value)["target"]); source(value) == secret && named != "" {
			target = named
		}
	}
	if strings.HasPrefix(target, "/") {
		return target
	}
	return "/run/secrets/" + target
}

// wrap puts the generated entrypoint before what the service runs.
func (f *File) wrap(name string, out map[string]any) {
	entrypoint, _ := words(out["entrypoint"]) // checkWrapped has seen them
	command, _ := words(out["command"])
	if len(entrypoint) == 0 {
		entrypoint, command = command, nil
	}
	out["entrypoint"] = anySlice(append([]string{"/bin/sh", entrypointPath}, entrypoint...))
	delete(out, "command")
	if len(command) > 0 {
		out["command"] = anySlice(command)
	}
	out["configs"] = append(slices.Clone(list(out["configs"])), map[string]any{
		"source": entrypointName(name), "target": entrypointPath, "mode": 0o444,
	})
	mounted := map[string]bool{}
	secrets := slices.Clone(list(out["secrets"]))
	for _, value := range secrets {
		mounted[source(value)] = true
	}
	wanted := f.services[name].EnvFromSecrets
	for _, variable := range slices.Sorted(maps.Keys(wanted)) {
		if !mounted[wanted[variable]] {
			mounted[wanted[variable]] = true
			secrets = append(secrets, wanted[variable])
		}
	}
	out["secrets"] = secrets
}

func anySlice[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}
