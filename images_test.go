package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"skep/internal/compose"
)

const absent = "sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab"

// serveRegistry is a registry of plain HTTP that has team/app:v1, and counts
// what it is asked. It lets in who has the password, where there is one.
func serveRegistry(t *testing.T, password string) (host, digest string, asked *int) {
	t.Helper()
	asked = new(int)
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	open := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, given, _ := r.BasicAuth(); !open && given != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodHead {
			*asked++
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	host = strings.TrimPrefix(server.URL, "http://")
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(host+"/team/app:v1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		t.Fatal(err)
	}
	sum, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	open, *asked = password == "", 0
	return host, sum.String(), asked
}

func images(refs ...string) []compose.Image {
	var all []compose.Image
	for _, ref := range refs {
		all = append(all, compose.Image{Place: compose.Place{Path: "c.yaml", Line: 3, Column: 5}, Service: "web", Ref: ref})
	}
	return all
}

func TestImagesAreAskedForOnce(t *testing.T) {
	host, digest, asked := serveRegistry(t, "")
	c := &Config{Registries: map[string]RegistryConfig{host: {Check: true, Insecure: true}}}
	ref := host + "/team/app:v1@" + digest
	if err := c.checkImages(images(ref, ref, ref)); err != nil {
		t.Error(err)
	}
	if *asked != 1 {
		t.Errorf("the registry was asked %d times", *asked)
	}
	pins := c.pins(images(host+"/team/app:v1", ref, host+"/team/app:v9"))
	if len(pins) != 1 || pins[host+"/team/app:v1"] != digest {
		t.Errorf("pins are %v, want %s", pins, digest)
	}
}

func TestMissingImagesFailThePreview(t *testing.T) {
	open, digest, _ := serveRegistry(t, "")
	locked, theirs, _ := serveRegistry(t, "canary-password")
	gone := httptest.NewServer(nil)
	down := strings.TrimPrefix(gone.URL, "http://")
	gone.Close()
	registries := func(r RegistryConfig) map[string]RegistryConfig {
		r.Check = true
		return map[string]RegistryConfig{open: r, locked: r, down: r}
	}
	for what, c := range map[string]struct {
		ref, want string
		registry  RegistryConfig
	}{
		"there":           {open + "/team/app@" + digest, "", RegistryConfig{Insecure: true}},
		"other digest":    {open + "/team/app@" + absent, "has no such image: push it", RegistryConfig{Insecure: true}},
		"no such image":   {open + "/team/none@" + digest, "has no such image", RegistryConfig{Insecure: true}},
		"plain HTTP":      {open + "/team/app@" + digest, "has no TLS", RegistryConfig{}},
		"no login":        {locked + "/team/app@" + theirs, "wants another login", RegistryConfig{Insecure: true}},
		"wrong login":     {locked + "/team/app@" + theirs, "wants another login", RegistryConfig{Insecure: true, Username: "me", Password: "canary-wrong"}},
		"login":           {locked + "/team/app@" + theirs, "", RegistryConfig{Insecure: true, Username: "me", Password: "canary-password"}},
		"registry down":   {down + "/team/app@" + digest, "does not answer", RegistryConfig{Insecure: true}},
		"not a reference": {open + "/Team/App", "is no reference of an image", RegistryConfig{Insecure: true}},
	} {
		err := (&Config{Registries: registries(c.registry)}).checkImages(images(c.ref))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", what, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), `c.yaml:3:5: service "web": image `+c.ref)):
			t.Errorf("%s: error %v does not hold %q, or the image's place and name", what, err, c.want)
		case err != nil && strings.Contains(err.Error(), "canary"):
			t.Errorf("%s: the error holds a password: %v", what, err)
		}
	}
	skipped := &Config{Registries: map[string]RegistryConfig{down: {Check: false}}}
	if err := skipped.checkImages(images(down + "/team/app@" + digest)); err != nil {
		t.Errorf("a registry that is not to be asked: %v", err)
	}
}
