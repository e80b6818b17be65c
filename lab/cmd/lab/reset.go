package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"skep/lab/cloud"
	"skep/lab/instance"
	"skep/lab/stackconfig"
)

// runReset gives a lab without hosts and without a past, in seconds.
func runReset(ctx context.Context, s *session, args []string) error {
	if err := noArgs("reset", args); err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	unlock, err := instance.Lock(s.dir + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	return s.out.Step("remove hosts, cloud objects and state", "5 s", func() error {
		return errors.Join(
			stopGateway(ctx, s.instance.StateHome()),
			s.removeContainers(ctx, s.instance.Label(), "skep.machine"),
			s.removeCloud(),
			os.RemoveAll(s.instance.StateHome()),
			s.forgetPassphrase(ctx),
		)
	})
}

// forgetPassphrase takes the salt that Pulumi wrote out of the stack's config:
// it fits no other passphrase than the one that went with the state.
func (s *session) forgetPassphrase(ctx context.Context) error {
	if _, err := s.stackFile().Clean(); err != nil {
		if errors.Is(err, stackconfig.ErrNoFile) {
			return nil
		}
		return err
	}
	return s.writeStackConfig(ctx)
}

// removeCloud forgets all objects but the zones: those belong to the account,
// not to a stack.
func (s *session) removeCloud() error {
	kinds, err := os.ReadDir(s.instance.CloudDir())
	if err != nil && !removed(err) {
		return fmt.Errorf("remove cloud objects: %w", err)
	}
	for _, kind := range kinds {
		if !kind.IsDir() || kind.Name() == string(cloud.Zones) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.instance.CloudDir(), kind.Name())); err != nil {
			return fmt.Errorf("remove cloud objects: %w", err)
		}
	}
	return nil
}
