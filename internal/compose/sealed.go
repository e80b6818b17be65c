package compose

import (
	"errors"
	"fmt"

	"skep/internal/secret"
)

// SecretValues makes the values of the stack's secrets. An error has the place
// of the secret that cannot be made, and never a value.
func (f *File) SecretValues(from secret.Sources) (map[string]string, error) {
	values, err := secret.Values(f.secrets, from)
	var failed *secret.Error
	if errors.As(err, &failed) {
		return nil, fmt.Errorf("%s: %w", f.at("secrets", failed.Name), err)
	}
	return values, err
}

// HasSecrets says whether the stack has secrets of Skep's, and so needs a seed.
func (f *File) HasSecrets() bool { return len(f.secrets) > 0 }

// DeleteVolumes are the swarm's names of the volumes that go with the stack,
// sorted.
func (f *File) DeleteVolumes() []string { return f.volumeNames(true) }

// KeptVolumes are the swarm's names of the volumes that stay when the stack
// goes, sorted.
func (f *File) KeptVolumes() []string { return f.volumeNames(false) }

func (f *File) volumeNames(deleted bool) []string {
	var names []string
	for _, name := range sortedKeys(f.section("volumes")) {
		body := mapping(f.section("volumes")[name])
		if external, _ := body["external"].(bool); external || f.volumes[name].Delete != deleted {
			continue
		}
		if own := text(body["name"]); own != "" {
			names = append(names, own)
		} else {
			names = append(names, f.Stack+"_"+name)
		}
	}
	return names
}
