// Package traffic sends requests to a service, at a rate or as fast as it answers,
// and tells how that went.
package traffic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// Target is what is asked.
type Target struct {
	URL string
	// Address is the host that is asked, whatever the URL's name resolves to.
	Address string
	// Roots are who may have signed its certificate; nil for the system's.
	Roots *x509.CertPool
	// AnyCertificate is for a proxy whose certificate is of its own making.
	AnyCertificate bool
}

// Figures tell how it went.
type Figures struct {
	Requests, Failed int
	PerSecond        float64
	P50, P99, Max    time.Duration
	// Faults are why requests failed, each once.
	Faults []string
}

// String is one line.
func (f Figures) String() string {
	return fmt.Sprintf("%d requests, %d failed, %.0f/s, p50 %s, p99 %s, max %s %q", f.Requests, f.Failed, f.PerSecond,
		f.P50.Round(10*time.Microsecond), f.P99.Round(10*time.Microsecond), f.Max.Round(time.Millisecond), f.Faults)
}

// limit bounds one request.
const limit = 30 * time.Second

// client is one that asks only the target's address. A proxy of the
// environment is not asked: what is measured is on this machine.
func (t Target) client(connections int) *http.Client {
	dialer := &net.Dialer{Timeout: limit}
	return &http.Client{
		Timeout: limit,
		// A redirect is an answer.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if _, port, err := net.SplitHostPort(address); err == nil && t.Address != "" {
					address = net.JoinHostPort(t.Address, port)
				}
				return dialer.DialContext(ctx, network, address)
			},
			TLSClientConfig:     &tls.Config{RootCAs: t.Roots, InsecureSkipVerify: t.AnyCertificate, MinVersion: tls.VersionTLS12},
			MaxIdleConnsPerHost: connections,
			MaxConnsPerHost:     connections,
		},
	}
}

// AtRate asks so many times a second until the context ends, however slow
// answers are. It gives up waiting for the last of them after a while.
func (t Target) AtRate(ctx context.Context, perSecond int) Figures {
	return t.attack(ctx, vegeta.Rate{Freq: perSecond, Per: time.Second}, 0, vegeta.Client(t.client(1000)))
}

// Flood keeps so many connections busy until the time is over, or the context
// where it is 0.
func (t Target) Flood(ctx context.Context, connections int, length time.Duration) Figures {
	return t.attack(ctx, vegeta.Rate{}, length, vegeta.Client(t.client(connections)),
		vegeta.Workers(uint64(connections)), vegeta.MaxWorkers(uint64(connections)))
}

func (t Target) attack(ctx context.Context, pace vegeta.Rate, length time.Duration, options ...func(*vegeta.Attacker)) Figures {
	attacker := vegeta.NewAttacker(options...)
	defer context.AfterFunc(ctx, func() { attacker.Stop() })()
	var metrics vegeta.Metrics
	failed := 0
	for result := range attacker.Attack(vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: t.URL}), pace, length, "") {
		metrics.Add(result)
		if result.Code < 200 || result.Code > 399 {
			failed++
		}
	}
	metrics.Close()
	return Figures{
		Requests: int(metrics.Requests), Failed: failed, PerSecond: metrics.Throughput,
		P50: metrics.Latencies.P50, P99: metrics.Latencies.P99, Max: metrics.Latencies.Max, Faults: metrics.Errors,
	}
}
