package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"skep/state/internal/home"
)

func put(ctx context.Context, s3 *minio.Core, key string, content []byte) error {
	_, err := s3.PutObject(ctx, home.Bucket, key, bytes.NewReader(content), int64(len(content)), "", "", minio.PutObjectOptions{})
	return err
}

func TestNothingShowsOnDisk(t *testing.T) {
	h := newHome(t)
	mustRun(t, h, "start")
	s3 := connect(t, h)
	const name, secret = "node-secretname", "hunter2 is a known secret"
	if err := put(t.Context(), s3, ".pulumi/stacks/skep/"+name+".json", []byte(secret)); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(h.StoreDir(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, word := range []string{name, "pulumi", "skep", "stacks"} {
			if path != h.StoreDir() && strings.Contains(strings.TrimPrefix(path, h.StoreDir()), word) {
				t.Errorf("%q shows in %q", word, path)
			}
		}
		if entry.IsDir() {
			return nil
		}
		files++
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte("hunter2")) {
			t.Errorf("the secret shows in %q", path)
		}
		return err
	})
	if err != nil || files < 2 {
		t.Fatalf("walked %d files: %v", files, err)
	}
}

// secrets are all the values that only files of the home may hold.
func secrets(t *testing.T, h home.Home) map[string]string {
	t.Helper()
	key, err1 := h.CryptKey()
	credentials, err2 := h.Credentials()
	phrase, err3 := h.Passphrase()
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"crypt password": key.Password, "crypt salt": key.Salt, "secret key": credentials.SecretKey, "access key": credentials.AccessKey, "passphrase": phrase}
}

func TestSecretsStayInFiles(t *testing.T) {
	h := newHome(t)
	t.Setenv("PULUMI_CONFIG_PASSPHRASE", "a passphrase of the caller")
	mustRun(t, h, "start")
	visible := map[string]string{"env": mustRun(t, h, "env", "--stack", "lab"), "status": mustRun(t, h, "status", "--json")}
	for _, name := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", running(t, h), name))
		if err != nil {
			t.Skip("no /proc here")
		}
		visible[name] = string(text)
	}
	log, err := os.ReadFile(h.Path("gateway.log"))
	if err != nil {
		t.Fatal(err)
	}
	visible["log"] = string(log)
	hidden := secrets(t, h)
	hidden["caller's passphrase"] = "a passphrase of the caller"
	for place, text := range visible {
		for what, secret := range hidden {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows the %s", place, what)
			}
		}
	}
}

func TestOnlyLoopbackOnlySigned(t *testing.T) {
	h := newHome(t)
	mustRun(t, h, "start")
	port, err := h.Port()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := listeners(t, port), []string{"0100007F"}; len(got) != 1 || got[0] != want[0] {
		t.Errorf("listens on %v, want only %v (127.0.0.1)", got, want)
	}
	for _, path := range []string{"/", "/state", "/state?list-type=2", "/state/.skep/store"} {
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("unsigned GET %s: %s, want 403", path, answer.Status)
		}
	}
	stranger := newHome(t) // has other keys
	if err := os.WriteFile(stranger.Path("port"), fmt.Appendln(nil, port), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := put(t.Context(), connect(t, stranger), "x", []byte("x")); minio.ToErrorResponse(err).StatusCode != http.StatusForbidden {
		t.Errorf("a put with other keys: %v, want 403", err)
	}
}

// listeners are the addresses, in hexadecimal as the kernel shows them, that listen on a TCP port.
func listeners(t *testing.T, port int) (addresses []string) {
	t.Helper()
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			address, found := strings.CutSuffix(fields[1], fmt.Sprintf(":%04X", port))
			if found && fields[3] == "0A" { // LISTEN
				addresses = append(addresses, address)
			}
		}
	}
	return addresses
}
