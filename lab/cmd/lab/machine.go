package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
)

// keys collects a flag that may be given several times.
type keys []string

// String is what flag shows as the default.
func (k *keys) String() string { return strings.Join(*k, ",") }

// Set adds one.
func (k *keys) Set(value string) error {
	if len(strings.Fields(value)) < 2 {
		return errors.New("a public key has a type and a text, such as \"ssh-ed25519 AAAA…\"")
	}
	*k = append(*k, strings.TrimSpace(value))
	return nil
}

// runMachine adds a machine as it would stand in a rack, for stacks of
// machines that exist already, and prints what such a stack has to know.
func runMachine(ctx context.Context, s *session, args []string) error {
	flags := flag.NewFlagSet("lab machine", flag.ContinueOnError)
	user := flags.String("user", "root", "who logs in")
	var authorized keys
	flags.Var(&authorized, "authorized-key", "public key that may log in; may be given several times")
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	switch {
	case len(rest) == 2 && rest[0] == "rm":
		return s.removeMachine(ctx, rest[1])
	case len(rest) == 1:
		made, err := s.machines().CreateRack(ctx, rest[0], *user, authorized)
		if err != nil {
			return err
		}
		return printJSON(made)
	default:
		return errors.New("run lab machine: give one name, or rm and one name")
	}
}

func (s *session) removeMachine(ctx context.Context, name string) error {
	m, err := s.named(ctx, name)
	if err != nil {
		return err
	}
	if !m.Rack {
		return fmt.Errorf("remove machine %q: it is a droplet: the cloud removes it", name)
	}
	return s.machines().Delete(ctx, m.ID)
}
