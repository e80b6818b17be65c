// Package traefik turns the traefik.* labels of all stacks' services into the
// files that Skep's Traefik watches: pure text in, text out. Labels mean what
// Traefik's own documentation says; what would do nothing, or something else
// than it says, is an error with the place of the label.
package traefik

import "net/netip"

// Names of Skep's own middlewares, for labels with @file behind them.
const (
	// Headers adds what makes browsers careful, and takes away from requests
	// what only a proxy in front may say.
	Headers = "skep-headers"
	// RateLimit is far above what people do, and below what scripts may.
	RateLimit = "skep-ratelimit"
	// Retry asks again where no connection to a task could be made.
	Retry = "skep-retry"
	// MeshOnly refuses who does not come over the mesh.
	MeshOnly = "skep-mesh-only"
	// SSO asks the identity provider first.
	SSO = "skep-sso"
)

// Default are the middlewares for Options.Default where the config says nothing.
func Default() []string { return []string{Headers, RateLimit, Retry} }

// The entry points that are always there.
const (
	web       = "web"
	webSecure = "websecure"
	// internal is websecure for who comes over the mesh.
	internal = "internal"
)

// Service is one compose service with its deploy labels.
type Service struct {
	// Stack and Name are the stack's name and the service's within it.
	Stack, Name string
	// Zone is the edge network on which Traefik reaches it: core, apps or users.
	Zone string
	// Labels are its deploy labels, all of them; those of others are passed over.
	Labels []Label
	// Replicas is how many tasks it has; of no meaning where Global.
	Replicas int
	// Global says that it has one task on each host.
	Global bool
	// Auth is "sso" for a service that only who is signed in reaches.
	Auth string
	// Users is the secret of the stack with the names and hashes of who may come
	// in by basic auth; empty for no basic auth.
	Users string
	// Access is "mesh" for a service that only the cluster's hosts and roaming
	// peers reach.
	Access string
	// Bare says that its routers get none of the default middlewares.
	Bare bool
	// Place is where the service stands, as file:line:column.
	Place string
}

// Label is one label, and where it stands.
type Label struct {
	Key, Value string
	// Place is file:line:column.
	Place string
}

// Options are what the config says of the ingress.
type Options struct {
	// TLS says that routers without an entry point are reached over TLS only.
	TLS bool
	// HSTS is for how many seconds browsers remember to use TLS; 0 for never.
	HSTS int
	// Default are the middlewares in front of every HTTP router but bare ones,
	// by the names that Skep gives them.
	Default []string
	// EntryPoints are those beside web and websecure: name to "PORT/tcp" or
	// "PORT/udp".
	EntryPoints map[string]string
	// Auth is where sign-ins are checked; nil for nowhere.
	Auth *ForwardAuth
	// Mesh are the addresses of who is inside, for what is reachable over the
	// mesh only.
	Mesh []netip.Prefix
	// Maintenance are the stacks whose HTTP routers answer 503 for now.
	Maintenance []string
	// Trusted are the proxies in front of Traefik whose word on the client's
	// address counts.
	Trusted []netip.Prefix
	// Certified says that websecure is for proxies which show a certificate
	// (TLS options default); whoever comes over the mesh, or to another entry
	// point, has none to show (TLS options Uncertified).
	Certified bool
}

// Uncertified are the TLS options, of a file of their own, that ask visitors for
// no certificate.
const Uncertified = "skep-uncertified"

// ForwardAuth is where an identity provider answers whether a request may pass.
type ForwardAuth struct {
	// Address is the URL that is asked.
	Address string
	// ResponseHeaders are those of the answer that the service gets.
	ResponseHeaders []string
	// TrustForwardHeader passes X-Forwarded-* of the request on.
	TrustForwardHeader bool
}

// Plan is what the ingress is to do.
type Plan struct {
	// Files are the texts of Traefik's watched folder by name (routes.yaml).
	Files map[string]string
	// Routes are the names that routers answer to, sorted.
	Routes []Route
	// Users are the secrets that routes need for basic auth, sorted; UsersFile
	// makes a file of their values.
	Users []Users
	// Notes are what an operator should know and need not change, each with its
	// place first.
	Notes []string
}

// Route is one name under which a router is reached.
type Route struct {
	// Stack and Service are the compose service that answers.
	Stack, Service string
	// Router is the name of the router in its labels.
	Router string
	// Protocol is http, tcp or udp.
	Protocol string
	// Host is the DNS name, lower case; empty for a router that takes any.
	Host string
	// EntryPoint is where it is reached.
	EntryPoint string
	// TLS says that it is reached over TLS, Passthrough that the service itself
	// ends it.
	TLS, Passthrough bool
	// Mesh says that it is reachable over the mesh only.
	Mesh bool
	// Place is where its rule stands, as file:line:column.
	Place string
}
