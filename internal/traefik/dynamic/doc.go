// Package dynamic holds the types of Traefik's dynamic configuration, as far as
// labels and files can set it. tools/dynamic makes them from Traefik's source
// and says what differs.
package dynamic

//go:generate go run -C ../../../tools/dynamic . ../../internal/traefik/dynamic/configuration.go
