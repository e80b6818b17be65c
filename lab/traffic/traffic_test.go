package traffic

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

// server fails every tenth request, and ends the test's load after a hundred.
func server(t *testing.T, end context.CancelFunc) Target {
	t.Helper()
	var count atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch n := count.Add(1); {
		case n == 100:
			end()
		case n < 100 && n%10 == 0:
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return Target{URL: "https://example.com:" + at.Port() + "/", Address: at.Hostname(), Roots: roots}
}

func TestAtRateCountsFailures(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	defer end()
	got := server(t, end).AtRate(ctx, 500)
	if got.Requests < 100 || got.Failed != 9 || got.P50 <= 0 || got.P99 < got.P50 || len(got.Faults) != 1 {
		t.Errorf("figures %s", got)
	}
}

func TestFloodKeepsConnectionsBusy(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	defer end()
	got := server(t, end).Flood(ctx, 4, 0)
	if got.Requests < 100 || got.Failed != 9 || got.PerSecond <= 0 {
		t.Errorf("figures %s", got)
	}
}

func TestNobodyThere(t *testing.T) {
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = open.Close()
	got := Target{URL: "http://" + open.Addr().String()}.Flood(t.Context(), 1, 50*time.Millisecond)
	if got.Failed == 0 || got.Failed != got.Requests || len(got.Faults) == 0 {
		t.Errorf("figures %s", got)
	}
}
