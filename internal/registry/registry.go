// Package registry asks image registries for digests, without loading images.
package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// limit bounds one question, a second try included.
const limit = 20 * time.Second

// Access is how a registry is asked.
type Access struct {
	// Username and Password log in, where there are any.
	Username, Password string
	// Insecure allows plain HTTP.
	Insecure bool
}

// Digest is that of the image of the reference today; for a reference with a
// digest it says that the image is there.
func Digest(ctx context.Context, reference string, access Access) (string, error) {
	var options []name.Option
	if access.Insecure {
		options = append(options, name.Insecure)
	}
	ref, err := name.ParseReference(reference, options...)
	if err != nil {
		return "", fmt.Errorf("it is no reference of an image: %w", err)
	}
	login := authn.Anonymous
	if access.Username != "" {
		login = authn.FromConfig(authn.AuthConfig{Username: access.Username, Password: access.Password})
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	found, err := remote.Head(ref, remote.WithContext(ctx), remote.WithAuth(login), remote.WithTransport(overTLS{access.Insecure}))
	if err != nil {
		return "", explained(ref.Context(), err)
	}
	return found.Digest.String(), nil
}

// overTLS keeps logins off plain HTTP, which the library takes by itself for
// private addresses.
type overTLS struct{ insecure bool }

var errPlainHTTP = errors.New("it speaks plain HTTP")

// RoundTrip implements http.RoundTripper.
func (t overTLS) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "https" && !t.insecure {
		return nil, errPlainHTTP
	}
	return remote.DefaultTransport.RoundTrip(request)
}

// explained says what to do about what a registry said.
func explained(repository name.Repository, err error) error {
	host := repository.RegistryStr()
	if host == name.DefaultRegistry {
		host = "docker.io" // as people write it, and config
	}
	var said *transport.Error
	switch {
	case errors.Is(err, errPlainHTTP):
		return fmt.Errorf("the registry %s has no TLS: give it a certificate, or set skep:registries[%q].insecure to true", host, host)
	case !errors.As(err, &said):
		return fmt.Errorf("the registry %s does not answer: %w: mend it, or set skep:registries[%q].check to false where hosts reach it and this machine does not", host, err, host)
	case said.StatusCode == http.StatusNotFound:
		return fmt.Errorf("the registry %s has no such image: push it, or correct the digest", host)
	case said.StatusCode == http.StatusUnauthorized || said.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the registry %s wants another login, or has no such image: set username and password in skep:registries[%q]", host, host)
	}
	return fmt.Errorf("the registry %s says %d: %w", host, said.StatusCode, err)
}
