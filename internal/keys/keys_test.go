package keys

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func testSeed(b byte) Seed { return Seed(strings.Repeat(string(rune('a'+b)), SeedLen)) }

// The derivations are pinned: a change would re-key every cluster in use.
func TestDerivationsStayTheSame(t *testing.T) {
	s := testSeed(7)
	for _, c := range []struct{ name, got, want string }{
		{"wireguard", s.WireGuard("node-1", 0).Base64(), "cC0VmOKVlJje3yCq1zR7IPJm3MkyPMIsYheveyvKmV8="},
		{"preshared", s.PreSharedKey("a", "b", 0).Base64(), "t3a3wa+Bv/+U82kv3gwooPJq1pIeXcl8edccUyQ0CAs="},
	} {
		if c.got != c.want {
			t.Errorf("%s = %s, want %s", c.name, c.got, c.want)
		}
	}
}

func TestPurposesDoNotShareKeys(t *testing.T) {
	s, other := testSeed(1), testSeed(2)
	seen := map[WireGuardKey]string{}
	for name, key := range map[string]WireGuardKey{
		"host a":         s.WireGuard("a", 0),
		"host b":         s.WireGuard("b", 0),
		"host a epoch 1": s.WireGuard("a", 1),
		"pair a b":       s.PreSharedKey("a", "b", 0),
		"pair a c":       s.PreSharedKey("a", "c", 0),
		"pair epoch 1":   s.PreSharedKey("a", "b", 1),
		"other seed":     other.WireGuard("a", 0),
	} {
		if twin, ok := seen[key]; ok {
			t.Errorf("%s and %s have the same key", name, twin)
		}
		seen[key] = name
	}
	if s.PreSharedKey("a", "b", 3) != s.PreSharedKey("b", "a", 3) {
		t.Error("the two ends of a pair derive different pre-shared keys")
	}
}

func TestWireGuardKeyHidesItself(t *testing.T) {
	key := testSeed(3).WireGuard("a", 0)
	for _, text := range []string{fmt.Sprint(key), fmt.Sprintf("%s %v", key, key)} {
		if strings.Contains(text, key.Base64()) {
			t.Errorf("formatting printed the key: %s", text)
		}
	}
}

func TestWireGuardPublicAgreesWithWg(t *testing.T) {
	wg, err := exec.LookPath("wg")
	if err != nil {
		t.Skip("wg is not installed; the lab's tests cover this on hosts")
	}
	key := testSeed(9).WireGuard("node-1", 0)
	cmd := exec.Command(wg, "pubkey")
	cmd.Stdin = strings.NewReader(key.Base64())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != key.Public().Base64() {
		t.Errorf("wg pubkey = %s, Public = %s", got, key.Public().Base64())
	}
}

func TestSSHKeysParseAndRepeat(t *testing.T) {
	s := testSeed(5)
	makers := map[string]func() (SSHKey, error){
		"bootstrap": func() (SSHKey, error) { return s.BootstrapHostKey("node-1") },
		"deploy":    s.DeployKey,
	}
	for name, derive := range makers {
		first, err := derive()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		second, err := derive()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if first != second {
			t.Errorf("%s: two derivations differ", name)
		}
		signer, err := ssh.ParsePrivateKey([]byte(first.Private))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := authorizedKey(signer.PublicKey()); got != first.Public {
			t.Errorf("%s: private key belongs to %s, Public says %s", name, got, first.Public)
		}
	}
}

// OpenSSH is stricter about the private key's form than x/crypto.
func TestSSHKeysReadByOpenSSH(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not installed; the lab's tests cover this on hosts")
	}
	s := testSeed(5)
	deploy, _ := s.DeployKey()
	bootstrap, _ := s.BootstrapHostKey("node-1")
	for _, key := range []SSHKey{deploy, bootstrap} {
		cmd := exec.Command(keygen, "-y", "-f", "/dev/stdin")
		cmd.Stdin = strings.NewReader(key.Private)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("ssh-keygen -y: %v: %s", err, out)
		}
		if got := strings.Join(strings.Fields(string(out))[:2], " "); got != key.Public {
			t.Errorf("ssh-keygen reads %q, want %q", got, key.Public)
		}
	}
}

func TestParseSeedRefusesWithoutShowing(t *testing.T) {
	const short = "CANARYtooShort"
	_, err := ParseSeed(short)
	if err == nil {
		t.Fatalf("ParseSeed took %q", short)
	}
	if strings.Contains(err.Error(), short) {
		t.Errorf("the error shows the seed: %v", err)
	}
}

func TestParsePrivateKeyNamesTheForm(t *testing.T) {
	deploy, err := testSeed(5).DeployKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := ParsePrivateKey(deploy.Private)
	if err != nil || public != deploy.Public {
		t.Fatalf("ParsePrivateKey = %q, %v", public, err)
	}
	for text, want := range map[string]string{
		"PuTTY-User-Key-File-3: ssh-ed25519\nCANARY":     "PuTTY",
		strings.ReplaceAll(deploy.Private, "\n", "\r\n"): "CRLF",
		"CANARY": "not a private key",
	} {
		_, err := ParsePrivateKey(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "CANARY") {
			t.Errorf("the error shows the key: %v", err)
		}
	}
}
