package host

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"skep/internal/keys"
	"skep/internal/toolbox"
)

func TestShellWords(t *testing.T) {
	words := []string{"bash", "a b", "it's", "", "$HOME", "--x=1/2", "semi;colon"}
	out, err := exec.Command("sh", "-c", "printf '%s\n' "+shellWords(words)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); strings.Join(got, "|") != strings.Join(words, "|") {
		t.Errorf("a shell reads %q, want %q", got, words)
	}
}

// The archive is unpacked by a real shell with the line that hosts get.
func TestToolboxUnpacksOnce(t *testing.T) {
	dir := t.TempDir()
	box := Toolbox{
		{Name: "b", Text: "#!/bin/bash\n# comment\n. \"${0%.sh}-more.sh\"\necho b \\n $1\n", Parts: []Script{{Name: "more", Text: "# comment\nprintf more\n"}}},
		{Name: "a", Text: "#!/bin/bash\n\ttab\n"},
	}
	here := func(text string) string { return strings.ReplaceAll(text, ToolboxDir, dir) }
	archive := func(files string) string {
		t.Helper()
		// As Archive does, with paths that a test may write to.
		whole, err := box.Archive(here(files))
		if err != nil {
			t.Fatal(err)
		}
		plain, packed, _ := strings.Cut(whole, packedMark)
		unpack := exec.Command("sh", "-c", "base64 -d | gzip -d")
		unpack.Stdin = strings.NewReader(packed)
		text, err := unpack.Output()
		if err != nil {
			t.Fatal(err)
		}
		if packed, err = toolbox.Pack(here(string(text))); err != nil {
			t.Fatal(err)
		}
		return plain + packedMark + packed
	}
	for range 2 {
		cmd := exec.Command("bash", "-c", here(installLine("bash "+box[0].Path()+" x")))
		cmd.Stdin = strings.NewReader(archive(toolbox.File(ToolboxDir+"/rules", "one\n# two\n")))
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != "moreb n x\n" {
			t.Fatalf("unpack and run: %v: %q", err, out)
		}
	}
	for _, s := range append(box, prelude) {
		path := here(s.Path())
		if s.Name == "prelude" {
			path = filepath.Join(dir, "prelude.sh")
		}
		text, err := os.ReadFile(path)
		if err != nil || string(text) != s.lean() {
			t.Errorf("%s arrived as %q (%v)", s.Name, text, err)
		}
		if info, err := os.Stat(path); err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", s.Name, info.Mode().Perm())
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "rules")); err != nil || string(text) != "one\n# two\n" {
		t.Errorf("data arrived as %q (%v)", text, err)
	}
	if all, _ := os.ReadDir(dir); len(all) != 5 {
		t.Errorf("something else is left: %v", all)
	}
	// What was cut off on its way replaces nothing, and runs nothing.
	whole := archive("")
	cmd := exec.Command("bash", "-c", here(installLine("echo run")))
	cmd.Stdin = strings.NewReader(whole[:len(whole)-40])
	if out, err := cmd.CombinedOutput(); err == nil || strings.Contains(string(out), "run") {
		t.Errorf("half an archive was taken: %s", out)
	}
}

func TestPathHoldsTheDigest(t *testing.T) {
	one, other := Script{Name: "mesh", Text: "a"}, Script{Name: "mesh", Text: "b"}
	if one.Path() == other.Path() {
		t.Error("two texts share a path")
	}
	other.Text, other.Parts = "a", []Script{{Name: "more", Text: "c"}}
	if one.Path() == other.Path() {
		t.Error("a script with another part has the same path")
	}
}

