package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"skep/lab/engine"
	"skep/lab/hostimage"
	"skep/lab/instance"
	"skep/lab/stackconfig"
)

// runDown removes everything, also what a lab left whose description is gone.
func runDown(ctx context.Context, s *session, args []string) error {
	if err := noArgs("down", args); err != nil {
		return err
	}
	unlock, err := instance.Lock(s.dir + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.describe(""); err != nil {
		return err
	}
	err = errors.Join(
		stopGateway(ctx, s.instance.StateHome()),
		s.out.Step("remove hosts and networks", "5 s", func() error { return s.removeFromEngine(ctx) }),
		s.cleanCheckout(),
	)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("remove lab directory: %w", err)
	}
	if err := os.Remove(s.dir + ".lock"); err != nil {
		return fmt.Errorf("remove lab directory: %w", err)
	}
	// Gone only when nothing else is in it.
	_ = os.Remove(filepath.Dir(s.dir))
	s.out.Note("lab %s is down", s.instance.ID)
	if kept := s.cachedImage(); s.imageCached() {
		s.out.Note("kept for the next one: %q", kept)
	}
	return nil
}

// removeFromEngine removes what the lab has on an engine. After a reboot of the
// machine the labs' own engine does not run, but what was on it is still there.
func (s *session) removeFromEngine(ctx context.Context) error {
	own := engine.Own.Docker().Host
	if s.instance.DockerHost == own || !s.engineRuns(ctx) {
		if !engine.Own.Exists() {
			return nil
		}
		if _, err := engine.Own.Start(ctx); err != nil {
			return err
		}
		s.instance.DockerHost = own
	}
	if err := s.removeAll(ctx); err != nil {
		return err
	}
	if s.instance.DockerHost != own {
		return nil
	}
	_, err := engine.Own.StopUnused(ctx, instance.LabelName)
	return err
}

// removeAll removes what carries the lab's label, and then looks again.
func (s *session) removeAll(ctx context.Context) error {
	if err := s.removeContainers(ctx, s.instance.Label()); err != nil {
		return err
	}
	if err := s.removeNetworks(ctx); err != nil {
		return fmt.Errorf("remove networks: %w", err)
	}
	volumes, err := s.docker().Volumes(ctx, s.instance.Label())
	if err != nil {
		return err
	}
	for _, volume := range volumes {
		if err := s.docker().Run(ctx, "volume", "rm", "--force", volume); err != nil {
			return fmt.Errorf("remove volume: %w", err)
		}
	}
	if err := s.removeImages(ctx); err != nil {
		return err
	}
	return s.leftovers(ctx)
}

// removeContainers removes all containers with a label, with their disks, some
// at a time.
func (s *session) removeContainers(ctx context.Context, labels ...string) error {
	found, err := s.docker().Containers(ctx, labels...)
	if err != nil {
		return fmt.Errorf("remove hosts: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	faults := make([]error, len(found))
	slots := make(chan struct{}, 4)
	var wait sync.WaitGroup
	for i, c := range found {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := s.docker().Run(ctx, "rm", "--force", "--volumes", c.ID); err != nil && !engine.IsNotFound(err) {
				faults[i] = fmt.Errorf("remove %q: %w", c.Name, err)
			}
		})
	}
	wait.Wait()
	return errors.Join(faults...)
}

// removeImages removes the host images from the engine unless another lab's
// hosts run from them, or will: a lab makes its network before it looks for the
// image. They stay in the cache as files.
func (s *session) removeImages(ctx context.Context) error {
	unlock, err := s.lockImages()
	if err != nil {
		return err
	}
	defer unlock()
	hosts, err := s.docker().Containers(ctx, instance.LabelName)
	if err != nil || len(hosts) > 0 {
		return err
	}
	networks, err := s.docker().Networks(ctx, instance.LabelName)
	if err != nil || len(networks) > 0 {
		return err
	}
	images, err := s.docker().Images(ctx, hostimage.Label)
	if err != nil {
		return err
	}
	for _, image := range images {
		if err := s.docker().Run(ctx, "image", "rm", "--force", image); err != nil && !engine.IsNotFound(err) {
			return fmt.Errorf("remove host image: %w", err)
		}
	}
	return nil
}

// leftovers fails when anything with the lab's label is still there.
func (s *session) leftovers(ctx context.Context) error {
	containers, err := s.docker().Containers(ctx, s.instance.Label())
	if err != nil {
		return err
	}
	networks, err := s.docker().Networks(ctx, s.instance.Label())
	if err != nil {
		return err
	}
	volumes, err := s.docker().Volumes(ctx, s.instance.Label())
	if err != nil {
		return err
	}
	if len(containers)+len(networks)+len(volumes) > 0 {
		return fmt.Errorf("remove lab: %d containers, %d networks, %d volumes are left: run `lab down` again",
			len(containers), len(networks), len(volumes))
	}
	return nil
}

// cleanCheckout takes out what `lab up` wrote outside of the lab's directory.
func (s *session) cleanCheckout() error {
	if err := os.Remove(s.envFile()); err != nil && !removed(err) {
		return fmt.Errorf("remove environment: %w", err)
	}
	if _, err := s.stackFile().Clean(); err != nil && !errors.Is(err, stackconfig.ErrNoFile) {
		return err
	}
	return nil
}
