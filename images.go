package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"skep/internal/compose"
	"skep/internal/registry"
)

// answer is what a registry says of an image.
type answer struct {
	digest string
	err    error
}

// askRegistries asks for every image once, several at a time.
func (c *Config) askRegistries(images []compose.Image) map[string]answer {
	answers := map[string]answer{}
	var lock sync.Mutex
	var asking sync.WaitGroup
	slots := make(chan struct{}, 8)
	wanted := map[string]bool{}
	for _, image := range images {
		r, known := c.Registries[image.Registry()]
		if wanted[image.Ref] || known && !r.Check {
			continue
		}
		wanted[image.Ref] = true
		asking.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			digest, err := registry.Digest(context.Background(), image.Ref, registry.Access{
				Username: r.Username, Password: r.Password, Insecure: r.Insecure,
			})
			lock.Lock()
			answers[image.Ref] = answer{digest, err}
			lock.Unlock()
		})
	}
	asking.Wait()
	return answers
}

// missing reports every image that its registry has not, so that a deploy does
// not find out half-way.
func missing(images []compose.Image, answers map[string]answer) error {
	var faults []error
	for _, image := range images {
		if err := answers[image.Ref].err; err != nil {
			faults = append(faults, fmt.Errorf("%s: service %q: image %s: %w", image.Place, image.Service, image.Ref, err))
		}
	}
	return errors.Join(faults...)
}

// pins are the digests of images today, as far as registries answer: for the
// message that asks for one.
func pins(answers map[string]answer) map[string]string {
	pins := map[string]string{}
	for ref, a := range answers {
		if a.err == nil && a.digest != "" {
			pins[ref] = a.digest
		}
	}
	return pins
}
