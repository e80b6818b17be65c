// Package acme decides which certificate a cluster needs, and writes what its
// hosts read to get it.
package acme

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"skep/internal/keys"
	"skep/internal/toolbox"
)

// Order is a certificate to get.
type Order struct {
	// Directory is the authority's address, Email that of the account.
	Directory, Email string
	// CA is the root in PEM by which hosts trust the authority's server, where
	// that is a private one; else empty.
	CA string
	// Names are those of the certificate, sorted.
	Names []string
	// Zone is Cloudflare's that holds them all.
	Zone string
}

// folder is where files of the archive are, among those of the ingress.
const folder = "acme/"

// mostNames is how many names Let's Encrypt puts into one certificate.
const mostNames = 100

// Names are those of one certificate for all hosts (names of routes): a wildcard
// for the domain, so that a new route needs no new order, and for every other
// parent below it; what is left by its own name. Public logs of certificates then
// do not list the services either.
func Names(hosts []string, domain, zone string) ([]string, error) {
	wanted := map[string]bool{"*." + domain: true}
	for _, host := range hosts {
		host = strings.ToLower(strings.TrimSuffix(host, "."))
		_, parent, _ := strings.Cut(host, ".")
		switch {
		case wanted[host] || wanted["*."+parent]:
		case within(parent, domain):
			wanted["*."+parent] = true
		default:
			wanted[host] = true
		}
		if !within(strings.TrimPrefix(host, "*."), zone) {
			return nil, fmt.Errorf("route %q lies outside skep:dns.zone %q, in which the ACME challenge is answered: give it a name below that", host, zone)
		}
	}
	names := slices.Sorted(maps.Keys(wanted))
	if len(names) > mostNames {
		return nil, fmt.Errorf("the routes need a certificate for %d names, and one holds %d: put more of them right below %s, which one wildcard covers", len(names), mostNames, domain)
	}
	return names, nil
}

func within(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}

// Set names what is ordered: certificates of one set may stand for one another.
func (o Order) Set() string {
	sum := sha256.Sum256([]byte(o.Directory + "\n" + strings.Join(o.Names, ",")))
	return hex.EncodeToString(sum[:8])
}

// Archive is what components/acme/acme.sh reads. The keys derive from the seed, so
// that the account outlives every host.
func (o Order) Archive(seed keys.Seed, token string) (string, error) {
	account, err := seed.ACMEAccount()
	if err != nil {
		return "", err
	}
	bundle, err := seed.ACMEBundle()
	if err != nil {
		return "", err
	}
	rest := toolbox.File(folder+"account.key", account) +
		toolbox.File(folder+"bundle.key", bundle.Private) +
		toolbox.File(folder+"bundle.pub", bundle.Public+"\n") +
		toolbox.File(folder+"authorization", "Authorization: Bearer "+token+"\n")
	if o.CA != "" {
		rest += toolbox.File(folder+"ca.pem", strings.TrimSpace(o.CA)+"\n")
	}
	// Keyed, since hosts label objects of the swarm with it and the token is in it.
	settings := fmt.Sprintf("directory=%s\nemail=%s\nnames=%s\nset=%s\nzone=%s\n", o.Directory, o.Email, strings.Join(o.Names, ","), o.Set(), o.Zone)
	settings += "revision=" + seed.ObjectTag("acme", settings+rest) + "\n"
	return toolbox.File(folder+"settings", settings) + rest, nil
}
