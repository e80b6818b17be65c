// Package traefik is empty: its module pins what the lab's image of Traefik is
// built from.
package traefik
