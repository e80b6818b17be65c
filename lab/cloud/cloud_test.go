package cloud_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/lab/cloud"
)

func TestStoreKeepsWhatIsPut(t *testing.T) {
	dir := t.TempDir()
	s := cloud.Open(filepath.Join(dir, "cloud"))
	want := cloud.Zone{ID: "z1", Name: "skep.test", AccountID: "a"}
	if err := s.Put(cloud.Zones, want.ID, want); err != nil {
		t.Fatal(err)
	}
	var got cloud.Zone
	if err := s.Get(cloud.Zones, "z1", &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	info, err := os.Stat(filepath.Join(dir, "cloud", "zone", "z1.json"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, want 0600", info.Mode().Perm())
	}
}

func TestStoreOfNothing(t *testing.T) {
	s := cloud.Open(filepath.Join(t.TempDir(), "never made"))
	var z cloud.Zone
	for _, id := range []string{"missing", "", "../lab", "a/b", ".lock"} {
		if err := s.Get(cloud.Zones, id, &z); !errors.Is(err, cloud.ErrNotFound) {
			t.Errorf("get %q: error is %v, want ErrNotFound", id, err)
		}
	}
	if err := s.Delete(cloud.Zones, "missing"); err != nil {
		t.Errorf("delete of a missing object: %v", err)
	}
	zones, err := cloud.List[cloud.Zone](s, cloud.Zones)
	if err != nil || len(zones) != 0 {
		t.Errorf("list is %v, %v; want nothing", zones, err)
	}
}

func TestListLeavesOutOtherFiles(t *testing.T) {
	dir := t.TempDir()
	s := cloud.Open(dir)
	for _, id := range []string{"b", "a"} {
		if err := s.Put(cloud.Zones, id, cloud.Zone{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{".new-123", ".hidden.json", "note.txt"} {
		if err := os.WriteFile(filepath.Join(dir, "zone", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	zones, err := cloud.List[cloud.Zone](s, cloud.Zones)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]cloud.Zone{{ID: "a"}, {ID: "b"}}, zones); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

func TestLockIsExclusive(t *testing.T) {
	s := cloud.Open(t.TempDir())
	if err := s.Put(cloud.Zones, "n", 0); err != nil {
		t.Fatal(err)
	}
	const writers = 8
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			unlock, err := s.Lock()
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			var n int
			if err := s.Get(cloud.Zones, "n", &n); err != nil {
				t.Error(err)
			}
			if err := s.Put(cloud.Zones, "n", n+1); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	var n int
	if err := s.Get(cloud.Zones, "n", &n); err != nil || n != writers {
		t.Errorf("count is %d, %v; want %d", n, err, writers)
	}
}

func TestIDs(t *testing.T) {
	for _, test := range []struct{ id, form string }{
		{cloud.NewUUID(), `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`},
		{cloud.NewHexID(), `^[0-9a-f]{32}$`},
		{cloud.NewNumber(), `^[45][0-9]{7}$`},
	} {
		if !regexp.MustCompile(test.form).MatchString(test.id) {
			t.Errorf("id %q has not the form %s", test.id, test.form)
		}
	}
}
