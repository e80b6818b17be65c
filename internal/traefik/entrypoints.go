package traefik

import (
	"fmt"
	"slices"
	"strings"
)

// entry is where a router is reached.
type entry struct {
	points []string
	mesh   bool
}

// home is the entry point of routers that name none.
func (p *planner) home() string {
	if p.TLS {
		return webSecure
	}
	return web
}

// entryPoints finds out where a router is reached; protocol is that of its
// packets, tcp or udp.
func (p *planner) entryPoints(named []string, protocol, place string) entry {
	var e entry
	add := func(point string) {
		if !slices.Contains(e.points, point) {
			e.points = append(e.points, point)
		}
	}
	for _, point := range named {
		point = strings.TrimSpace(point)
		extra, isExtra := p.EntryPoints[point]
		switch {
		case isExtra && strings.HasSuffix(extra, "/"+protocol):
			add(point)
		case isExtra:
			p.fault(place, "entry point %q is %s, and the router is of %s", point, extra, protocol)
		case protocol == "udp" || !slices.Contains([]string{web, webSecure, internal}, point):
			p.fault(place, "there is no entry point %q: %s", point, p.knownEntryPoints(protocol))
		case point == internal:
			e.mesh = true
			add(p.home())
		case point == web && p.TLS:
			if len(named) == 1 {
				p.fault(place, "entry point web only redirects to websecure: leave the label out")
			}
		case point == webSecure && !p.TLS:
			p.note(place, "entry point websecure is web here, since skep:ingress.tls is none")
			add(web)
		default:
			add(point)
		}
	}
	if len(e.points) == 0 {
		e.points = []string{p.home()}
	}
	slices.Sort(e.points)
	return e
}

func (p *planner) knownEntryPoints(protocol string) string {
	var known []string
	if protocol == "tcp" {
		known = []string{p.home(), internal}
	}
	for _, point := range sorted(p.EntryPoints) {
		if strings.HasSuffix(p.EntryPoints[point], "/"+protocol) {
			known = append(known, point)
		}
	}
	if len(known) == 0 {
		return fmt.Sprintf("add one to the config (skep:ingress.entryPoints: {NAME: PORT/%s})", protocol)
	}
	return fmt.Sprintf("need %s, or one more in the config (skep:ingress.entryPoints: {NAME: PORT/%s})", strings.Join(known, ", "), protocol)
}

func (p *planner) note(place, format string, args ...any) {
	p.plan.Notes = append(p.plan.Notes, fault(place, format, args...).Error())
}

// tlsOptions are those of a router, empty for the default ones. Which count for a
// connection goes by the host's name, so one router of a host on websecure that
// demands a certificate makes all of them do so there.
func (p *planner) tlsOptions(s *source, e entry) string {
	if p.Certified && (e.mesh || s.Access == "mesh" || !slices.Contains(e.points, webSecure)) {
		return Uncertified + "@file"
	}
	return ""
}
