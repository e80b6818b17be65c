package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/hash"
)

// Object is one object as it was when it was looked at.
type Object struct {
	f        *Fs
	remote   string
	size     int64
	modified time.Time
}

// Fs is the folder of the object.
func (o *Object) Fs() fs.Info { return o.f }

func (o *Object) String() string { return o.remote }

// Remote is the object's name.
func (o *Object) Remote() string { return o.remote }

// ModTime is when the object was written.
func (o *Object) ModTime(context.Context) time.Time { return o.modified }

// Size of the object in bytes.
func (o *Object) Size() int64 { return o.size }

// Hash has none to offer.
func (o *Object) Hash(context.Context, hash.Type) (string, error) { return "", hash.ErrUnsupported }

// Storable is true for everything here.
func (o *Object) Storable() bool { return true }

// SetModTime is refused: the time is part of what tells versions apart.
func (o *Object) SetModTime(context.Context, time.Time) error { return fs.ErrorCantSetModTime }

// Open reads the object, or a part of it.
func (o *Object) Open(_ context.Context, options ...fs.OpenOption) (io.ReadCloser, error) {
	var offset, limit int64 = 0, -1
	for _, option := range options {
		switch option := option.(type) {
		case *fs.SeekOption:
			offset = option.Offset
		case *fs.RangeOption:
			offset, limit = option.Decode(o.size)
		}
	}
	file, err := os.Open(o.f.path(o.remote))
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, fs.ErrorObjectNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", o.remote, err)
	}
	if limit < 0 {
		limit = 1<<63 - 1 - offset
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(file, offset, limit), file}, nil
}

// Update replaces the object's content.
func (o *Object) Update(_ context.Context, in io.Reader, src fs.ObjectInfo, _ ...fs.OpenOption) error {
	if err := o.f.write(in, o.remote, src.Size()); err != nil {
		return fmt.Errorf("write %q: %w", o.remote, err)
	}
	now, err := o.f.stat(o.remote)
	if err == nil {
		*o = *now
	}
	return err
}

// Remove removes the object and the directories that are empty without it, as S3 knows no directories.
func (o *Object) Remove(context.Context) error {
	err := os.Remove(o.f.path(o.remote))
	if errors.Is(err, iofs.ErrNotExist) {
		return fs.ErrorObjectNotFound
	}
	if err != nil {
		return fmt.Errorf("remove %q: %w", o.remote, err)
	}
	dir := filepath.Dir(o.f.path(o.remote))
	if err := syncDir(dir); err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return fmt.Errorf("remove %q: %w", o.remote, err)
	}
	for ; dir != o.f.root && len(dir) > len(o.f.root); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			break // not empty
		}
	}
	return nil
}
