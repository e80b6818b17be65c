package main

import (
	"regexp"
	"strings"
	"testing"

	"skep/internal/pulumitest"
)

const stats = `services:
  web:
    image: x@sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab
    user: "102:102"
    cap_drop: [ALL]
    read_only: true
    healthcheck: {test: [CMD, /check]}
    deploy:
      resources: {limits: {memory: 64M}}
      labels:
        traefik.http.routers.web.rule: Host(` + "`stats.${DOMAIN}`" + `)
        traefik.http.services.web.loadbalancer.server.port: 80
    x-skep: {users: people}
secrets:
  password: {x-skep: {generate: {length: 40}}}
  hash: {x-skep: {bcrypt: password}}
  people: {x-skep: {template: "ann:{{ .hash }}"}}
`

// Hashes of who may come in reach Traefik, and nothing that can be read.
func TestUsersReachTraefikOnly(t *testing.T) {
	config := inFolder(t, map[string]string{"stats": stats})
	g := pulumitest.Run(t, world(config))
	for _, host := range []string{"node-1", "node-2", "node-3"} {
		publish := g.Named(t, commandToken, "ingress-"+host)
		if !pulumitest.Secret(publish, "stdin") {
			t.Errorf("%s: its stdin is no secret", host)
		}
		text := archived(t, unpacked(t, pulumitest.Text(publish, "stdin")), "dynamic/logins.yaml")
		if !annsHash.MatchString(text) || !strings.Contains(text, "skep-users-stats.people:") {
			t.Errorf("%s: users are\n%s", host, text)
		}
	}
	for _, r := range g.Resources {
		if shown := r.Inputs["files"]; shown.IsObject() && strings.Contains(shown.String(), "$2a$") {
			t.Errorf("%s shows hashes", r.Name)
		}
	}
}

var annsHash = regexp.MustCompile(`(?m)^ +- ann:\$2a\$10\$\S{53}$`)
