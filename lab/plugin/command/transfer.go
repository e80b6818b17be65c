package command

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pkg/sftp"
)

// transfer writes files on a host. A file gets its content in one step, so
// that neither a reader nor a full disk ever leaves half of one: the content
// goes to a new file beside it, which then takes its name.
type transfer struct {
	files *sftp.Client
}

// putText writes a text to the file dest.
func (t transfer) putText(text, dest string) error {
	info, err := t.stat(dest)
	if err != nil {
		return err
	}
	if info != nil && info.IsDir() {
		return fmt.Errorf("%q is a folder on the host: a text needs the path of a file", dest)
	}
	return t.write(strings.NewReader(text), dest)
}

// putPath copies a file or folder. What it is called on the host depends on
// what is there:
//
//	source   dest is a folder   dest is missing    dest is a file
//	file     dest/file          dest               dest, overwritten
//	folder   dest/folder        dest/folder        error
//	folder/  content in dest    content in dest    error
func (t transfer) putPath(source, dest string) error {
	local, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	remote, err := t.stat(dest)
	if err != nil {
		return err
	}
	if local.IsDir() {
		if remote != nil && !remote.IsDir() {
			return fmt.Errorf("%q exists on the host but is not a folder", dest)
		}
		if !strings.HasSuffix(source, "/") {
			dest = path.Join(dest, filepath.Base(source))
		}
		return t.putFolder(source, dest)
	}
	if remote != nil && remote.IsDir() {
		dest = path.Join(dest, filepath.Base(source))
	}
	return t.putFile(source, dest)
}

// putFolder copies the content of a folder into the folder dest.
func (t transfer) putFolder(source, dest string) error {
	return fs.WalkDir(os.DirFS(source), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read source: %w", err)
		}
		to := path.Join(dest, name)
		if !entry.IsDir() {
			return t.putFile(filepath.Join(source, name), to)
		}
		info, err := t.stat(to)
		if err != nil {
			return err
		}
		if info != nil && !info.IsDir() {
			return fmt.Errorf("%q exists on the host but is not a folder", to)
		}
		if err := t.files.MkdirAll(to); err != nil {
			return fmt.Errorf("make folder %q: %w", to, err)
		}
		return nil
	})
}

func (t transfer) putFile(source, dest string) error {
	file, err := os.Open(source)
	if err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	if info.IsDir() {
		return fmt.Errorf("copy %q: it is a link to a folder: only links to files are followed", source)
	}
	return t.write(file, dest)
}

// stat gives nil for a path that is not there.
func (t transfer) stat(name string) (fs.FileInfo, error) {
	info, err := t.files.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up %q: %w", name, err)
	}
	return info, nil
}

// write gives the file dest its content. Links are followed and the mode and
// owner of an existing file stay. A file that cannot be replaced, because it
// is a device or because its folder is not writable, is written in place.
func (t transfer) write(content io.ReadSeeker, dest string) error {
	if err := t.files.MkdirAll(path.Dir(dest)); err != nil {
		return fmt.Errorf("make folder %q: %w", path.Dir(dest), err)
	}
	old, err := t.stat(dest)
	if err != nil {
		return err
	}
	if old != nil {
		given := dest
		if dest, err = t.files.RealPath(given); err != nil {
			return fmt.Errorf("look up %q: %w", given, err)
		}
		// Not every server resolves links in a real path.
		link, err := t.files.Lstat(dest)
		if err != nil {
			return fmt.Errorf("look up %q: %w", dest, err)
		}
		if !link.Mode().IsRegular() {
			return t.overwrite(content, dest)
		}
	}
	err = t.replace(content, dest, old)
	var refused *refusedError
	if errors.As(err, &refused) {
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read source: %w", err)
		}
		return t.overwrite(content, dest)
	}
	return err
}

// refusedError says that a file could not be put beside the old one.
type refusedError struct{ error }

// replace writes a new file and renames it over the old one.
func (t transfer) replace(content io.Reader, dest string, old fs.FileInfo) (err error) {
	suffix := make([]byte, 6)
	_, _ = rand.Read(suffix) // it never fails
	temp := path.Join(path.Dir(dest), ".skep-"+hex.EncodeToString(suffix))
	file, err := t.files.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if errors.Is(err, os.ErrPermission) {
		return &refusedError{err}
	}
	if err != nil {
		return fmt.Errorf("make file %q: %w", temp, err)
	}
	defer func() {
		if err != nil {
			// The error that is reported came first; a connection that is gone
			// leaves the file behind.
			_ = t.files.Remove(temp)
		}
	}()
	if old != nil {
		if err := t.inherit(temp, old); err != nil {
			_ = file.Close()
			return &refusedError{err}
		}
	}
	if _, err := file.ReadFrom(content); err != nil {
		_ = file.Close()
		return fmt.Errorf("write %q: %w", dest, err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("write %q: %w", dest, err)
	}
	if err := t.files.PosixRename(temp, dest); err != nil {
		return &refusedError{err}
	}
	return nil
}

// inherit gives a new file the owner and mode of the one it replaces, before
// it has any content.
func (t transfer) inherit(temp string, old fs.FileInfo) error {
	want, ok := old.Sys().(*sftp.FileStat)
	if !ok {
		return errors.New("the host does not tell the owner of the file")
	}
	made, err := t.files.Stat(temp)
	if err != nil {
		return err
	}
	if got, ok := made.Sys().(*sftp.FileStat); !ok || got.UID != want.UID || got.GID != want.GID {
		if err := t.files.Chown(temp, int(want.UID), int(want.GID)); err != nil {
			return err
		}
	}
	return t.files.Chmod(temp, old.Mode().Perm())
}

// overwrite cuts a file to nothing and writes it anew.
func (t transfer) overwrite(content io.Reader, dest string) error {
	file, err := t.files.OpenFile(dest, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return fmt.Errorf("open %q: %w", dest, err)
	}
	if _, err := file.ReadFrom(content); err != nil {
		_ = file.Close()
		return fmt.Errorf("write %q: %w", dest, err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("write %q: %w", dest, err)
	}
	return nil
}
