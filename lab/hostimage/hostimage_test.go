package hostimage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMirrorLines(t *testing.T) {
	const stanzas = `# a comment
Types: deb
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main contrib

Types: deb
URIs: https://other.example/node
Suites: nodistro
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: sid
Components: main
`
	const lines = `# deb http://commented.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb [arch=amd64 signed-by=/x] http://mirror.example/debian bookworm main contrib
deb http://security.example/debian-security bookworm-security main
`
	want := []string{
		"deb http://mirror.example/debian trixie main",
		"deb http://mirror.example/debian trixie-updates main",
		"deb http://mirror.example/debian-security trixie-security main",
	}
	if diff := cmp.Diff(want, usual.mirrorLines(stanzaArchives(stanzas))); diff != "" {
		t.Errorf("stanzas (-want +got)\n%s", diff)
	}
	want[2] = "deb http://security.example/debian-security trixie-security main"
	if diff := cmp.Diff(want, usual.mirrorLines(oneLineArchives(lines))); diff != "" {
		t.Errorf("lines (-want +got)\n%s", diff)
	}
	const ubuntu = "deb http://archive.example/ubuntu noble main\n"
	if got := usual.mirrorLines(oneLineArchives(ubuntu)); got != nil {
		t.Errorf("on another distribution: %q", got)
	}
}

func TestProxyOptions(t *testing.T) {
	const dump = `APT "";
Acquire::http "";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::Proxy "";
Acquire::http::Proxy::mirror.example "DIRECT";
Acquire::http::Timeout "30";
`
	want := []string{
		`Acquire::http::Proxy "http://proxy.example:3128";`,
		`Acquire::http::Proxy::mirror.example "DIRECT";`,
	}
	if diff := cmp.Diff(want, proxyOptions(dump)); diff != "" {
		t.Errorf("options (-want +got)\n%s", diff)
	}
}

func TestBootstrapArgs(t *testing.T) {
	got := usual.tree().bootstrapArgs("/w", []string{"deb http://m/debian trixie main"}, []string{`Acquire::http::Proxy "p";`})
	want := []string{
		`--aptopt=Acquire::http::Proxy "p";`,
		"--customize-hook=sync-in /w/files /", "--customize-hook=/w/customize",
		"trixie", "/w/root.tar", "deb http://m/debian trixie main",
	}
	if diff := cmp.Diff(want, got[len(got)-len(want):]); diff != "" {
		t.Errorf("end of arguments (-want +got)\n%s", diff)
	}
	if got[0] != "--variant=minbase" || !strings.Contains(got[1], ",docker.io,") {
		t.Errorf("begin of arguments: %q", got[:2])
	}
}

func TestImageOfSlug(t *testing.T) {
	names := map[string]string{}
	for slug, suite := range map[string]string{"": "trixie", "debian-13-x64": "trixie", "debian-12-x64": "bookworm", "debian-12-arm64": "bookworm"} {
		image, err := For(slug)
		if err != nil || image.suite != suite {
			t.Errorf("For(%q) = %q, %v, want %q", slug, image.suite, err, suite)
		}
		names[suite] = image.Name()
	}
	if names["trixie"] == names["bookworm"] {
		t.Error("two releases share an image")
	}
	if _, err := For("ubuntu-24-04-x64"); err == nil {
		t.Error("a release that the lab has not got boots as another")
	}
	old, _ := For("debian-12-x64")
	if args := strings.Join(old.tree().bootstrapArgs("/w", nil, nil), " "); strings.Contains(args, "docker-cli") || !strings.Contains(args, " bookworm ") {
		t.Errorf("arguments for Debian 12: %s", args)
	}
}

func TestUnpackKeepsScripts(t *testing.T) {
	dir := t.TempDir()
	if err := unpack(dir); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{
		"customize":                   0o755,
		"files/usr/lib/skep-lab/init": 0o755,
		"files/etc/cloud/cloud.cfg.d/99-skep-lab.cfg": 0o644,
	} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info, err, want)
		}
	}
}

func TestPrune(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	for name, age := range map[string]time.Duration{"host-new.tar": time.Hour, "host-old.tar": 2 * keep, "other.tar": 2 * keep} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if err := prune(dir, now); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{filepath.Join(dir, "host-new.tar"), filepath.Join(dir, "other.tar")}, left); diff != "" {
		t.Errorf("left (-want +got)\n%s", diff)
	}
}
