package main

import (
	"context"
	"os"
	"path/filepath"

	"skep/lab/hostimage"
	"skep/lab/instance"
)

func (s *session) imageBuilt(ctx context.Context) bool { return s.imageCached() || s.imageLoaded(ctx) }

func (s *session) imageCached() bool {
	_, err := os.Stat(s.cachedImage())
	return err == nil
}

// cachedImage is the file of the image that the lab's hosts boot, or run in.
func (s *session) cachedImage() string {
	if s.virtual() {
		return hostimage.ShellCached(s.cache)
	}
	return hostimage.Cached(s.cache)
}

func (s *session) buildImage(ctx context.Context) error {
	if s.virtual() {
		return hostimage.BuildShell(ctx, s.cache)
	}
	return hostimage.Build(ctx, s.cache)
}

func (s *session) imageLoaded(ctx context.Context) bool {
	unlock, err := s.lockImages()
	if err != nil {
		return false
	}
	defer unlock()
	has, err := s.docker().HasImage(ctx, s.instance.HostImage)
	return err == nil && has
}

func (s *session) importImage(ctx context.Context) error {
	unlock, err := s.lockImages()
	if err != nil {
		return err
	}
	defer unlock()
	// Another lab may have loaded it in the meantime; loading it again would
	// leave the first without a name.
	if has, err := s.docker().HasImage(ctx, s.instance.HostImage); err != nil || has {
		return err
	}
	if s.virtual() {
		return hostimage.ImportShell(ctx, s.docker(), s.cache)
	}
	return hostimage.Import(ctx, s.docker(), s.cache)
}

// lockImages keeps other labs from loading and removing the host image.
func (s *session) lockImages() (unlock func(), err error) {
	return instance.Lock(filepath.Join(s.cache, "lab", "engine-images.lock"))
}
