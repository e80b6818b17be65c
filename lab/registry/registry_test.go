package registry

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func serve(t *testing.T, dir, writer string) string {
	t.Helper()
	r, err := Open(dir, netip.MustParseAddr(writer))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func tag(t *testing.T, text string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestImagesSurviveRestart(t *testing.T) {
	dir := t.TempDir()
	index, err := random.Index(1024, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	want, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag(t, serve(t, dir, "127.0.0.1")+"/some/app:v1"), index); err != nil {
		t.Fatal(err)
	}
	host := serve(t, dir, "127.0.0.1")
	for _, ref := range []string{host + "/some/app:v1", host + "/some/app@" + want.String()} {
		got, err := remote.Get(tag(t, ref))
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest != want {
			t.Errorf("%s: got %s, want %s", ref, got.Digest, want)
		}
	}
}

func TestOnlyTheLabPushes(t *testing.T) {
	image, err := random.Image(1024, 1)
	if err != nil {
		t.Fatal(err)
	}
	err = remote.Write(tag(t, serve(t, t.TempDir(), "10.77.0.1")+"/some/app:v1"), image)
	if err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("push from elsewhere: %v", err)
	}
}
