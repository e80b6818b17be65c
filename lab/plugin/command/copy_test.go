package command

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

var copyLines = []line{
	{54, "paths", testCopyPaths},
	{55, "same_content_other_host", testCopyOtherHost},
	{56, "what_changed", testCopyWhatChanged},
	{57, "delete_does_nothing", testCopyDelete},
	{58, "sizes_and_names", testCopySizesAndNames},
	{59, "disk_full", testCopyDiskFull},
}

// fileSource and folderSource are sources by path; the content gives the hash.
func fileSource(path, hash string) resource.PropertyValue {
	return resource.NewProperty(&resource.Asset{Sig: resource.AssetSig, Hash: hash, Path: path})
}

func folderSource(path, hash string) resource.PropertyValue {
	return resource.NewProperty(&resource.Archive{Sig: resource.ArchiveSig, Hash: hash, Path: path})
}

// tree writes files; a name that ends with a slash is a folder, a content
// that starts with "-> " a link.
func tree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		folder := filepath.Dir(path)
		if strings.HasSuffix(name, "/") {
			folder = path
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, link := strings.CutPrefix(content, "-> "); link {
			err = os.Symlink(target, path)
		} else if !strings.HasSuffix(name, "/") {
			err = os.WriteFile(path, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// read is the reverse of tree.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		switch {
		case entry.IsDir():
			if empty, _ := os.ReadDir(path); len(empty) == 0 {
				files[name+"/"] = ""
			}
		case entry.Type()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(path)
			files[name] = "-> " + target
		default:
			content, err := os.ReadFile(path)
			files[name] = string(content)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// copyCase is a copy to dest, in a folder that holds before.
type copyCase struct {
	name   string
	before map[string]string
	source resource.PropertyValue
	dest   string
	want   map[string]string
	fails  string
}

// copyCases are the rows of the table at putPath, and their edges.
func copyCases(t *testing.T) []copyCase {
	t.Helper()
	source := t.TempDir()
	tree(t, source, map[string]string{
		"file": "F", "box.tgz": "not unpacked", "folder/a": "A", "folder/sub/b": "B", "folder/none/": "",
		"folder/link": "-> a", "bad/link": "-> ../folder",
	})
	file, folder := fileSource(source+"/file", "1"), folderSource(source+"/folder", "2")
	content := folderSource(source+"/folder/", "2")
	inside := func(at string, more map[string]string) map[string]string {
		all := map[string]string{at + "a": "A", at + "sub/b": "B", at + "none/": "", at + "link": "A"}
		for name, text := range more {
			all[name] = text
		}
		return all
	}
	return []copyCase{
		{"file to a folder", map[string]string{"d/x": "X"}, file, "d", map[string]string{"d/x": "X", "d/file": "F"}, ""},
		{"file to nothing", nil, file, "p/q/new", map[string]string{"p/q/new": "F"}, ""},
		{"file to a file", map[string]string{"old": "much longer"}, file, "old", map[string]string{"old": "F"}, ""},
		{
			"file to a link", map[string]string{"real": "R", "link": "-> real"}, file, "link",
			map[string]string{"real": "F", "link": "-> real"}, "",
		},
		{"text to nothing", nil, textAsset(t, "T"), "t", map[string]string{"t": "T"}, ""},
		{"text to a folder", map[string]string{"d/": ""}, textAsset(t, "T"), "d", map[string]string{"d/": ""}, "is a folder"},
		{"folder to a folder", map[string]string{"d/x": "X"}, folder, "d", inside("d/folder/", map[string]string{"d/x": "X"}), ""},
		{"folder to nothing", nil, folder, "new", inside("new/folder/", nil), ""},
		{"folder to itself", map[string]string{"d/folder/a": "old"}, folder, "d", inside("d/folder/", nil), ""},
		{"folder to a file", map[string]string{"f": "X"}, folder, "f", map[string]string{"f": "X"}, "is not a folder"},
		{"folder over a file", map[string]string{"d/folder": "X"}, folder, "d", map[string]string{"d/folder": "X"}, "is not a folder"},
		{"content to a folder", map[string]string{"d/x": "X"}, content, "d", inside("d/", map[string]string{"d/x": "X"}), ""},
		{"content to nothing", nil, content, "new", inside("new/", nil), ""},
		{"packed archive", nil, folderSource(source+"/box.tgz", "3"), "x.tgz", map[string]string{"x.tgz": "not unpacked"}, ""},
		{"link to a folder", nil, folderSource(source+"/bad/", "4"), "d", map[string]string{"d/": ""}, "link to a folder"},
		{"missing source", nil, fileSource(source+"/nothing", "5"), "d", map[string]string{}, "read source"},
	}
}

func testCopyPaths(t *testing.T) {
	for _, tt := range copyCases(t) {
		t.Run(tt.name, func(t *testing.T) {
			r, f, dir := newRig(t, copyToRemoteToken), newFake(t, nil), t.TempDir()
			tree(t, dir, tt.before)
			_, err := r.create(props("connection", f.connection(), "source", tt.source, "remotePath", dir+"/"+tt.dest))
			if tt.fails == "" && err != nil {
				t.Errorf("create: %v", err)
			}
			if tt.fails != "" {
				wantError(t, err, tt.fails)
			}
			if diff := cmp.Diff(tt.want, read(t, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Decided: it is copied, with a warning that the official provider would not.
func testCopyOtherHost(t *testing.T) {
	r, one, two := newRig(t, copyToRemoteToken), newFake(t, nil), newFake(t, nil)
	path := filepath.Join(t.TempDir(), "x")
	inputs := props("connection", one.connection(), "source", textAsset(t, "x"), "remotePath", path)
	state := r.mustCreate(inputs)
	if _, err := r.update(state, with(inputs, "connection", two.connection()), false); err != nil {
		t.Fatal(err)
	}
	if n := two.accepted.Load(); n != 1 {
		t.Errorf("%d connections to the new host, want 1", n)
	}
	if warning := r.engine.log(pulumirpc.LogSeverity_WARNING); !strings.Contains(warning, "triggers") {
		t.Errorf("warnings %q", warning)
	}
	// A new key for the same host is no reason to copy.
	if _, err := r.update(state, with(inputs, "connection", with(one.connection(), "privateKey", "x")), false); err != nil {
		t.Error(err)
	}
}

func testCopyWhatChanged(t *testing.T) {
	r, f, dir := newRig(t, copyToRemoteToken), newFake(t, nil), t.TempDir()
	inputs := props("connection", f.connection(), "source", textAsset(t, "one"), "remotePath", dir+"/a")
	state := r.mustCreate(inputs)
	state, err := r.update(state, with(inputs, "triggers", []any{"t"}), false)
	if n := f.accepted.Load(); err != nil || n != 1 {
		t.Errorf("nothing to copy: %v, %d connections, want 1", err, n)
	}
	inputs = with(inputs, "source", textAsset(t, "two"))
	if _, err := r.update(state, inputs, true); err != nil || f.accepted.Load() != 1 {
		t.Errorf("preview: %v, %d connections, want 1", err, f.accepted.Load())
	}
	if state, err = r.update(state, inputs, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "two"}, read(t, dir)); diff != "" {
		t.Error(diff)
	}
	if _, err = r.update(state, with(inputs, "remotePath", dir+"/b"), false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "two", "b": "two"}, read(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func testCopyDelete(t *testing.T) {
	r, f, dir := newRig(t, copyToRemoteToken), newFake(t, nil), t.TempDir()
	state := r.mustCreate(props("connection", f.connection(), "source", textAsset(t, "x"), "remotePath", dir+"/x"))
	if err := r.delete(state); err != nil {
		t.Error(err)
	}
	if n := f.accepted.Load(); n != 1 {
		t.Errorf("%d connections, want the one of create", n)
	}
	if diff := cmp.Diff(map[string]string{"x": "x"}, read(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func testCopySizesAndNames(t *testing.T) {
	source := t.TempDir()
	tree(t, source, map[string]string{"empty": "", "with space": "1", `it's "quoted"`: "2", "grüße-日本": "3"})
	big, err := os.Create(filepath.Join(source, "big"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := big.WriteAt([]byte("end"), 100<<20-3); err != nil {
		t.Fatal(err)
	}
	if err := big.Close(); err != nil {
		t.Fatal(err)
	}
	connections := []resource.PropertyMap{newFake(t, nil).connection()}
	if sshd := findSSHD(t); sshd != nil {
		connections = []resource.PropertyMap{sshd.connection()}
	}
	for _, connection := range connections {
		dir := t.TempDir()
		newRig(t, copyToRemoteToken).mustCreate(
			props("connection", connection, "source", folderSource(source+"/", "1"), "remotePath", dir))
		if digest(t, source+"/big") != digest(t, dir+"/big") {
			t.Error("the 100 MiB file differs")
		}
		if err := os.Remove(dir + "/big"); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"empty": "", "with space": "1", `it's "quoted"`: "2", "grüße-日本": "3"}
		if diff := cmp.Diff(want, read(t, dir)); diff != "" {
			t.Error(diff)
		}
	}
	testModeStays(t, connections)
}

func digest(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// testModeStays checks that a file which is replaced keeps its mode.
func testModeStays(t *testing.T, connections []resource.PropertyMap) {
	for _, connection := range connections {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, nil, 0o640); err != nil {
			t.Fatal(err)
		}
		newRig(t, copyToRemoteToken).mustCreate(
			props("connection", connection, "source", textAsset(t, "x"), "remotePath", path))
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
			t.Errorf("mode %v, %v, want 0640", info.Mode(), err)
		}
	}
}
