package cloud

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// RangesHost is where Cloudflare publishes the ranges that its proxies connect
// from, IPv4Ranges and IPv6Ranges the names of the two lists there.
const (
	RangesHost = "www.cloudflare.com"
	IPv4Ranges = "ips-v4"
	IPv6Ranges = "ips-v6"
)

// published are the lists as they stand at https://www.cloudflare.com/ips/.
var published = map[string]string{
	IPv4Ranges: `173.245.48.0/20 103.21.244.0/22 103.22.200.0/22 103.31.4.0/22 141.101.64.0/18 108.162.192.0/18
		190.93.240.0/20 188.114.96.0/20 197.234.240.0/22 198.41.128.0/17 162.158.0.0/15 104.16.0.0/13 104.24.0.0/14
		172.64.0.0/13 131.0.72.0/22`,
	IPv6Ranges: `2400:cb00::/32 2606:4700::/32 2803:f800::/32 2405:b500::/32 2405:8100::/32 2a06:98c0::/29
		2c0f:f248::/32`,
}

// Ranges is one of the lists, as the played Cloudflare publishes it: a file
// ranges/<name> in the cloud's directory, or the real list where there is none.
func (s *Store) Ranges(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "ranges", name))
	if errors.Is(err, fs.ErrNotExist) {
		return strings.Join(strings.Fields(published[name]), "\n"), nil
	}
	if err != nil {
		return "", fmt.Errorf("read ranges: %w", err)
	}
	return string(text), nil
}

// ServeRanges answers for RangesHost.
func (s *Store) ServeRanges(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if _, known := published[name]; !known {
		http.NotFound(w, r)
		return
	}
	text, err := s.Ranges(name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write([]byte(text))
}
