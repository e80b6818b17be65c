package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"skep/state/internal/home"
	"skep/state/internal/passphrase"
)

func envCommand(flags *flag.FlagSet) action {
	stack := flags.String("stack", "", "`name` of the stack that pulumi shall use")
	project := flags.String("project", ".", "`directory` of Pulumi.yaml: the passphrase is checked against the stack there")
	return func(_ context.Context, t terminal, h home.Home, _ []string) error {
		if _, err := ensure(h); err != nil {
			return err
		}
		if *stack != "" {
			if err := verifyPassphrase(h, filepath.Join(*project, "Pulumi."+*stack+".yaml"), *stack); err != nil {
				return err
			}
		}
		text, err := environment(h, *stack)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(t.out, text)
		return err
	}
}

// verifyPassphrase says in one line what Pulumi would say later and longer.
func verifyPassphrase(h home.Home, file, stack string) error {
	salt, err := passphrase.FromConfig(file)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && salt == "") {
		return nil // nothing is encrypted yet
	}
	if err != nil {
		return err
	}
	phrase, err := h.Passphrase()
	if err != nil {
		return err
	}
	err = passphrase.Verify(phrase, salt)
	if errors.Is(err, passphrase.ErrMismatch) {
		return fmt.Errorf("open stack %q: the passphrase in %q does not fit the salt in %q: import the team's with scripts/state key import", stack, h.PassphraseFile(), file)
	}
	return err
}

// environment is what plain pulumi needs, in a form that bash and zsh both take. No secret is in it: keys and
// passphrase are named by file.
func environment(h home.Home, stack string) (string, error) {
	url, err := h.BackendURL()
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, v := range [][2]string{
		{"SKEP_STATE_HOME", h.Dir},
		{"PULUMI_BACKEND_URL", url},
		{"PULUMI_STACK", stack},
		{"PULUMI_CONFIG_PASSPHRASE_FILE", h.PassphraseFile()},
		{"PULUMI_DIY_BACKEND_GZIP", "true"},
		{"PULUMI_SKIP_UPDATE_CHECK", "true"},
		{"AWS_SHARED_CREDENTIALS_FILE", h.CredentialsFile()},
		{"AWS_PROFILE", home.Profile},
		{"AWS_REGION", home.Region},
		{"AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"},
		{"AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required"},
	} {
		if v[1] != "" {
			fmt.Fprintf(&text, "export %s=%s\n", v[0], shellQuote(v[1]))
		}
	}
	// Pulumi prefers this one to the file.
	text.WriteString("unset PULUMI_CONFIG_PASSPHRASE\n")
	return text.String(), nil
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
