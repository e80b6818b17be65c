package traefik

import (
	"net/netip"
	"net/textproto"
	"slices"
	"time"

	"github.com/traefik/paerser/types"

	"skep/internal/traefik/dynamic"
)

const (
	// maintenance is a service without a server: Traefik answers 503 itself.
	maintenance = "skep-maintenance"
	// backend is how Traefik talks to tasks where labels do not say it.
	backend = "skep-backend"
)

// How connections to tasks are kept.
const (
	// dialTimeout is for all addresses of a service together: a host that is gone
	// answers nothing, nor does the address of a task that was killed, and the next
	// one is asked after its share.
	dialTimeout = 3 * time.Second
	// idleTimeout is below the shortest time after which common servers close a
	// connection themselves (2 s): a request on a connection that is just being
	// closed would fail.
	idleTimeout = 1500 * time.Millisecond
	// idleConnections are kept to a service at most: as many as Traefik keeps
	// where no file says anything of transports. Where one does and leaves this
	// out, Go's 2 hold, and under load most requests wait for a new connection.
	idleConnections = 200
)

// Retries are for connections that could not be made, as while tasks are
// replaced; a request that a task may have seen is never sent twice.
const (
	retryAttempts = 4
	retryInterval = 100 * time.Millisecond
)

// The rate limit is per client and host of the ingress.
const (
	rateAverage = 1000 // per second
	rateBurst   = 2000
)

// largestAnswer bounds what an identity provider may answer with, in bytes: a
// page at most.
const largestAnswer = 1 << 20

// spoofable are request headers that services take at their word, and that
// nobody in front of Traefik is trusted to send. X-Forwarded-* and X-Real-IP are
// Traefik's own to judge, as long as no proxy is in front.
var spoofable = []string{
	"True-Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "Fastly-Client-IP", "X-Originating-IP", "X-Remote-IP",
	"X-Remote-Addr", "Forwarded", "X-Original-Forwarded-For", "X-Original-URL", "X-Rewrite-URL", "Proxy",
	"Remote-User", "Remote-Groups", "Remote-Email", "Remote-Name", "X-Forwarded-User", "X-Forwarded-Email",
	"X-Forwarded-Groups", "X-Remote-User", "X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups",
}

// proxied are those that only the proxies in front may send: they set them anew,
// and are the only ones to know the client's address for sure.
var proxied = []string{"CF-Connecting-IP", "CF-Connecting-IPv6", "CF-Pseudo-IPv4"}

// passed are those that Traefik believes proxies in front, and that these pass on
// from clients as they are. X-Forwarded-For and X-Forwarded-Proto they do see to.
var passed = []string{
	"X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Forwarded-Uri",
	"X-Forwarded-Method", "X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info",
}

// unbelievable are the headers that are taken from requests.
func (p *planner) unbelievable() []string {
	headers := slices.Concat(spoofable, proxied)
	if len(p.Trusted) > 0 {
		headers = slices.Concat(spoofable, passed)
	}
	if p.Auth != nil {
		headers = append(headers, p.Auth.ResponseHeaders...)
	}
	return headers
}

// ownConfiguration is what Skep defines itself.
func (p *planner) ownConfiguration() dynamic.Configuration {
	c := dynamic.Configuration{HTTP: emptyHTTP()}
	c.HTTP.Middlewares = map[string]*dynamic.Middleware{
		Headers:     {Headers: p.headers()},
		RateLimit:   {RateLimit: &dynamic.RateLimit{Average: new(int64(rateAverage)), Burst: new(int64(rateBurst)), SourceCriterion: p.client()}},
		Retry:       {Retry: &dynamic.Retry{Attempts: new(retryAttempts), InitialInterval: new(types.Duration(retryInterval))}},
		maintenance: {Headers: &dynamic.Headers{CustomResponseHeaders: map[string]string{"Cache-Control": "no-store", "Retry-After": "120"}}},
	}
	c.HTTP.Services[maintenance] = &dynamic.Service{LoadBalancer: &dynamic.ServersLoadBalancer{PassHostHeader: new(true)}}
	c.HTTP.ServersTransports[backend] = withDefaults(&dynamic.ServersTransport{})
	c.TCP = emptyTCP()
	c.TCP.ServersTransports[backend] = &dynamic.TCPServersTransport{DialTimeout: new(types.Duration(dialTimeout))}
	if len(p.Mesh) > 0 {
		ranges := texts(p.Mesh)
		c.HTTP.Middlewares[MeshOnly] = &dynamic.Middleware{IPAllowList: &dynamic.IPAllowList{SourceRange: ranges}}
		c.TCP.Middlewares[MeshOnly] = &dynamic.TCPMiddleware{IPAllowList: &dynamic.TCPIPAllowList{SourceRange: ranges}}
	}
	if p.Auth != nil {
		c.HTTP.Middlewares[SSO] = &dynamic.Middleware{ForwardAuth: &dynamic.ForwardAuth{
			Address: p.Auth.Address, AuthResponseHeaders: p.Auth.ResponseHeaders, TrustForwardHeader: new(p.Auth.TrustForwardHeader),
			MaxResponseBodySize: new(int64(largestAnswer))}}
	}
	return c
}

// headers are careful defaults. A page may be framed by its own site only; what
// needs more than that says so at its own service (bare, and headers of its own).
func (p *planner) headers() *dynamic.Headers {
	remove := map[string]string{}
	for _, header := range p.unbelievable() {
		remove[textproto.CanonicalMIMEHeaderKey(header)] = ""
	}
	h := &dynamic.Headers{
		CustomRequestHeaders:    remove,
		CustomResponseHeaders:   map[string]string{"Server": "", "X-Powered-By": ""},
		ContentTypeNosniff:      new(true),
		CustomFrameOptionsValue: "SAMEORIGIN",
		ReferrerPolicy:          "strict-origin-when-cross-origin",
	}
	if p.TLS && p.HSTS > 0 {
		h.STSSeconds = new(int64(p.HSTS))
	}
	return h
}

// client tells clients apart: by their address, or by what the proxies in front
// say of it.
func (p *planner) client() *dynamic.SourceCriterion {
	if len(p.Trusted) == 0 {
		return nil
	}
	return &dynamic.SourceCriterion{IPStrategy: &dynamic.IPStrategy{ExcludedIPs: texts(p.Trusted)}}
}

// withDefaults fills in what labels leave open about connections.
func withDefaults(t *dynamic.ServersTransport) *dynamic.ServersTransport {
	if t.ForwardingTimeouts == nil {
		t.ForwardingTimeouts = &dynamic.ForwardingTimeouts{}
	}
	if t.ForwardingTimeouts.DialTimeout == nil {
		t.ForwardingTimeouts.DialTimeout = new(types.Duration(dialTimeout))
	}
	if t.ForwardingTimeouts.IdleConnTimeout == nil {
		t.ForwardingTimeouts.IdleConnTimeout = new(types.Duration(idleTimeout))
	}
	if t.MaxIdleConnsPerHost == nil {
		t.MaxIdleConnsPerHost = new(idleConnections)
	}
	return t
}

func texts(prefixes []netip.Prefix) []string {
	out := make([]string, len(prefixes))
	for i, prefix := range prefixes {
		out[i] = prefix.String()
	}
	slices.Sort(out)
	return slices.Compact(out)
}
