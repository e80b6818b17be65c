// Package registry is the lab's image registry: the OCI distribution protocol
// over files, so that images survive a restart of the process.
package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"

	"skep/lab/instance"
)

// maxManifest bounds one manifest, as other registries do.
const maxManifest = 4 << 20

// manifest is one stored manifest; the library keeps only blobs on disk.
type manifest struct {
	Path string `json:"path"`
	Type string `json:"type"`
	Body []byte `json:"body"`
}

// Registry is an http.Handler.
type Registry struct {
	dir     string
	writer  netip.Addr
	handler http.Handler
}

var _ http.Handler = (*Registry)(nil)

// Open serves the images in dir. Anyone may pull; only writer may push.
func Open(dir string, writer netip.Addr) (*Registry, error) {
	for _, name := range []string{"blobs", "manifests"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("open registry: %w", err)
		}
	}
	r := &Registry{
		dir:    dir,
		writer: writer,
		handler: registry.New(
			registry.WithBlobHandler(registry.NewDiskBlobHandler(filepath.Join(dir, "blobs"))),
			registry.Logger(log.New(io.Discard, "", 0)),
		),
	}
	if err := r.load(); err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	return r, nil
}

// ServeHTTP answers one request.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		r.handler.ServeHTTP(w, req)
		return
	}
	from, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil || from.Addr().Unmap() != r.writer {
		http.Error(w, "only the lab itself may push", http.StatusForbidden)
		return
	}
	if req.Method != http.MethodPut || !strings.Contains(req.URL.Path, "/manifests/") {
		r.handler.ServeHTTP(w, req)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxManifest))
	if err != nil {
		http.Error(w, "manifest is too large", http.StatusRequestEntityTooLarge)
		return
	}
	m := manifest{Path: req.URL.Path, Type: req.Header.Get("Content-Type"), Body: body}
	answer := r.put(req.Context(), m)
	if answer.Code == http.StatusCreated {
		if err := r.save(m); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// put hands a manifest to the library.
func (r *Registry) put(ctx context.Context, m manifest) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, m.Path, bytes.NewReader(m.Body))
	if err != nil {
		answer.Code = http.StatusBadRequest
		return answer
	}
	req.Header.Set("Content-Type", m.Type)
	r.handler.ServeHTTP(answer, req)
	return answer
}

func (r *Registry) save(m manifest) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(m.Path))
	return instance.WriteFile(filepath.Join(r.dir, "manifests", hex.EncodeToString(sum[:])+".json"), text, 0o600)
}

// load gives the library what an earlier process stored. A list of manifests
// is taken only after those that it names, so the rest is tried again as long
// as that helps.
func (r *Registry) load() error {
	paths, err := filepath.Glob(filepath.Join(r.dir, "manifests", "*.json"))
	if err != nil {
		return err
	}
	var waiting []manifest
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var m manifest
		if err := json.Unmarshal(text, &m); err != nil {
			return fmt.Errorf("read %q: %w", path, err)
		}
		waiting = append(waiting, m)
	}
	for len(waiting) > 0 {
		var refused []manifest
		for _, m := range waiting {
			if answer := r.put(context.Background(), m); answer.Code != http.StatusCreated {
				refused = append(refused, m)
			}
		}
		if len(refused) == len(waiting) {
			return fmt.Errorf("load manifest %q: something that it names is missing", refused[0].Path)
		}
		waiting = refused
	}
	return nil
}
