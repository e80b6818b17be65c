// Package acme is the lab's ACME authority: Pebble, a real one that its makers
// keep small for tests. It forgets everything when it stops, its root included.
package acme

import (
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// DirectoryPath is where clients begin, RootPath where the root is that signs.
const (
	DirectoryPath = wfe.DirectoryPath
	RootPath      = wfe.RootCertPath + "0"
)

// New returns an authority that validates by what the resolver (host:port) says,
// and writes down each order and certificate.
func New(resolver string, journal *log.Logger) http.Handler {
	// Pebble waits up to 15 s before it validates, for clients that poll too
	// eagerly; ours is not what is tested.
	_ = os.Setenv("PEBBLE_VA_NOSLEEP", "1")
	store := db.NewMemoryStore()
	signer := ca.New(journal, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "90 days", ValidityPeriod: 90 * 24 * 3600}})
	validator := va.New(journal, 0, 0, true, resolver, store)
	front := wfe.New(journal, store, validator, signer, []string{"pebble.letsencrypt.org"}, true, false, 1, 1)
	public, management := front.Handler(), front.ManagementHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, wfe.RootCertPath) {
			management.ServeHTTP(w, r)
			return
		}
		public.ServeHTTP(w, r)
	})
}
