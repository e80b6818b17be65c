package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"skep/state/internal/home"
	"skep/state/internal/store"
)

func keyCommand(flags *flag.FlagSet) action {
	yes := flags.Bool("yes", false, "let export print the secret keys on a terminal")
	return func(ctx context.Context, t terminal, h home.Home, args []string) error {
		switch {
		case len(args) == 1 && args[0] == "export":
			return exportKey(t, h, *yes)
		case len(args) == 1 && args[0] == "import":
			return importKey(ctx, t, h)
		default:
			return errors.New("say what to do with the key: scripts/state key export or scripts/state key import")
		}
	}
}

func exportKey(t terminal, h home.Home, yes bool) error {
	if !yes && isTerminal(t.out) {
		return errors.New("refuse to show the secret keys on a terminal: send them into a password manager (scripts/state key export | ...) or say scripts/state key --yes export")
	}
	text, err := h.Export()
	if err != nil {
		return err
	}
	_, err = t.out.Write(text)
	return err
}

// importKey takes a key only if it reads the store of this home, so a wrong one changes nothing.
func importKey(ctx context.Context, t terminal, h home.Home) error {
	if err := h.Check(); err != nil {
		return err
	}
	if err := refuseRunning(h); err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(t.in, 1<<16))
	if err != nil {
		return fmt.Errorf("read the key from standard input: %w", err)
	}
	bundle, err := home.ParseBundle(text)
	if err != nil {
		return err
	}
	if _, err := store.Open(ctx, h, bundle.CryptKey()); err != nil {
		return err
	}
	if err := h.Import(bundle); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "key %s imported\n", bundle.CryptKey().Fingerprint())
	return nil
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
