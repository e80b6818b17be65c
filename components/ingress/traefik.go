package ingress

import (
	"bytes"
	"embed"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/template"

	"skep/internal/compose"
)

// StackName is that of Skep's own stack, which no other may have.
const StackName = "ingress"

// folder is where hosts keep what Traefik reads. compose.yaml mounts it, and
// ingress.sh writes it.
const folder = "/var/lib/skep/ingress"

// unforged is the middleware without which no request passes from visitors to
// a service: it takes out what only a proxy in front may say.
const unforged = "skep-unforged"

// Ports of visitors on a host, and of Traefik inside its container. There, 8082
// is that of its health check.
var ownPorts = map[int]int{80: 8080, 443: 8443}

const healthPort = 8082

//go:embed compose.yaml
var composeText string

// EntryPoint is a port by which visitors come in.
type EntryPoint struct {
	// Name is what routes call it, Protocol tcp or udp.
	Name, Protocol string
	// Port is the host's.
	Port int
}

// Traefik is what decides how it is started.
type Traefik struct {
	// Extra are the entry points beside web (80) and websecure (443).
	Extra []EntryPoint
	// TLS says that visitors of web are sent to websecure.
	TLS bool
	// Trusted are the proxies in front of web and websecure.
	Trusted []netip.Prefix
}

// entryPoint is one as compose.yaml is filled in with it.
type entryPoint struct {
	EntryPoint
	Inside  int
	Trusted []netip.Prefix
}

// File is the stack of Traefik.
func (t Traefik) File() (*compose.File, error) {
	text, err := t.compose()
	if err != nil {
		return nil, err
	}
	return compose.Parse("components/ingress/compose.yaml", StackName, embed.FS{}, text, nil)
}

func (t Traefik) compose() ([]byte, error) {
	parsed, err := template.New("compose.yaml").Funcs(template.FuncMap{"join": joined}).Parse(composeText)
	if err != nil {
		return nil, fmt.Errorf("fill in the compose file of Traefik: %w", err)
	}
	var text bytes.Buffer
	err = parsed.Execute(&text, map[string]any{
		"EntryPoints": t.entryPoints(), "Redirect": t.TLS, "Folder": folder, "Unforged": unforged,
	})
	if err != nil {
		return nil, fmt.Errorf("fill in the compose file of Traefik: %w", err)
	}
	return text.Bytes(), nil
}

func joined(ranges []netip.Prefix) string {
	words := make([]string, len(ranges))
	for i, r := range ranges {
		words[i] = r.String()
	}
	return strings.Join(words, ",")
}

// entryPoints are all of them: web, websecure and the extra ones by port. An
// extra one has the same port inside, unless it is one that only root may have,
// or is taken there.
func (t Traefik) entryPoints() []entryPoint {
	all := []entryPoint{
		{EntryPoint{"web", "tcp", 80}, ownPorts[80], t.Trusted},
		{EntryPoint{"websecure", "tcp", 443}, ownPorts[443], t.Trusted},
	}
	taken := func(port int) bool {
		return port == healthPort || slices.ContainsFunc(all, func(e entryPoint) bool { return e.Inside == port })
	}
	extra := slices.Clone(t.Extra)
	slices.SortFunc(extra, func(a, b EntryPoint) int {
		// From above, so that those that keep their port come first.
		if a.Port != b.Port {
			return b.Port - a.Port
		}
		return strings.Compare(a.Name, b.Name)
	})
	for _, e := range extra {
		inside := e.Port
		for inside < 1024 || taken(inside) {
			inside = max(inside, 20000) + 1
		}
		all = append(all, entryPoint{e, inside, nil})
	}
	return all
}
