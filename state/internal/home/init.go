package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// Options are the choices made when a home is made.
type Options struct {
	Port       int    // 0: keep the present one, or take a random free one
	RemoteConf []byte // rclone configuration with a section [store]; nil: keep what is there
	EmptyStore bool   // accept that a store which held objects is empty now
}

// firstContents are the files that a new home gets, in order. The key comes last: its presence is what makes the
// directory a home.
var firstContents = []struct {
	file string
	make func() ([]byte, error)
}{
	{portFile, func() ([]byte, error) {
		port, err := freePort()
		return []byte(strconv.Itoa(port) + "\n"), err
	}},
	{credentialsFile, newCredentials},
	{passphraseFile, func() ([]byte, error) { return []byte(random(32) + "\n"), nil }},
	{keyFile, func() ([]byte, error) { return newCryptKey().encode() }},
}

// Init makes the home or completes it. Keys that exist are never replaced: they are what reads the store.
func (h Home) Init(o Options) error {
	if err := os.MkdirAll(h.Dir, 0o700); err != nil {
		return fmt.Errorf("make state home %q: %w", h.Dir, err)
	}
	if err := os.Chmod(h.Dir, 0o700); err != nil {
		return fmt.Errorf("close state home %q to other users: %w", h.Dir, err)
	}
	if o.RemoteConf != nil || o.EmptyStore {
		if err := os.Remove(h.Path(seenFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget the former store: %w", err)
		}
	}
	if o.RemoteConf != nil {
		if err := h.write(remoteFile, o.RemoteConf); err != nil {
			return err
		}
	}
	if o.Port != 0 {
		if err := h.write(portFile, fmt.Appendln(nil, o.Port)); err != nil {
			return err
		}
	}
	for _, step := range firstContents {
		if _, err := os.Stat(h.Path(step.file)); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		content, err := step.make()
		if err != nil {
			return err
		}
		if err := h.write(step.file, content); err != nil {
			return err
		}
	}
	return h.Check()
}
