package registry

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

// What an error says to set must be the key that config is read with.
func TestErrorsNameTheKeyOfConfig(t *testing.T) {
	for reference, want := range map[string]string{
		"traefik/whoami:v1.11.0":        `skep:registries["docker.io"].check`,
		"registry.example:5000/a/b:1.0": `skep:registries["registry.example:5000"].check`,
	} {
		ref, err := name.ParseReference(reference)
		if err != nil {
			t.Fatal(err)
		}
		if err := explained(ref.Context(), errors.New("no such host")); !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %q does not hold %q", reference, err, want)
		}
	}
}
