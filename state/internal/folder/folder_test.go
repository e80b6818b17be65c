package folder

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"
	"github.com/rclone/rclone/fs/object"
)

func newFolder(t *testing.T) *Fs {
	t.Helper()
	f, err := open(t.Context(), "test", "", configmap.Simple{"path": filepath.Join(t.TempDir(), "store")})
	if err != nil {
		t.Fatal(err)
	}
	return f.(*Fs)
}

func (f *Fs) mustPut(t *testing.T, remote, content string) {
	t.Helper()
	info := object.NewStaticObjectInfo(remote, time.Now(), int64(len(content)), true, nil, nil)
	if _, err := f.Put(t.Context(), strings.NewReader(content), info); err != nil {
		t.Fatal(err)
	}
}

func (f *Fs) content(t *testing.T, remote string, options ...fs.OpenOption) string {
	t.Helper()
	found, err := f.NewObject(t.Context(), remote)
	if err != nil {
		t.Fatal(err)
	}
	body, err := found.Open(t.Context(), options...)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRelativePathIsRefused(t *testing.T) {
	if _, err := open(t.Context(), "test", "", configmap.Simple{"path": "store"}); err == nil {
		t.Error("a relative path was taken")
	}
}

func TestPutReadRemove(t *testing.T) {
	f := newFolder(t)
	f.mustPut(t, "a/b/one", "0123456789")
	f.mustPut(t, "a/b/one", "abcdefghij!")
	if got := f.content(t, "a/b/one"); got != "abcdefghij!" {
		t.Errorf("content = %q", got)
	}
	if got := f.content(t, "a/b/one", &fs.RangeOption{Start: 2, End: 4}); got != "cde" {
		t.Errorf("range 2-4 = %q, want cde", got)
	}
	if got := f.content(t, "a/b/one", &fs.SeekOption{Offset: 8}); got != "ij!" {
		t.Errorf("from 8 on = %q, want ij!", got)
	}
	found, err := f.NewObject(t.Context(), "a/b/one")
	if err != nil {
		t.Fatal(err)
	}
	if err := found.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if entries, err := f.List(t.Context(), ""); err != nil || len(entries) != 0 {
		t.Errorf("after removing the only object: %v, %v, want nothing, not even directories", entries, err)
	}
	if err := found.Remove(t.Context()); !errors.Is(err, fs.ErrorObjectNotFound) {
		t.Errorf("removing it again: %v", err)
	}
	for _, missing := range []string{"none", "a/none"} {
		if _, err := f.NewObject(t.Context(), missing); !errors.Is(err, fs.ErrorObjectNotFound) {
			t.Errorf("NewObject(%q): %v", missing, err)
		}
	}
}

func TestFailedWriteLeavesTheOldObject(t *testing.T) {
	f := newFolder(t)
	f.mustPut(t, "one", "old")
	for name, in := range map[string]io.Reader{
		"broken": io.MultiReader(strings.NewReader("ne"), brokenReader{}),
		"short":  strings.NewReader("ne"),
	} {
		info := object.NewStaticObjectInfo("one", time.Now(), 3, true, nil, nil)
		if _, err := f.Put(t.Context(), in, info); err == nil {
			t.Errorf("%s: the write was taken", name)
		}
		if got := f.content(t, "one"); got != "old" {
			t.Errorf("%s: content = %q, want old", name, got)
		}
	}
	if files, err := os.ReadDir(f.root); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestPutsAndRemovesAtOnce(t *testing.T) {
	f := newFolder(t)
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for range 200 {
				info := object.NewStaticObjectInfo("dir/sub/one", time.Now(), 1, true, nil, nil)
				found, err := f.Put(context.Background(), strings.NewReader("x"), info)
				// Another goroutine may have removed it before Put looks at it.
				if err != nil && !errors.Is(err, fs.ErrorObjectNotFound) {
					t.Error(err)
					return
				}
				if err == nil {
					found.Remove(context.Background())
				}
			}
		})
	}
	done.Wait()
}

func TestSweepRemovesOldUnfinishedWritesOnly(t *testing.T) {
	f := newFolder(t)
	f.mustPut(t, "dir/one", "x")
	old, fresh := f.path("dir/"+writePrefix+"-old"), f.path("dir/"+writePrefix+"-fresh")
	for _, name := range []string{old, fresh} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * orphanAge)
	for _, name := range []string{old, f.path("dir/one")} {
		if err := os.Chtimes(name, past, past); err != nil {
			t.Fatal(err)
		}
	}
	if removed, err := f.Sweep(); err != nil || removed != 1 {
		t.Errorf("Sweep = %d, %v, want 1", removed, err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("the old unfinished write is still there")
	}
	if entries, err := f.List(t.Context(), "dir"); err != nil || len(entries) != 1 {
		t.Errorf("List = %v, %v, want only the object", entries, err)
	}
}

func TestLockIsExclusiveAndBounded(t *testing.T) {
	f := newFolder(t)
	release, err := f.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Lock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second lock: %v, want to run out of time", err)
	}
	release()
	again, err := f.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again()
}
