package property

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	"skep/state/internal/history"
	"skep/state/internal/home"
	"skep/state/internal/passphrase"
)

// twoGateways does what two operators do: each must see at once what the other wrote, replaced or removed.
func twoGateways(ctx context.Context, p *probe) error {
	for round := range 10 {
		one, two := p.s3, p.other
		if round%2 == 1 {
			one, two = two, one
		}
		if err := p.writes(ctx, one, two, "shared", blob(1000+round*50_000)); err != nil {
			return err
		}
		name := fmt.Sprintf("lock-%d", round)
		if err := p.put(ctx, one, name, blob(100), minio.PutObjectOptions{}); err != nil {
			return err
		}
		if found, err := p.lists(two, name); err != nil || !found {
			return errors.Join(err, fmt.Errorf("one gateway does not list %q, which the other wrote", name))
		}
		if err := one.RemoveObject(ctx, home.Bucket, p.prefix+name, minio.RemoveObjectOptions{}); err != nil {
			return err
		}
		if found, err := p.lists(two, name); err != nil || found {
			return errors.Join(err, fmt.Errorf("one gateway still lists %q, which the other removed", name))
		}
	}
	return nil
}

func unsignedRefused(ctx context.Context, p *probe) error {
	address, err := p.home.Address()
	if err != nil {
		return err
	}
	for _, path := range []string{"/", "/" + home.Bucket, "/" + home.Bucket + "/.skep/store"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			return err
		}
		answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			return fmt.Errorf("an unsigned request for %q was answered with %s", path, answer.Status)
		}
	}
	return nil
}

// encrypted finds an object as it is stored and looks whether anything of it shows.
func encrypted(ctx context.Context, p *probe) error {
	const name, secret = "host-name-to-hide", "a secret that must not show"
	content := bytes.Repeat([]byte(secret+"\n"), 1000)
	if err := p.writes(ctx, p.s3, p.s3, name, content); err != nil {
		return err
	}
	cipher, ok := p.store.FS.(interface{ EncryptFileName(string) string })
	if !ok {
		return errors.New("the store is not encrypted at all")
	}
	path := cipher.EncryptFileName(home.Bucket + "/" + p.prefix + name)
	for _, word := range []string{name, ".skep", home.Bucket + "/"} {
		if strings.Contains(path, word) {
			return fmt.Errorf("the stored name shows %q", word)
		}
	}
	object, err := p.store.Raw.NewObject(ctx, path)
	if err != nil {
		return fmt.Errorf("find the object as stored: %w", err)
	}
	body, err := object.Open(ctx)
	if err != nil {
		return fmt.Errorf("read the object as stored: %w", err)
	}
	defer body.Close()
	stored, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("read the object as stored: %w", err)
	}
	if bytes.Contains(stored, []byte(secret)) || len(stored) <= len(content) {
		return errors.New("the stored content is not encrypted")
	}
	return nil
}

func passphraseFits(ctx context.Context, p *probe) error {
	salts, err := history.Salts(ctx, p.store.FS)
	if err != nil {
		return err
	}
	phrase, err := p.home.Passphrase()
	if err != nil {
		return err
	}
	for _, stack := range slices.Sorted(maps.Keys(salts)) {
		if salts[stack] == "" {
			continue // no secrets, or another secrets provider
		}
		if err := passphrase.Verify(phrase, salts[stack]); err != nil {
			return fmt.Errorf("stack %q: %w: import the team's key with scripts/state key import", stack, err)
		}
	}
	return nil
}
