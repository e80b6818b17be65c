package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stored lists the files of a folder with their times, to see that nothing was written.
func stored(t *testing.T, folder string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil && !strings.HasPrefix(entry.Name(), ".") {
			files = append(files, path+" "+info.ModTime().String())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestWrongKeyIsSaidInOneLine(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	conf := folderConf(t, folder)
	first := newHome(t, "--remote-conf", conf)
	mustRun(t, first, "start")
	before := stored(t, folder)
	stranger := newHome(t, "--remote-conf", conf)
	for _, args := range [][]string{{"start"}, {"env"}, {"check"}, {"prune", "--keep", "1"}} {
		mustFail(t, stranger, "", args, "the crypt key does not read this store", "scripts/state key import", folder)
	}
	if after := stored(t, folder); !slices.Equal(before, after) {
		t.Errorf("a gateway with a wrong key wrote: %v, then %v", before, after)
	}
}

func TestKeyImport(t *testing.T) {
	t.Parallel()
	conf := folderConf(t, t.TempDir())
	first := newHome(t, "--remote-conf", conf)
	mustRun(t, first, "start")
	bundle := mustRun(t, first, "key", "export")
	second := newHome(t, "--remote-conf", conf)
	for name, bad := range map[string]string{
		"nothing": "", "prose": "my key", "cut": bundle[:len(bundle)/2],
		"changed": strings.Replace(bundle, `"passphrase":"`, `"passphrase":"x`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			mustFail(t, second, bad, []string{"key", "import"}, "read the key from standard input")
		})
	}
	foreign := mustRun(t, newHome(t), "key", "export")
	mustFail(t, second, foreign, []string{"key", "import"}, "the crypt key does not read this store")
	if r := program(t, second, bundle, "key", "import"); r.code != 0 {
		t.Fatalf("import: %s", r.err)
	}
	mustRun(t, second, "start")
	if again := mustRun(t, second, "key", "export"); again != bundle {
		t.Error("the imported key is another one")
	}
	mustFail(t, second, bundle, []string{"key", "import"}, "its gateway runs", "scripts/state stop")
}

func TestImportKeepsWhatItReplaces(t *testing.T) {
	h := newHome(t)
	before, err := h.Passphrase()
	if err != nil {
		t.Fatal(err)
	}
	bundle := mustRun(t, newHome(t), "key", "export")
	if r := program(t, h, bundle, "key", "import"); r.code != 0 {
		t.Fatalf("import into a home whose store is empty: %s", r.err)
	}
	kept, err := filepath.Glob(h.Path("passphrase.*.old"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept %v, %v, want one file", kept, err)
	}
	if text, err := os.ReadFile(kept[0]); err != nil || strings.TrimSpace(string(text)) != before {
		t.Errorf("the kept passphrase is not the former one: %v", err)
	}
}

func TestVanishedStoreIsNoNewStore(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "disk")
	h := newHome(t, "--remote-conf", folderConf(t, folder))
	mustRun(t, h, "start")
	mustRun(t, h, "stop")
	if err := os.Rename(folder, folder+".unmounted"); err != nil {
		t.Fatal(err)
	}
	mustFail(t, h, "", []string{"start"}, "it is empty, but was not before", "mounted", "--empty-store")
	if err := os.Rename(folder+".unmounted", folder); err != nil {
		t.Fatal(err)
	}
	mustRun(t, h, "start")
}
