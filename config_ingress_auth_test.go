package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/internal/traefik"
)

func TestAuthConfigFaults(t *testing.T) {
	for value, want := range map[string]string{
		`{"auth":{"address":"auth.example.org/verify"}}`:                     `skep:ingress.auth.address: "auth.example.org/verify": need a URL`,
		`{"auth":{"address":"ftp://auth.example.org"}}`:                      `skep:ingress.auth.address: "ftp://auth.example.org": need a URL`,
		`{"auth":{"address":"http://me:secret@auth/"}}`:                      "skep:ingress.auth.address: it holds a password",
		`{"auth":{"address":"http://auth/","responseHeaders":["Remote U"]}}`: `skep:ingress.auth.responseHeaders[0]: "Remote U": need the name of a header`,
		`{"auth":{"responseHeaders":["Remote-User"]}}`:                       "skep:ingress.auth.address: need the URL",
		`{"auth":{"adress":"http://auth/"}}`:                                 "adress",
	} {
		message := faulty(t, map[string]string{"skep:ingress": value})
		if !strings.Contains(message, want) || strings.Contains(message, "me:secret") {
			t.Errorf("%s: message lacks %q:\n%s", value, want, message)
		}
	}
}

func TestForwardAuth(t *testing.T) {
	for _, c := range []struct {
		config AuthConfig
		want   *traefik.ForwardAuth
	}{
		{AuthConfig{}, nil},
		{AuthConfig{Address: "http://auth/"}, &traefik.ForwardAuth{Address: "http://auth/", ResponseHeaders: identityHeaders}},
		{
			AuthConfig{Address: "http://auth/", ResponseHeaders: []string{}, TrustForwardHeader: true},
			&traefik.ForwardAuth{Address: "http://auth/", ResponseHeaders: []string{}, TrustForwardHeader: true},
		},
	} {
		if diff := cmp.Diff(c.want, c.config.forwardAuth()); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.config, diff)
		}
	}
}
