// Package cloud stores the objects of the played cloud: one JSON file each,
// in <directory>/<kind>/<id>.json. The provider plugins write them, the lab's
// DNS server and `lab ls` read them, and removing the directory removes the
// cloud.
package cloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"skep/lab/instance"
)

// ErrNotFound is returned for an object that does not exist (any more).
var ErrNotFound = errors.New("not found")

// Kind is the directory of one sort of object.
type Kind string

// The kinds of objects. Machines are not among them: containers and their
// labels are the memory of those.
const (
	SSHKeys     Kind = "ssh-key"
	VPCs        Kind = "vpc"
	Firewalls   Kind = "firewall"
	Tags        Kind = "tag"
	Volumes     Kind = "volume"
	ReservedIPs Kind = "reserved-ip"
	Projects    Kind = "project"
	Records     Kind = "record"
	Zones       Kind = "zone"
	// What zones and accounts have beside records.
	OriginCertificates Kind = "origin-certificate"
	PullCertificates   Kind = "origin-pull-certificate"
	Pulls              Kind = "origin-pull"
	DNSSEC             Kind = "dnssec"
	ZoneSettings       Kind = "zone-settings"
	Tunnels            Kind = "tunnel"
)

const extension = ".json"

// Store is the objects of one lab.
type Store struct {
	dir string
}

// Open returns the store in dir. The directory is made when something is put
// into it.
func Open(dir string) *Store { return &Store{dir: dir} }

// Lock keeps every other process out of what it guards until unlock is
// called: reading what exists and then creating something that depends on it.
func (s *Store) Lock() (unlock func(), err error) {
	return instance.Lock(filepath.Join(s.dir, ".lock"))
}

// Put stores an object in place of an earlier one with the same id. A reader
// sees the old object or the new one, never a part.
func (s *Store) Put(kind Kind, id string, object any) error {
	path, err := s.path(kind, id)
	if err != nil {
		return fmt.Errorf("store %s %q: %w", kind, id, err)
	}
	text, err := json.MarshalIndent(object, "", "  ")
	if err != nil {
		return fmt.Errorf("store %s %q: %w", kind, id, err)
	}
	return instance.WriteFile(path, append(text, '\n'), 0o600)
}

// Get reads one object. The error of an object that does not exist is
// ErrNotFound.
func (s *Store) Get(kind Kind, id string, object any) error {
	path, err := s.path(kind, id)
	if err != nil {
		return fmt.Errorf("read %s %q: %w", kind, id, err)
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s %q: %w", kind, id, ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("read %s %q: %w", kind, id, err)
	}
	if err := json.Unmarshal(text, object); err != nil {
		return fmt.Errorf("read %s %q: %w", kind, id, err)
	}
	return nil
}

// Delete removes an object. One that does not exist is already removed.
func (s *Store) Delete(kind Kind, id string) error {
	path, err := s.path(kind, id)
	if err != nil {
		return fmt.Errorf("delete %s %q: %w", kind, id, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %s %q: %w", kind, id, err)
	}
	return nil
}

// IDs lists the objects of a kind in the order of their ids.
func (s *Store) IDs(kind Kind) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, string(kind)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", kind, err)
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), extension); ok && !strings.HasPrefix(id, ".") {
			ids = append(ids, id)
		}
	}
	sort.Strings(ids)
	return ids, nil
}

// List reads all objects of a kind in the order of their ids. Objects that
// vanish while it reads are left out.
func List[T any](s *Store, kind Kind) ([]T, error) {
	ids, err := s.IDs(kind)
	if err != nil {
		return nil, err
	}
	objects := make([]T, 0, len(ids))
	for _, id := range ids {
		var object T
		err := s.Get(kind, id, &object)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// path is where an object is stored. An id that is no plain file name belongs
// to nothing that was ever stored.
func (s *Store) path(kind Kind, id string) (string, error) {
	if id == "" || strings.HasPrefix(id, ".") || strings.ContainsAny(id, "/\\\x00") {
		return "", fmt.Errorf("use id: %w", ErrNotFound)
	}
	return filepath.Join(s.dir, string(kind), id+extension), nil
}
