// Package images builds the container images that stacks of the lab run, from
// static programs of this module and Debian's packages, and pushes them to the
// lab's registry.
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
	"slices"
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
	// Package is the program, below the lab's module; with Module, the import path
	// of a tool that the Go module of that folder pins. Such a program takes
	// minutes, so it is compiled once into the cache.
	Package, Module string
	// Path is where it lies in the image, Port what it listens on by default.
	Path, Port string
	// Cmd are its arguments unless a compose file has others, Env its variables.
	Cmd, Env []string
	// Base is what lies below the program; nil for nothing.
	Base *Debian
}

// All are the images of the lab. Those that have no upstream, or none whose
// digest is known here, are called lab.invalid, with a digest that is none.
var All = []Image{
	{
		Upstream:   "traefik/whoami:v1.11.0@sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab",
		Repository: "traefik/whoami",
		Tag:        "v1.11.0",
		Package:    "whoami",
		Path:       "/whoami",
		Port:       "80/tcp",
	},
	{
		Upstream:   "lab.invalid/ledger:v1@sha256:" + strings.Repeat("1", 64),
		Repository: "lab/ledger",
		Tag:        "v1",
		Package:    "ledger",
		Path:       "/ledger",
		Port:       "8080/tcp",
	},
	{
		Upstream:   "lab.invalid/protocols:v1@sha256:" + strings.Repeat("2", 64),
		Repository: "lab/protocols",
		Tag:        "v1",
		Package:    "protocols",
		Path:       "/protocols",
		Port:       "8080/tcp",
	},
	postgres,
	traefik,
}

// traefik has its program where the official image has it, and nothing else: what
// starts it there adds nothing to how Skep starts it.
var traefik = Image{
	Upstream:   "traefik:v3.7.12@sha256:9c2a54d87f76f5c2f5f2682c68394af92fb12c0a2686798d6462a3f84bd78eaf",
	Repository: "traefik",
	Tag:        "v3.7.12",
	Package:    "github.com/traefik/traefik/v3/cmd/traefik",
	Module:     "traefik",
	Path:       "/usr/local/bin/traefik",
	Port:       "80/tcp",
	Cmd:        []string{"traefik"},
	Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
}

// postgres reads what the official image reads, as far as stacks use it.
var postgres = Image{
	Upstream:   "lab.invalid/postgres:17@sha256:" + strings.Repeat("17", 32),
	Repository: "lab/postgres",
	Tag:        "17",
	Package:    "postgres",
	Path:       "/usr/local/bin/docker-entrypoint",
	Port:       "5432/tcp",
	Cmd:        []string{"postgres"},
	Env: []string{
		"PATH=/usr/local/bin:/usr/bin:/usr/lib/postgresql/17/bin", "PGDATA=/var/lib/postgresql/data", "LANG=C.UTF-8",
	},
	Base: &Debian{
		Packages: []string{"dash", "libc-bin", "libnss-wrapper", "postgresql-17", "tzdata"},
		Keep: []string{
			"usr/bin/dash", "usr/lib/locale/C.utf8", "usr/lib/postgresql/17/bin", "usr/lib/postgresql/17/lib",
			"usr/share/postgresql/17", "usr/share/postgresql-common", "usr/share/zoneinfo",
			"usr/lib/" + multiarch() + "/libnss_wrapper.so",
		},
		Drop: []string{
			// The compiler of queries is four fifths of it all, and optional.
			"usr/lib/postgresql/17/lib/bitcode", "usr/lib/postgresql/17/lib/llvmjit*", "usr/lib/postgresql/17/lib/pgxs",
			"usr/share/postgresql/17/man", "usr/share/zoneinfo/right", "usr/share/zoneinfo/posix",
			"usr/share/zoneinfo/localtime",
		},
		Open:  []string{"run/postgresql", "tmp", "var/lib/postgresql", "var/lib/postgresql/data"},
		Links: map[string]string{"usr/bin/sh": "dash", "var/run": "../run"},
	},
}

// multiarch is Debian's name of this machine's kind.
func multiarch() string {
	return map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH] + "-linux-gnu"
}

// Wanted are the images that a stack of the checkout names, and those of Skep's
// own stacks where one has a route. Others are not built: some take minutes.
func Wanted(checkout string) ([]Image, error) {
	all, err := texts(checkout, "stacks", "*", "*.y*ml")
	if err == nil && strings.Contains(all, "traefik.") {
		var own string
		own, err = texts(checkout, "components", "*", "compose.yaml")
		all += own
	}
	return slices.DeleteFunc(slices.Clone(All), func(i Image) bool { return !strings.Contains(all, i.Upstream) }), err
}

// texts are the files of a pattern, one after the other.
func texts(pattern ...string) (string, error) {
	paths, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil {
		return "", fmt.Errorf("find images of stacks: %w", err)
	}
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("find images of stacks: %w", err)
		}
		all.Write(text)
	}
	return all.String(), nil
}

// Fingerprint changes when any of the images would be built differently: with
// the sources in the lab's module and the compiler.
func Fingerprint(module string, wanted []Image) (string, error) {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, runtime.Version(), runtime.GOARCH)
	for _, i := range wanted {
		_, _ = fmt.Fprintln(h, i.Upstream, i.Repository, i.Tag, i.Path, i.Port, i.Cmd, i.Env)
		if i.Module != "" {
			digest, err := i.digest(module)
			if err != nil {
				return "", err
			}
			_, _ = fmt.Fprintln(h, digest)
			continue
		}
		if i.Base != nil {
			_, _ = fmt.Fprintln(h, i.Base.digest())
		}
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

// Build compiles the program in the lab's module and makes an image of it, on
// top of its base, which is kept in the cache. The same program on the same
// base gives the same digest.
func (i Image) Build(ctx context.Context, module, cache string) (v1.Image, error) {
	program, err := i.program(ctx, module, cache)
	if err != nil {
		return nil, fmt.Errorf("build image %q: %w", i.Repository, err)
	}
	image := empty.Image
	if i.Base != nil {
		path, err := i.Base.layer(ctx, cache)
		if err != nil {
			return nil, fmt.Errorf("build image %q: %w", i.Repository, err)
		}
		layer, err := tarball.LayerFromFile(path)
		if err != nil {
			return nil, fmt.Errorf("build image %q: %w", i.Repository, err)
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return nil, fmt.Errorf("build image %q: %w", i.Repository, err)
		}
	}
	if image, err = i.assemble(image, program); err != nil {
		return nil, fmt.Errorf("build image %q: %w", i.Repository, err)
	}
	return image, nil
}

// program is the compiled program.
func (i Image) program(ctx context.Context, module, cache string) ([]byte, error) {
	if i.Module != "" {
		path, err := i.compileOnce(ctx, module, cache)
		if err != nil {
			return nil, err
		}
		return os.ReadFile(path)
	}
	dir, err := os.MkdirTemp("", "skep-image-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	target := filepath.Join(dir, "program")
	if err := compile(ctx, module, "./"+i.Package, target, 5*time.Minute); err != nil {
		return nil, err
	}
	return os.ReadFile(target)
}

func compile(ctx context.Context, module, program, target string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=",
		"-o", target, program)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile %q: %w:\n%s", program, err, strings.TrimSpace(string(said)))
	}
	return nil
}

// assemble adds the program to an image. Nothing in it tells when or where it
// was made.
func (i Image) assemble(base v1.Image, program []byte) (v1.Image, error) {
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
	image, err := mutate.AppendLayers(base, layer)
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
	config.Config.Cmd, config.Config.Env = i.Cmd, i.Env
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
