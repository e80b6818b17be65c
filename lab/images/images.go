// Package images builds the container images that stacks of the lab run, from
// static programs of this module, and pushes them to the lab's registry.
package images

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image is one that the lab builds in place of upstream's.
type Image struct {
	// Upstream is the reference that compose files name.
	Upstream string
	// Repository and Tag name the built image in the lab's registry.
	Repository, Tag string
	// Package is the program, below the lab's module.
	Package string
	// Path is where it lies in the image, Port what it listens on by default.
	Path, Port string
}

// All are the images of the lab.
var All = []Image{
	{
		Upstream:   "traefik/whoami:v1.11.0@sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab",
		Repository: "traefik/whoami",
		Tag:        "v1.11.0",
		Package:    "whoami",
		Path:       "/whoami",
		Port:       "80/tcp",
	},
}

// Fingerprint changes when any image would be built differently: with the
// sources in the lab's module and the compiler.
func Fingerprint(module string) (string, error) {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, runtime.Version(), runtime.GOARCH, All)
	for _, i := range All {
		paths, err := filepath.Glob(filepath.Join(module, i.Package, "*.go"))
		if err != nil || len(paths) == 0 {
			return "", fmt.Errorf("find sources of image %q in %q: %w", i.Repository, module, os.ErrNotExist)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return "", fmt.Errorf("find sources of image %q: %w", i.Repository, err)
			}
			_, _ = fmt.Fprintln(h, filepath.Base(path), len(text))
			_, _ = h.Write(text)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Build compiles the program in the lab's module and makes an image of it. The
// same program gives the same digest.
func (i Image) Build(ctx context.Context, module string) (v1.Image, error) {
	program, err := i.compile(ctx, module)
	if err != nil {
		return nil, fmt.Errorf("build image %q: %w", i.Repository, err)
	}
	image, err := i.assemble(program)
	if err != nil {
		return nil, fmt.Errorf("build image %q: %w", i.Repository, err)
	}
	return image, nil
}

func (i Image) compile(ctx context.Context, module string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "skep-image-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	target := filepath.Join(dir, "program")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=",
		"-o", target, "./"+i.Package)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile %q: %w:\n%s", i.Package, err, strings.TrimSpace(string(said)))
	}
	return os.ReadFile(target)
}

// assemble makes an image whose only file is the program. Nothing in it tells
// when or where it was made.
func (i Image) assemble(program []byte) (v1.Image, error) {
	files, err := archive(strings.TrimPrefix(i.Path, "/"), program)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files)), nil
	})
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config.Entrypoint = []string{i.Path}
	config.Config.ExposedPorts = map[string]struct{}{i.Port: {}}
	config.Config.Labels = map[string]string{"org.opencontainers.image.source": "skep/lab/" + i.Package}
	return mutate.ConfigFile(image, config)
}

func archive(path string, program []byte) ([]byte, error) {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	header := &tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o755, Size: int64(len(program)), ModTime: time.Unix(0, 0)}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	return buffer.Bytes(), w.Close()
}
