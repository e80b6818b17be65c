package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"skep/state/internal/history"
	"skep/state/internal/home"
	"skep/state/internal/store"
)

func pruneCommand(flags *flag.FlagSet) action {
	keep := flags.Int("keep", -1, "how `many` updates and backups to keep for each stack")
	rekeyed := flags.Bool("rekeyed", false, "remove what the passphrase before the last change encrypted")
	stack := flags.String("stack", "", "only this `stack`, as name or project/name")
	dryRun := flags.Bool("dry-run", false, "say what would be removed")
	return func(ctx context.Context, t terminal, h home.Home, _ []string) error {
		if *keep < 0 && !*rekeyed {
			return errors.New("say what to remove: scripts/state prune --keep N, --rekeyed, or both")
		}
		if err := h.Check(); err != nil {
			return err
		}
		key, err := h.CryptKey()
		if err != nil {
			return err
		}
		s, err := store.Open(ctx, h, key)
		if err != nil {
			return err
		}
		err = history.Prune(ctx, s.FS, history.Options{Keep: *keep, Rekeyed: *rekeyed, Stack: *stack, DryRun: *dryRun}, t.out)
		if swept, ok := s.Raw.(interface{ Sweep() (int, error) }); ok && !*dryRun {
			removed, fault := swept.Sweep()
			err = errors.Join(err, fault)
			if removed > 0 {
				fmt.Fprintf(t.out, "unfinished writes of killed gateways: removed %d\n", removed)
			}
		}
		return err
	}
}