func TestBaseOptions(t *testing.T) {
	args := &Args{
		Docker: netip.MustParsePrefix("10.92.0.0/16"), MTU: 1420, Upgrades: Upgrades{At: "02:20", Reboot: true},
		Admins: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
	}
	args.Firewall.MeshPort = 51821
	h := &Host{User: "keeper", Port: 2222}
	line := strings.Join(h.baseOptions(args), " ")
	for _, want := range []string{"--docker-pool 10.92.0.0/16", "--bridge-mtu 1420", "--maintenance 02:20", "--reboot yes", "--admins 192.0.2.0/24,2001:db8::/32", "--login keeper", "--ssh-port 2222", "--mesh-port 51821"} {
		if !strings.Contains(line, want) {
			t.Errorf("options lack %q: %s", want, line)
		}
	}
	at := 0
	for _, part := range baseParts {
		next := strings.Index(line, "--part "+part.Path())
		if next <= at {
			t.Errorf("%s is missing or out of order: %s", part.Name, line)
		}
		at = next
	}
	// The host keys and accounts of a machine that exists are its owner's.
	if strings.Contains(line, "--drop-host-key") || strings.Contains(line, "--admin ") || strings.Contains(line, "--engine-version") {
		t.Errorf("options that nobody asked for: %s", line)
	}
	args.Droplet, args.EngineVersion, args.Upgrades.Reboot = &DropletArgs{}, "28.3", false
	line = strings.Join(h.baseOptions(args), " ")
	for _, want := range []string{"--drop-host-key /etc/ssh/ssh_host_ecdsa_key", "--admin skep", "--engine-version 28.3", "--reboot no"} {
		if !strings.Contains(line, want) {
			t.Errorf("options lack %q: %s", want, line)
		}
	}
}

func TestVPCRangesOfRegionsAreApart(t *testing.T) {
	whole := netip.MustParsePrefix("10.93.0.0/20")
	seen := map[netip.Prefix]string{}
	for _, region := range regions {
		part, err := VPCRange(whole, region)
		if err != nil {
			t.Fatal(err)
		}
		if twin, taken := seen[part]; taken || !whole.Overlaps(part) {
			t.Errorf("%s gets %s, which is taken by %q or outside", region, part, twin)
		}
		seen[part] = region
	}
	if got, _ := VPCRange(whole, "fra1"); got.String() != "10.93.10.0/24" {
		t.Errorf("fra1 has moved to %s: every droplet there would be replaced", got)
	}
}

func TestCloudConfig(t *testing.T) {
	key, err := keys.Seed(strings.Repeat("x", keys.SeedLen)).BootstrapHostKey("a")
	if err != nil {
		t.Fatal(err)
	}
	text, err := cloudConfig(key, "ssh-ed25519 AAAA")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		DisableRoot bool `yaml:"disable_root"`
		Passwords   bool `yaml:"ssh_pwauth"`
		Users       []struct {
			Name, Sudo, Shell string
			LockPasswd        bool     `yaml:"lock_passwd"`
			Keys              []string `yaml:"ssh_authorized_keys"`
		}
		HostKeys map[string]string `yaml:"ssh_keys"`
	}
	if err := yaml.Unmarshal([]byte(text), &got); err != nil || !strings.HasPrefix(text, "#cloud-config\n") {
		t.Fatalf("user data is not what cloud-init reads (%v):\n%s", err, text)
	}
	if got.HostKeys["ecdsa_private"] != key.Private || got.HostKeys["ecdsa_public"] != key.Public {
		t.Errorf("the host key does not arrive intact: %q", got.HostKeys)
	}
	if !got.DisableRoot || got.Passwords || len(got.Users) != 1 {
		t.Fatalf("others than one admin may log in: %+v", got)
	}
	admin := got.Users[0]
	if admin.Name != AdminUser || !admin.LockPasswd || admin.Shell != "/bin/bash" || len(admin.Keys) != 1 || admin.Keys[0] != "ssh-ed25519 AAAA" {
		t.Errorf("the admin is %+v", admin)
	}
}

func TestEnrolledKeyTakesOneKeyOnly(t *testing.T) {
	if got, err := enrolledKey("ssh-ed25519 AAAA\n"); err != nil || got != "ssh-ed25519 AAAA" {
		t.Errorf("enrolledKey = %q, %v", got, err)
	}
	for _, bad := range []string{"", "ssh-rsa AAAA", "ssh-ed25519 A\nssh-ed25519 B", "Welcome!"} {
		if got, err := enrolledKey(bad); err == nil {
			t.Errorf("enrolledKey(%q) = %q", bad, got)
		}
	}
}
