package acme_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"skep/lab/acme"
)

func TestAuthority(t *testing.T) {
	authority := acme.New("127.0.0.1:53", log.New(io.Discard, "", 0))
	get := func(path string) string {
		t.Helper()
		request := httptest.NewRequest(http.MethodGet, "https://acme.skep.internal"+path, nil)
		request.Header.Set("User-Agent", "test") // RFC 8555 §6.1
		w := httptest.NewRecorder()
		authority.ServeHTTP(w, request)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	var directory struct{ NewOrder string }
	if err := json.Unmarshal([]byte(get(acme.DirectoryPath)), &directory); err != nil || !strings.HasPrefix(directory.NewOrder, "https://acme.skep.internal/") {
		t.Errorf("directory: %+v, %v", directory, err)
	}
	block, _ := pem.Decode([]byte(get(acme.RootPath)))
	if block == nil {
		t.Fatal("the root is no PEM")
	}
	if root, err := x509.ParseCertificate(block.Bytes); err != nil || !root.IsCA {
		t.Errorf("root: %v", err)
	}
	// Its key is nobody's business.
	w := httptest.NewRecorder()
	authority.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://acme.skep.internal/root-keys/0", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("the root's key: %d", w.Code)
	}
}
