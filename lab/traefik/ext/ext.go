// Package ext stands for a module that lies inside Traefik's repository and is
// published nowhere: the fields that other builds of Traefik add to its dynamic
// configuration. This build adds none.
package ext

// HTTP is what such a build adds to the HTTP configuration.
type HTTP struct{}

// Router is what it adds to a router.
type Router struct{}

// RouterIng is what it adds to a router of an ingress.
type RouterIng struct{}
