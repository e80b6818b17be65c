package traefik

import (
	"fmt"
	"strings"

	"skep/internal/traefik/dynamic"
)

// Users is a secret with the names and hashes of who may come in.
type Users struct {
	// Stack and Secret name it.
	Stack, Secret string
	// Middleware is what asks for them.
	Middleware string
}

// users is the middleware of a service's secret.
func (p *planner) users(s *source) string {
	u := Users{Stack: s.Stack, Secret: s.Users, Middleware: fmt.Sprintf("skep-users-%s.%s", s.Stack, s.Users)}
	p.plan.Users = append(p.plan.Users, u)
	return u.Middleware
}

// UsersFile is the file with the middlewares of the plan's users: values are
// texts of lines NAME:HASH, as htpasswd writes them, by middleware. The file
// holds hashes, so it is as secret as they are.
func UsersFile(values map[string]string) (string, error) {
	c := dynamic.Configuration{HTTP: emptyHTTP()}
	for _, middleware := range sorted(values) {
		var users []string
		for i, line := range strings.Split(values[middleware], "\n") {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			name, hash, ok := strings.Cut(line, ":")
			if !ok || name == "" || len(hash) < shortestHash {
				// The line itself stays out of the message.
				return "", fmt.Errorf("secret of middleware %s: line %d is not NAME:HASH, as htpasswd prints it", middleware, i+1)
			}
			users = append(users, line)
		}
		if len(users) == 0 {
			return "", fmt.Errorf("secret of middleware %s: it names nobody", middleware)
		}
		c.HTTP.Middlewares[middleware] = &dynamic.Middleware{BasicAuth: &dynamic.BasicAuth{Users: users, Realm: "sign in", RemoveHeader: new(true)}}
	}
	return text(pruned(c))
}

// shortestHash is below any hash that Traefik knows; what is shorter is a
// password in plain text.
const shortestHash = 30
