// Package folder is an rclone backend for a local folder that never shows or leaves half of a write.
//
// rclone's own local backend writes in place, and its S3 server works around that by writing beside the object, then
// removing the object, then renaming. Between the last two steps the object does not exist: a reader is told that there
// is no state, and a crash loses it. Here a write is a file of its own, flushed to disk and renamed over the old one.
package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rclone/rclone/backend/overview"
	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"
	"github.com/rclone/rclone/fs/hash"
)

// Type is the name of the backend in a remote's configuration; its one option is path.
const Type = "folder"

const (
	hiddenPrefix = "."        // nothing that crypt stores begins like this
	writePrefix  = ".writing" // a write that is not finished
	lockName     = ".lock"
	lockLimit    = 20 * time.Second
	orphanAge    = time.Hour // no write takes this long
)

func init() {
	fs.Register(&fs.RegInfo{
		Name: Type, Description: "Local folder with atomic writes", NewFs: open,
		Options:  []fs.Option{{Name: "path", Help: "Absolute path of the folder.", Required: true}},
		Overview: &overview.BackendConfig{}, // rclone's table knows its own backends only
	})
}

// Fs is one folder.
type Fs struct {
	name, root string
	features   *fs.Features
}

var (
	_ fs.Fs     = (*Fs)(nil)
	_ fs.Object = (*Object)(nil)
)

func open(ctx context.Context, name, root string, m configmap.Mapper) (fs.Fs, error) {
	base, _ := m.Get("path")
	if !filepath.IsAbs(base) {
		return nil, fmt.Errorf("open folder %q: its path must be absolute", base)
	}
	f := &Fs{name: name, root: filepath.Join(base, filepath.FromSlash(root))}
	f.features = (&fs.Features{CanHaveEmptyDirectories: true}).Fill(ctx, f)
	return f, nil
}

// Name of the remote.
func (f *Fs) Name() string { return f.name }

// Root of the remote.
func (f *Fs) Root() string { return f.root }

func (f *Fs) String() string { return "folder " + f.root }

// Precision of modification times.
func (f *Fs) Precision() time.Duration { return time.Nanosecond }

// Hashes are none: the encryption above authenticates every block.
func (f *Fs) Hashes() hash.Set { return hash.Set(hash.None) }

// Features are none beyond the required ones.
func (f *Fs) Features() *fs.Features { return f.features }

func (f *Fs) path(remote string) string { return filepath.Join(f.root, filepath.FromSlash(remote)) }

// List names what is in one directory, without unfinished writes.
func (f *Fs) List(_ context.Context, dir string) (fs.DirEntries, error) {
	found, err := os.ReadDir(f.path(dir))
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, fs.ErrorDirNotFound
	}
	if err != nil {
		return nil, err
	}
	var entries fs.DirEntries
	for _, entry := range found {
		if strings.HasPrefix(entry.Name(), hiddenPrefix) {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, iofs.ErrNotExist) {
			continue // removed since
		}
		if err != nil {
			return nil, err
		}
		remote := path.Join(dir, entry.Name())
		if entry.IsDir() {
			entries = append(entries, fs.NewDir(remote, info.ModTime()))
		} else {
			entries = append(entries, &Object{f: f, remote: remote, size: info.Size(), modified: info.ModTime()})
		}
	}
	return entries, nil
}

// NewObject finds one object.
func (f *Fs) NewObject(_ context.Context, remote string) (fs.Object, error) { return f.stat(remote) }

func (f *Fs) stat(remote string) (*Object, error) {
	info, err := os.Stat(f.path(remote))
	if errors.Is(err, iofs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, fs.ErrorObjectNotFound
	}
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fs.ErrorIsDir
	}
	return &Object{f: f, remote: remote, size: info.Size(), modified: info.ModTime()}, nil
}

// Put writes an object whole or not at all; when it returns, the object is on disk.
func (f *Fs) Put(_ context.Context, in io.Reader, src fs.ObjectInfo, _ ...fs.OpenOption) (fs.Object, error) {
	if err := f.write(in, src.Remote(), src.Size()); err != nil {
		return nil, fmt.Errorf("write %q: %w", src.Remote(), err)
	}
	return f.stat(src.Remote())
}

func (f *Fs) write(in io.Reader, remote string, size int64) error {
	target := f.path(remote)
	file, err := f.temporary(filepath.Dir(target))
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // there is nothing to remove after the rename
	written, err := io.Copy(file, in)
	if err == nil && size >= 0 && written != size {
		err = fmt.Errorf("%d bytes came instead of %d", written, size)
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), target); err != nil {
		return err
	}
	// Whoever removed the object since then may have removed the directory with it.
	if err := syncDir(filepath.Dir(target)); !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	return nil
}

// makeTries bounds how often a directory is made again that another gateway takes away. Each time somebody else has got
// on, so a busy store needs a few and never this many.
const makeTries = 100

// temporary makes a file to write into. The directory may be removed by a gateway that empties it, right after it was
// made and even between its parents and itself, so making both is tried again.
func (f *Fs) temporary(dir string) (file *os.File, err error) {
	for range makeTries {
		if err = os.MkdirAll(dir, 0o700); err == nil {
			file, err = os.CreateTemp(dir, writePrefix+"-*")
		}
		if !errors.Is(err, iofs.ErrNotExist) {
			break
		}
	}
	return file, err
}

func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// Mkdir makes a directory.
func (f *Fs) Mkdir(_ context.Context, dir string) error { return os.MkdirAll(f.path(dir), 0o700) }

// Rmdir removes an empty directory.
func (f *Fs) Rmdir(_ context.Context, dir string) error {
	err := os.Remove(f.path(dir))
	if errors.Is(err, iofs.ErrNotExist) {
		return fs.ErrorDirNotFound
	}
	return err
}

// Lock keeps all other gateways on this folder from writing until it is released.
func (f *Fs) Lock(ctx context.Context) (release func(), err error) {
	if err := os.MkdirAll(f.root, 0o700); err != nil {
		return nil, fmt.Errorf("lock folder %q: %w", f.root, err)
	}
	file, err := os.OpenFile(f.path(lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock folder %q: %w", f.root, err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockLimit)
	defer cancel()
	for wait := 100 * time.Microsecond; ; wait = min(2*wait, 20*time.Millisecond) {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("lock folder %q: %w", f.root, err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("lock folder %q: another gateway holds it: %w", f.root, ctx.Err())
		case <-time.After(wait):
		}
	}
}

// Sweep removes writes that a killed gateway left unfinished, and says how many.
func (f *Fs) Sweep() (removed int, err error) {
	err = filepath.WalkDir(f.root, func(name string, entry iofs.DirEntry, err error) error {
		if errors.Is(err, iofs.ErrNotExist) {
			return nil
		}
		if err != nil || !strings.HasPrefix(entry.Name(), writePrefix) {
			return err
		}
		info, err := entry.Info()
		if err == nil && time.Since(info.ModTime()) > orphanAge {
			removed++
			err = os.Remove(name)
		}
		if errors.Is(err, iofs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return removed, fmt.Errorf("sweep folder %q: %w", f.root, err)
	}
	return removed, nil
}
