package main

import (
	"fmt"
	"net/url"
	"regexp"

	"skep/internal/traefik"
)

// AuthConfig is the identity provider that services with x-skep: {auth: sso}
// are behind.
type AuthConfig struct {
	// Address is the URL that Traefik asks before it lets a request pass.
	Address string `json:"address"`
	// ResponseHeaders are those of the answer that services get.
	ResponseHeaders []string `json:"responseHeaders"`
	// TrustForwardHeader passes the X-Forwarded-* of a proxy in front on.
	TrustForwardHeader bool `json:"trustForwardHeader"`
}

// identityHeaders are those by which identity providers commonly tell who it is.
var identityHeaders = []string{"Remote-User", "Remote-Groups", "Remote-Email", "Remote-Name"}

// forwardAuth is the same for Traefik, or nil where config names no provider.
func (a AuthConfig) forwardAuth() *traefik.ForwardAuth {
	if a.Address == "" {
		return nil
	}
	headers := a.ResponseHeaders
	if headers == nil {
		headers = identityHeaders
	}
	return &traefik.ForwardAuth{Address: a.Address, ResponseHeaders: headers, TrustForwardHeader: a.TrustForwardHeader}
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*$`)

func (a AuthConfig) validate() []error {
	const at = "skep:ingress.auth"
	if a.Address == "" {
		if a.ResponseHeaders != nil || a.TrustForwardHeader {
			return []error{fmt.Errorf("%s.address: need the URL at which the identity provider checks requests, such as http://tasks.auth_provider:9091/api/authz/forward-auth", at)}
		}
		return nil
	}
	var faults []error
	target, err := url.Parse(a.Address)
	switch {
	case err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https":
		faults = append(faults, fmt.Errorf("%s.address: %q: need a URL with http or https", at, a.Address))
	case target.User != nil:
		faults = append(faults, fmt.Errorf("%s.address: it holds a password, and previews show it: take it out", at))
	}
	for i, header := range a.ResponseHeaders {
		if !headerName.MatchString(header) {
			faults = append(faults, fmt.Errorf("%s.responseHeaders[%d]: %q: need the name of a header", at, i, header))
		}
	}
	return faults
}
