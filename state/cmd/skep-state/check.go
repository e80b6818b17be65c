package main

import (
	"context"
	"flag"

	"skep/state/internal/home"
	"skep/state/internal/property"
)

func checkCommand(flags *flag.FlagSet) action {
	return func(ctx context.Context, t terminal, h home.Home, _ []string) error {
		if _, err := ensure(h); err != nil {
			return err
		}
		return property.Check(ctx, h, t.out)
	}
}
