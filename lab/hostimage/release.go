package hostimage

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"skep/lab/engine"
	"skep/lab/instance"
)

// Image is the host image of one release of Debian.
type Image struct {
	// suite is the release's code name.
	suite string
}

// usual is what a machine boots that asks for nothing else.
var usual = Image{suite: "trixie"}

// For returns the image that stands for a cloud's, named by its slug.
func For(slug string) (Image, error) {
	switch {
	case slug == "" || strings.HasPrefix(slug, "debian-13-"):
		return usual, nil
	case strings.HasPrefix(slug, "debian-12-"):
		return Image{suite: "bookworm"}, nil
	default:
		return Image{}, fmt.Errorf("find a host image for %q: the lab has debian-12-x64 and debian-13-x64", slug)
	}
}

// Usual says whether the image is the one that `lab up` loads.
func (i Image) Usual() bool { return i == usual }

// packages are those that the release has: Debian 12 has docker's client inside
// docker.io.
func (i Image) packages() []string {
	if i.suite != "bookworm" {
		return packages
	}
	return slices.DeleteFunc(slices.Clone(packages), func(name string) bool { return name == "docker-cli" })
}

// Ensure has the engine hold the image, which takes minutes where it was never
// built on this machine. The lock is that of `lab up` and `lab down`: loading
// what another lab has just loaded would leave that one without a name.
func (i Image) Ensure(ctx context.Context, docker engine.Docker, cache string) error {
	if has, err := docker.HasImage(ctx, i.Name()); err != nil || has {
		return err
	}
	if err := i.Build(ctx, cache); err != nil {
		return err
	}
	unlock, err := instance.Lock(filepath.Join(cache, "lab", "engine-images.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if has, err := docker.HasImage(ctx, i.Name()); err != nil || has {
		return err
	}
	return i.Import(ctx, docker, cache)
}
