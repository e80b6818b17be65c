package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
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
func serveRegistry(t *testing.T, password string) (host, digest string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	open := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, given, _ := r.BasicAuth(); !open && given != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodHead {
			asked.Add(1)
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
	open = password == ""
	asked.Store(0)
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
	open := host + "/team/app:v1"
	all := images(ref, open, ref, open, ref)
	answers := c.askRegistries(all)
	if err := missing(all, answers); err != nil {
		t.Error(err)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("the registry was asked %d times for two images", n)
	}
	if got := pins(c.askRegistries(images(open, host+"/team/app:v9"))); len(got) != 1 || got[open] != digest {
		t.Errorf("pins are %v, want %s", got, digest)
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
		err := missing(images(c.ref), (&Config{Registries: registries(c.registry)}).askRegistries(images(c.ref)))
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
	one := images(down + "/team/app@" + digest)
	if err := missing(one, skipped.askRegistries(one)); err != nil {
		t.Errorf("a registry that is not to be asked: %v", err)
	}
}
