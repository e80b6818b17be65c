package images

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"skep/lab/hostimage"
	"skep/lab/instance"
)

// Debian is a file system from Debian's packages, without what no program in
// it reads.
type Debian struct {
	// Packages are extracted, with all that they depend on.
	Packages []string
	// Keep are the files and folders that the image is for. The libraries that
	// their programs need come with them.
	Keep []string
	// Drop are those below Keep that it is not for.
	Drop []string
	// Open are folders into which any user may write.
	Open []string
	// Links are symbolic links, by path.
	Links map[string]string
}

// recipe is raised when the code below makes another layer of the same words.
const recipe = 1

// digest names what the layer is made from.
func (d Debian) digest() string {
	sum := sha256.Sum256(fmt.Appendln(nil, recipe, runtime.GOARCH, d))
	return hex.EncodeToString(sum[:])[:12]
}

// layer returns the layer's archive, and makes it unless it is in the cache.
func (d Debian) layer(ctx context.Context, cache string) (string, error) {
	target := filepath.Join(cache, "lab", "layer-"+d.digest()+".tar.gz")
	unlock, err := instance.Lock(target + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	work, err := os.MkdirTemp(filepath.Dir(target), "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	root := filepath.Join(work, "root")
	if err := hostimage.Debian(ctx, work, root, "--variant=extract", "--format=directory",
		"--include="+strings.Join(d.Packages, ",")); err != nil {
		return "", err
	}
	paths, err := d.choose(root)
	if err != nil {
		return "", err
	}
	made := filepath.Join(work, "layer.tar.gz")
	if err := d.write(made, root, paths); err != nil {
		return "", err
	}
	return target, os.Rename(made, target)
}

// choose lists what goes into the layer, sorted.
func (d Debian) choose(root string) ([]string, error) {
	chosen := map[string]bool{}
	var add func(path string) error
	add = func(path string) error {
		if chosen[path] {
			return nil
		}
		info, err := os.Lstat(filepath.Join(root, path))
		if err != nil {
			return err
		}
		chosen[path] = true
		if info.Mode()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(filepath.Join(root, path))
			if err != nil {
				return err
			}
			if !filepath.IsAbs(to) {
				to = filepath.Join(filepath.Dir(path), to)
			}
			return add(merged(to))
		}
		libraries, err := needed(filepath.Join(root, path), info)
		for _, library := range libraries {
			found, findErr := find(root, library)
			if findErr != nil {
				return fmt.Errorf("%s: %w", path, findErr)
			}
			err = errors.Join(err, add(found))
		}
		return err
	}
	for _, keep := range d.Keep {
		err := fs.WalkDir(os.DirFS(root), keep, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case slices.ContainsFunc(d.Drop, func(drop string) bool { ok, _ := filepath.Match(drop, path); return ok }):
				if entry.IsDir() {
					return fs.SkipDir
				}
				return nil
			case entry.IsDir():
				return nil
			}
			return add(path)
		})
		if err != nil {
			return nil, fmt.Errorf("choose files: %w", err)
		}
	}
	var paths []string
	for path := range chosen {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths, nil
}

// merged is a path in a tree where /bin, /lib and /lib64 lie below /usr.
func merged(path string) string {
	path = strings.TrimPrefix(path, "/")
	if strings.HasPrefix(path, "bin/") || strings.HasPrefix(path, "lib") || strings.HasPrefix(path, "sbin/") {
		return "usr/" + path
	}
	return path
}

// needed are the libraries and the interpreter of a program.
func needed(path string, info fs.FileInfo) ([]string, error) {
	if !info.Mode().IsRegular() || info.Size() < 4 {
		return nil, nil
	}
	program, err := elf.Open(path)
	if err != nil {
		return nil, nil // no program
	}
	defer func() { _ = program.Close() }()
	libraries, err := program.ImportedLibraries()
	if section := program.Section(".interp"); section != nil {
		text, readErr := section.Data()
		libraries = append(libraries, strings.TrimRight(string(text), "\x00"))
		err = errors.Join(err, readErr)
	}
	return libraries, err
}

// find looks for a library where Debian keeps them, and for an interpreter at
// its place.
func find(root, library string) (string, error) {
	if filepath.IsAbs(library) {
		return merged(library), nil
	}
	for _, pattern := range []string{"usr/lib/*-linux-gnu*/", "usr/lib64/", "usr/lib/"} {
		matches, _ := filepath.Glob(filepath.Join(root, pattern, library))
		if len(matches) > 0 {
			return filepath.Rel(root, matches[0])
		}
	}
	return "", fmt.Errorf("find library %q: %w", library, os.ErrNotExist)
}

// write makes the archive. Nothing in it tells when it was made.
func (d Debian) write(target, root string, paths []string) error {
	file, err := os.Create(target)
	if err != nil {
		return err
	}
	packed, err := gzip.NewWriterLevel(file, gzip.BestSpeed)
	if err != nil {
		return err
	}
	w := tar.NewWriter(packed)
	for path, to := range d.links() {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: path, Linkname: to, Mode: 0o777, ModTime: time.Unix(0, 0)}))
	}
	for _, path := range d.Open {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: path + "/", Mode: 0o1777, ModTime: time.Unix(0, 0)}))
	}
	for _, path := range paths {
		err = errors.Join(err, writeFile(w, root, path))
	}
	return errors.Join(err, w.Close(), packed.Close(), file.Close())
}

// links are the layer's own and those that make one tree of / and /usr.
func (d Debian) links() func(yield func(string, string) bool) {
	all := map[string]string{"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}
	for path, to := range d.Links {
		all[path] = to
	}
	var paths []string
	for path := range all {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return func(yield func(string, string) bool) {
		for _, path := range paths {
			if !yield(path, all[path]) {
				return
			}
		}
	}
}

func writeFile(w *tar.Writer, root, path string) error {
	info, err := os.Lstat(filepath.Join(root, path))
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		to, err := os.Readlink(filepath.Join(root, path))
		if err != nil {
			return err
		}
		return w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: path, Linkname: to, Mode: 0o777, ModTime: time.Unix(0, 0)})
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: path, Size: info.Size(), Mode: int64(info.Mode().Perm()), ModTime: time.Unix(0, 0)}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	file, err := os.Open(filepath.Join(root, path))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, err = io.Copy(w, file)
	return err
}
