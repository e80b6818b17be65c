package traefik

import (
	"bytes"
	"fmt"
	"maps"
	"strings"

	"go.yaml.in/yaml/v3"

	"skep/internal/traefik/dynamic"
)

// routesFile is the file in the watched folder. It is one for all, so that one
// renaming brings everything that belongs together.
const routesFile = "routes.yaml"

// render writes the file.
func (p *planner) render() error {
	c, own := p.out, p.ownConfiguration()
	maps.Copy(c.HTTP.Services, own.HTTP.Services)
	maps.Copy(c.HTTP.Middlewares, own.HTTP.Middlewares)
	maps.Copy(c.HTTP.ServersTransports, own.HTTP.ServersTransports)
	maps.Copy(c.TCP.Middlewares, own.TCP.Middlewares)
	maps.Copy(c.TCP.ServersTransports, own.TCP.ServersTransports)
	text, err := text(pruned(c))
	if err != nil {
		return fmt.Errorf("render %s: %w", routesFile, err)
	}
	p.plan.Files[routesFile] = text
	return nil
}

// heading tells whoever finds a file on a host.
const heading = "# Written by Skep from the traefik labels of all stacks; what is changed here is written over.\n"

// text is a configuration as a file. Traefik runs files through Go's templates,
// so that braces of labels have to stay what they are.
func text(c dynamic.Configuration) (string, error) {
	var b bytes.Buffer
	if c != (dynamic.Configuration{}) {
		encoder := yaml.NewEncoder(&b)
		encoder.SetIndent(2)
		if err := encoder.Encode(c); err != nil {
			return "", err
		}
	}
	return heading + strings.ReplaceAll(b.String(), "{{", "{{`{{`}}"), nil
}

// pruned leaves out sections that hold nothing, which Traefik would refuse.
func pruned(c dynamic.Configuration) dynamic.Configuration {
	if h := c.HTTP; h != nil && len(h.Routers)+len(h.Services)+len(h.Middlewares)+len(h.ServersTransports) == 0 {
		c.HTTP = nil
	}
	if t := c.TCP; t != nil && len(t.Routers)+len(t.Services)+len(t.Middlewares)+len(t.ServersTransports) == 0 {
		c.TCP = nil
	}
	if u := c.UDP; u != nil && len(u.Routers)+len(u.Services) == 0 {
		c.UDP = nil
	}
	return c
}
