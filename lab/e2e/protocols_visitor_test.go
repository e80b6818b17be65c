package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"testing"
	"time"
)

// patience bounds one exchange of a visitor.
const patience = 30 * time.Second

// visitor uses services as people do: by their names, and only where the
// certificate is one that the cluster's authority signed.
type visitor struct {
	t     *testing.T
	roots *x509.CertPool
	// to is the host that takes the visitor in; empty for any that the lab's DNS
	// names.
	to string
	// dns is the lab's name server.
	dns string
}

// visitors are one per host, by name, and under "" one that asks the DNS.
func visitors(c *checkout) map[string]visitor {
	c.t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(c.read(authority(c, "lab")))) {
		c.t.Fatal("the authority's file holds no certificate")
	}
	found := regexp.MustCompile(`SKEP_LAB_DNS='([^']+)'`).FindStringSubmatch(c.read(".skep/lab.env"))
	if found == nil {
		c.t.Fatal("no name server in .skep/lab.env")
	}
	all := map[string]visitor{"": {t: c.t, roots: roots, dns: found[1]}}
	for name, host := range hostOutputs(c, "lab") {
		all[name] = visitor{t: c.t, roots: roots, to: host.PublicAddress}
	}
	return all
}

// dial reaches a name and port on the visitor's host.
func (v visitor) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: patience}
	if v.to == "" {
		dialer.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(v.dns, "53"))
		}}
		return dialer.DialContext(ctx, network, address)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return dialer.DialContext(ctx, network, net.JoinHostPort(v.to, port))
}

// tls is how the visitor looks at certificates.
func (v visitor) tls(name string) *tls.Config {
	return &tls.Config{RootCAs: v.roots, ServerName: name, MinVersion: tls.VersionTLS12}
}

// browser is a client with cookies of its own that stops at redirects.
func (v visitor) browser() *http.Client {
	jar, _ := cookiejar.New(nil) // without a list of public suffixes it never fails
	return &http.Client{
		Timeout: patience, Jar: jar,
		Transport:     &http.Transport{DialContext: v.dial, TLSClientConfig: v.tls(""), ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// echo is what lab/protocols tells of a request.
type echo struct {
	Task, Host, Method, Path, Remote, Protocol string
	Header                                     http.Header
}

// echoed asks for a page of lab/protocols.
func (v visitor) echoed(client *http.Client, url string) (e echo) {
	v.t.Helper()
	e, err := tryEcho(client, url)
	if err != nil {
		v.t.Fatalf("%s on %q: %v", url, v.to, err)
	}
	return e
}

// tryEcho is echoed for a page that may not be there.
func tryEcho(client *http.Client, url string) (e echo, err error) {
	response, err := client.Get(url)
	if err != nil {
		return e, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return e, err
	}
	if response.StatusCode != http.StatusOK {
		return e, statusError(response.Status)
	}
	return e, json.Unmarshal(body, &e)
}

// statusError is an answer that is no page.
type statusError string

func (e statusError) Error() string { return "answer " + string(e) }
