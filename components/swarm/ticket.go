package swarm

import (
	"fmt"
	"strings"
)

// ticket is what one host gets of what admit answered: the token of its role,
// and which nodes the swarm has let go.
func ticket(answer, role string) (string, error) {
	token, err := tokenOf(answer, role)
	if err != nil {
		return "", err
	}
	lines := []string{token}
	for line := range strings.Lines(answer) {
		if strings.HasPrefix(line, "lost ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n") + "\n", nil
}

// tokenOf picks a role's token.
func tokenOf(answer, role string) (string, error) {
	for line := range strings.Lines(answer) {
		if token, ok := strings.CutPrefix(strings.TrimSpace(line), role+" "); ok {
			return token, nil
		}
	}
	return "", fmt.Errorf("admit %s: the manager gave no token", role)
}
