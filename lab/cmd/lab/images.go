package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"skep/lab/images"
	"skep/lab/instance"
	"skep/lab/stackconfig"
)

// built is what the registry holds, and from what it was built.
type built struct {
	Fingerprint string            `json:"fingerprint"`
	Images      map[string]string `json:"images"`
}

func (s *session) builtPath() string { return filepath.Join(s.instance.Dir, "images.json") }

func (s *session) readBuilt() (built, error) {
	var b built
	text, err := os.ReadFile(s.builtPath())
	if removed(err) {
		return b, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		err = fmt.Errorf("read which images were built: %w", err)
	}
	return b, err
}

func (s *session) imagesBuilt(context.Context) bool {
	b, err := s.readBuilt()
	if err != nil {
		return false
	}
	wanted, err := images.Wanted(s.checkout)
	if err != nil {
		return false
	}
	fingerprint, err := images.Fingerprint(s.module(), wanted)
	return err == nil && fingerprint == b.Fingerprint
}

// slowCompiled says whether programs that take minutes are there already.
func (s *session) slowCompiled(context.Context) bool {
	wanted, err := images.Wanted(s.checkout)
	if err != nil {
		return false
	}
	for _, image := range images.Slow(wanted) {
		if !image.Compiled(s.module(), s.cache) {
			return false
		}
	}
	return true
}

func (s *session) compileSlow(ctx context.Context) error {
	wanted, err := images.Wanted(s.checkout)
	if err != nil {
		return err
	}
	for _, image := range images.Slow(wanted) {
		if err := image.Compile(ctx, s.module(), s.cache); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) buildImages(ctx context.Context) error {
	wanted, err := images.Wanted(s.checkout)
	if err != nil {
		return err
	}
	fingerprint, err := images.Fingerprint(s.module(), wanted)
	if err != nil {
		return err
	}
	target, err := s.target()
	if err != nil {
		return err
	}
	b := built{Fingerprint: fingerprint, Images: map[string]string{}}
	for _, image := range wanted {
		made, err := image.Build(ctx, s.module(), s.cache)
		if err != nil {
			return err
		}
		if b.Images[image.Upstream], err = target.Push(ctx, image, made); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return fmt.Errorf("write which images were built: %w", err)
	}
	return instance.WriteFile(s.builtPath(), append(text, '\n'), 0o600)
}

func runImages(_ context.Context, s *session, args []string) error {
	if err := noArgs("images", args); err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	b, err := s.readBuilt()
	if err != nil {
		return err
	}
	return printJSON(b.Images)
}

func printJSON(value any) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// stackFile is the config of the lab's stack in this checkout.
func (s *session) stackFile() stackconfig.File {
	return stackconfig.File{
		Path:     filepath.Join(s.checkout, "Pulumi.lab.yaml"),
		Original: filepath.Join(s.instance.Dir, "Pulumi.lab.yaml.original"),
	}
}

// writeStackConfig tells the lab's stack which images stand for which.
func (s *session) writeStackConfig(context.Context) error {
	b, err := s.readBuilt()
	if err != nil {
		return err
	}
	changed, err := s.stackFile().SetImages(b.Images)
	if errors.Is(err, stackconfig.ErrNoFile) {
		s.out.Note("no Pulumi.lab.yaml in %q: set skep:images to what `lab images` prints", s.checkout)
		return nil
	}
	if changed {
		s.out.Note("wrote skep:images into Pulumi.lab.yaml; lab down takes it out again")
	}
	return err
}
