package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	rclone "github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/object"

	"skep/state/internal/home"
)

// ErrWrongKey means that the store was written with another crypt key.
var ErrWrongKey = errors.New("the crypt key does not read this store")

// ErrVanished means that a store which held objects is empty now: an unmounted disk or a changed path, most likely.
var ErrVanished = errors.New("it is empty, but was not before: is its disk mounted and its path right? If it shall start empty, run scripts/state init --empty-store")

// canaryPath is an object that every store holds. Its encrypted name depends on the key, and its content is
// authenticated, so finding and reading it proves the key. Being inside the bucket, it also makes the bucket exist on
// remotes that keep no empty directories.
const (
	canaryPath = home.Bucket + "/.skep/store"
	canaryText = "skep state store, format 1\n"
)

// openTimeout bounds what start waits for a remote that does not answer.
const openTimeout = 40 * time.Second

// Store is the opened, decrypting view of the store and the raw view below it.
type Store struct {
	FS  rclone.Fs // names and contents in plain
	Raw rclone.Fs // as stored
}

// Open opens the store of this home under the given key and proves that the key is right before anything is written.
// A store that is still empty gets its canary.
func Open(ctx context.Context, h home.Home, key home.CryptKey) (*Store, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := Configure(h, key); err != nil {
		return nil, err
	}
	raw, err := rclone.NewFs(ctx, RemoteSection+":")
	if errors.Is(err, rclone.ErrorIsFile) {
		// The S3 backend says so, too, when the remote cannot be asked; asking again gives the reason.
		if _, reason := raw.List(ctx, ""); reason != nil {
			err = reason
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", Describe(h), err)
	}
	plain, err := rclone.NewFs(ctx, cryptSection+":")
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", Describe(h), err)
	}
	s := &Store{FS: plain, Raw: raw}
	if err := s.prove(ctx, h.StoreSeen()); err != nil {
		if errors.Is(err, ErrWrongKey) {
			return nil, fmt.Errorf("open store %q: %w (fingerprint %s): import the right one with scripts/state key import", Describe(h), err, key.Fingerprint())
		}
		return nil, fmt.Errorf("open store %q: %w", Describe(h), err)
	}
	return s, h.MarkStoreSeen()
}

// prove reads the canary, or writes it into a store that is empty and was never seen otherwise.
func (s *Store) prove(ctx context.Context, seen bool) error {
	found, err := s.readCanary(ctx)
	if found || err != nil {
		return err
	}
	empty, err := s.empty(ctx)
	if err != nil {
		return err
	}
	if !empty {
		return ErrWrongKey
	}
	if seen {
		return ErrVanished
	}
	if err := s.writeCanary(ctx); err != nil {
		return err
	}
	// Two operators may fill an empty store at the same moment with different keys: one of them must notice.
	entries, err := s.list(ctx)
	if err == nil && len(entries) > 1 {
		return ErrWrongKey
	}
	return err
}

func (s *Store) readCanary(ctx context.Context) (bool, error) {
	canary, err := s.FS.NewObject(ctx, canaryPath)
	if errors.Is(err, rclone.ErrorObjectNotFound) || errors.Is(err, rclone.ErrorDirNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	reader, err := canary.Open(ctx)
	if err != nil {
		return false, ErrWrongKey
	}
	text, err := io.ReadAll(io.LimitReader(reader, 1<<10))
	if errors.Join(err, reader.Close()) != nil || string(text) != canaryText {
		return false, ErrWrongKey
	}
	return true, nil
}

func (s *Store) writeCanary(ctx context.Context) error {
	info := object.NewStaticObjectInfo(canaryPath, time.Now(), int64(len(canaryText)), true, nil, nil)
	if _, err := s.FS.Put(ctx, strings.NewReader(canaryText), info); err != nil {
		return fmt.Errorf("write into the empty store: %w", err)
	}
	return nil
}

func (s *Store) empty(ctx context.Context) (bool, error) {
	entries, err := s.list(ctx)
	return len(entries) == 0, err
}

// list is the top level of the store as it is stored.
func (s *Store) list(ctx context.Context) (rclone.DirEntries, error) {
	entries, err := s.Raw.List(ctx, "")
	if errors.Is(err, rclone.ErrorDirNotFound) {
		return nil, nil
	}
	return entries, err
}
