package importer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"skep/internal/compose"
	"skep/internal/golden"
)

var beside = fstest.MapFS{
	"init.sql": {Data: []byte("create database wiki;\n")},
	"app.env":  {Data: []byte("# theirs\nLOG_LEVEL=info\nPRICE='5$'\nSESSION_SECRET=hunter2\nDB=postgres://wiki:hunter2@db/wiki\n")},
	".env":     {Data: []byte("HOST=wiki.example\nDB_PASSWORD=hunter2\nBROKER=amqp://wiki:hunter2@mq/\n")},
	"tls.key":  {Data: []byte("-----BEGIN EC PRIVATE KEY-----\nhunter2\n")},
}

func importWiki(t *testing.T, digest func(string) (string, error)) *Result {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "wiki.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	result, err := Import(Source{Path: "wiki.yaml", Content: content, Folder: beside, Stack: "wiki", Digest: digest})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestImport(t *testing.T) {
	result := importWiki(t, func(image string) (string, error) {
		if strings.Contains(image, "postgres") {
			return "sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab", nil
		}
		return "", errors.New("the registry does not answer")
	})
	got := string(result.Files[compose.FileName])
	golden.Compare(t, filepath.Join("testdata", "wiki.imported.yaml"), got)
	if string(result.Files["init.sql"]) != "create database wiki;\n" {
		t.Errorf("files are %v", result.Files)
	}
	for _, comment := range []string{"# The database keeps everything.", "# the only data", "# It needs this one for its thumbnails."} {
		if !strings.Contains(got, comment) {
			t.Errorf("the author's %q is lost", comment)
		}
	}
	for name, content := range result.Files {
		if strings.Contains(string(content), "hunter2") {
			t.Errorf("what was in .env, in an env_file or a private key stands in plain text in %s", name)
		}
	}
}

// What is marked is what the program would fault, no more and no less.
func TestImportMarksEveryFault(t *testing.T) {
	result := importWiki(t, nil)
	text := result.Files[compose.FileName]
	folder := fstest.MapFS{}
	for name, content := range result.Files {
		folder[name] = &fstest.MapFile{Data: content}
	}
	file, err := compose.Parse("c.yaml", "wiki", folder, text, map[string]string{"DB_PASSWORD": stand, "BROKER": stand, "DB": stand, "SESSION_SECRET": stand, "HOST": "h"})
	if err == nil {
		_, err = compose.Check([]*compose.File{file}, compose.World{Secrets: []string{"session"}})
	}
	faults := compose.Faults(err)
	if len(faults) < 8 {
		t.Fatalf("only %d faults; the test would prove little", len(faults))
	}
	for _, fault := range faults {
		if !strings.Contains(string(text), "# TODO(skep): "+fault.What) {
			t.Errorf("not marked: %v", fault)
		}
	}
}

func TestImportTwiceIsTheSame(t *testing.T) {
	first := importWiki(t, nil)
	for range 10 {
		if diff := cmp.Diff(first, importWiki(t, nil)); diff != "" {
			t.Fatalf("a second import differs:\n%s", diff)
		}
	}
}

func TestImportFaults(t *testing.T) {
	for content, want := range map[string]string{
		"":                          "no compose file",
		"- a":                       "no compose file",
		"services:\n\ta: {}":        "line 2",
		"services: {a: {image: 3}}": "TODO(skep)",
	} {
		result, err := Import(Source{Path: "c.yaml", Content: []byte(content), Stack: "s"})
		if err == nil {
			err = errors.New(string(result.Files[compose.FileName]))
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v does not hold %q", content, err, want)
		}
	}
}

func FuzzImport(f *testing.F) {
	content, err := os.ReadFile(filepath.Join("testdata", "wiki.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte("services: {a: {image: x, restart: always, environment: [A=b]}}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		_, _ = Import(Source{Path: "c.yaml", Content: content, Folder: beside, Stack: "s"})
	})
}
