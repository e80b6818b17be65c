package history

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Names as Pulumi 3.259.0 writes them.
const (
	h1, c1 = ".pulumi/history/skep/lab/lab-1795321585839214953.history.json.gz", ".pulumi/history/skep/lab/lab-1795321585839214953.checkpoint.json.gz"
	h2, c2 = ".pulumi/history/skep/lab/lab-1795321586773373007.history.json.gz", ".pulumi/history/skep/lab/lab-1795321586773373007.checkpoint.json.gz"
	b1     = ".pulumi/backups/skep/lab/lab.1795321585840305184.json.gz"
	b2     = ".pulumi/backups/skep/lab/lab.1795321586774794117.json.gz"
	stack  = ".pulumi/stacks/skep/lab.json.gz"
	bak    = ".pulumi/stacks/skep/lab.json.gz.bak"
	lock   = ".pulumi/locks/organization/skep/lab/4b5d0a55-0000-0000-0000-000000000000.json"
)

func names(objects []object) (paths []string) {
	for _, o := range objects {
		paths = append(paths, o.path)
	}
	return paths
}

func TestParse(t *testing.T) {
	for name, want := range map[string]object{
		h1:                             {h1, kindHistory, "skep/lab", "1795321585839214953"},
		b1:                             {b1, kindBackup, "skep/lab", "1795321585840305184"},
		stack:                          {stack, kindCurrent, "skep/lab", ""},
		bak:                            {bak, kindBak, "skep/lab", ""},
		lock:                           {lock, kindLock, "skep/lab", ""},
		".pulumi/stacks/skep/lab.json": {".pulumi/stacks/skep/lab.json", kindCurrent, "skep/lab", ""},
		".pulumi/stacks/skep/lab.json.gz.1795321586774794117":               {".pulumi/stacks/skep/lab.json.gz.1795321586774794117", kindBackup, "skep/lab", "1795321586774794117"},
		".pulumi/stacks/skep/a.json-like.json.bak":                          {".pulumi/stacks/skep/a.json-like.json.bak", kindBak, "skep/a.json-like", ""},
		".pulumi/history/skep/x-1-2/x-1-2-1795321586773373007.history.json": {".pulumi/history/skep/x-1-2/x-1-2-1795321586773373007.history.json", kindHistory, "skep/x-1-2", "1795321586773373007"},
	} {
		if got, ok := parse(name); !ok || got != want {
			t.Errorf("parse(%q) = %+v, %v, want %+v", name, got, ok, want)
		}
	}
	for _, name := range []string{".pulumi/meta.yaml", ".pulumi/history/skep/lab/notes.txt", ".pulumi/stacks/skep/lab.txt", ".skep/store", "stacks/lab.json", ".pulumi/plugins/x.json"} {
		if got, ok := parse(name); ok {
			t.Errorf("parse(%q) = %+v, want nothing", name, got)
		}
	}
}

func TestSurplus(t *testing.T) {
	all := group([]string{h2, stack, c1, b1, bak, h1, lock, c2, b2})["skep/lab"]
	for keep, want := range map[int][]string{
		0: {h2, c1, h1, c2, b1, b2},
		1: {c1, h1, b1},
		2: nil,
		9: nil,
	} {
		if diff := cmp.Diff(want, names(surplus(all, keep))); diff != "" {
			t.Errorf("surplus beyond %d (-want +got):\n%s", keep, diff)
		}
	}
}

func TestRekeyed(t *testing.T) {
	all := group([]string{h1, c1, h2, c2, b1, b2, stack, bak, lock})["skep/lab"]
	salts := map[string]string{c1: "old", c2: "new", b1: "old", b2: "new", stack: "new", bak: "old"}
	if diff := cmp.Diff([]string{h1, c1, b1, bak}, names(rekeyed(all, salts))); diff != "" {
		t.Errorf("under the old passphrase (-want +got):\n%s", diff)
	}
	delete(salts, stack) // the stack was removed, or has no secrets: nothing says what is old
	if got := rekeyed(all, salts); got != nil {
		t.Errorf("without a present salt: %v, want nothing", names(got))
	}
}
