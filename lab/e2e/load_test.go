package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// client reaches addresses in turn, whatever name it is asked for, and trusts
// one authority. Each connection is to the next of them.
func client(t *testing.T, pem string, addresses []string) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(pem)) {
		t.Fatalf("no certificate: %q", pem)
	}
	var lock sync.Mutex
	turn := 0
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		lock.Lock()
		to := addresses[turn%len(addresses)]
		turn++
		lock.Unlock()
		_, port, _ := net.SplitHostPort(address)
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(to, port))
	}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 64,
	}}
}

// asked is what a load of requests came to.
type asked struct {
	ok, failed int
	faults     map[string]int
	took       []time.Duration
}

// percentile of how long requests took.
func (a *asked) percentile(p int) time.Duration {
	if len(a.took) == 0 {
		return 0
	}
	slices.Sort(a.took)
	return a.took[(len(a.took)-1)*p/100].Round(100 * time.Microsecond)
}

// load asks for a page so often a second until the function that it returns is
// called, which waits for the last answers. No more than 200 requests are under
// way, so that a machine that cannot keep up is asked less often, not buried.
func load(client *http.Client, url string, rate int) (stop func() *asked) {
	a := &asked{faults: map[string]int{}}
	var lock sync.Mutex
	var requests sync.WaitGroup
	slots, done, ended := make(chan struct{}, 200), make(chan struct{}), make(chan struct{})
	one := func() {
		defer func() { <-slots }()
		start := time.Now()
		err := get(client, url)
		lock.Lock()
		defer lock.Unlock()
		if err != nil {
			a.failed++
			a.faults[err.Error()]++
			return
		}
		a.ok++
		a.took = append(a.took, time.Since(start))
	}
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second / time.Duration(rate))
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				slots <- struct{}{}
				requests.Go(one)
			}
		}
	}()
	return func() *asked {
		close(done)
		<-ended
		requests.Wait()
		return a
	}
}

// get is one request, with an error that says the same of the same fault.
func get(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return fmt.Errorf("no answer: %s", err.Error()[max(0, strings.LastIndex(err.Error(), "->")):])
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("half an answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %.60s", response.Status, text)
	}
	return nil
}
