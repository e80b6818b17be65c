package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"skep/lab/instance"
)

// slowest is how long a program may take on a small, busy machine. What was
// compiled when it is over need not be compiled again.
const slowest = time.Hour

// digest names the program of a module of its own: by what it is built from and
// the compiler.
func (i Image) digest(module string) (string, error) {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, runtime.Version(), runtime.GOARCH, i.Package)
	root := os.DirFS(filepath.Join(module, i.Module))
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, path)
		_, _ = fmt.Fprintln(h, path, len(text))
		_, _ = h.Write(text)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("find sources of image %q: %w", i.Repository, err)
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}

// Slow are those of the images whose programs take minutes.
func Slow(wanted []Image) []Image {
	var slow []Image
	for _, i := range wanted {
		if i.Module != "" {
			slow = append(slow, i)
		}
	}
	return slow
}

// Compiled says whether the image's program is in the cache.
func (i Image) Compiled(module, cache string) bool {
	path, err := i.compiled(module, cache)
	if err == nil {
		_, err = os.Stat(path)
	}
	return err == nil
}

// compiled is where the program is kept.
func (i Image) compiled(module, cache string) (string, error) {
	digest, err := i.digest(module)
	return filepath.Join(cache, "lab", "program-"+i.Module+"-"+digest), err
}

// Compile puts the image's program into the cache.
func (i Image) Compile(ctx context.Context, module, cache string) error {
	_, err := i.compileOnce(ctx, module, cache)
	return err
}

// compileOnce returns the program's path, and compiles it unless it is there. Of
// two that want it at once, one waits for the other.
func (i Image) compileOnce(ctx context.Context, module, cache string) (string, error) {
	target, err := i.compiled(module, cache)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return "", err
	}
	unlock, err := instance.Lock(target + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	made := target + ".new"
	if err := compile(ctx, filepath.Join(module, i.Module), i.Package, made, slowest); err != nil {
		return "", err
	}
	return target, os.Rename(made, target)
}
