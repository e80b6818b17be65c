// Package property checks against the real store what Pulumi and several operators rely on.
package property

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"skep/state/internal/client"
	"skep/state/internal/gateway"
	"skep/state/internal/home"
	"skep/state/internal/store"
)

// limit bounds one property; a store that is slower than this cannot hold Pulumi's state.
const limit = 60 * time.Second

// property is one thing that must hold.
type property struct {
	name  string
	holds func(context.Context, *probe) error
}

// properties are in the order in which they are checked and printed.
var properties = []property{
	{"put and get", putAndGet},
	{"overwrite", overwrite},
	{"copy", copyObject},
	{"list after write", listAfterWrite},
	{"multipart", multipart},
	{"conditional put", conditionalPut},
	{"twenty at once, one wins", conditionalRace},
	{"two gateways agree", twoGateways},
	{"two gateways, one wins", raceBetweenGateways},
	{"unsigned is refused", unsignedRefused},
	{"names and contents encrypted", encrypted},
	{"passphrase fits every stack", passphraseFits},
}

// errNote marks a property that is worth knowing but that nothing relies on.
var errNote = errors.New("note")

// probe is what the properties work with. All their objects are below one prefix that no other run uses.
type probe struct {
	home   home.Home
	store  *store.Store
	s3     *minio.Core // through the running gateway
	other  *minio.Core // through a second gateway on the same store, in this process
	prefix string
}

// Check checks every property and prints a line for each; its error says how many do not hold.
func Check(ctx context.Context, h home.Home, out io.Writer) error {
	p, stop, err := newProbe(ctx, h)
	if err != nil {
		return err
	}
	defer stop()
	broken := 0
	for _, property := range properties {
		started := time.Now()
		err := bounded(ctx, p, property)
		took := time.Since(started).Round(time.Millisecond)
		switch {
		case err == nil:
			fmt.Fprintf(out, "ok    %-30s %s\n", property.name, took)
		case errors.Is(err, errNote):
			fmt.Fprintf(out, "note  %-30s %s  %v\n", property.name, took, err)
		default:
			broken++
			fmt.Fprintf(out, "FAIL  %-30s %s  %v\n", property.name, took, err)
		}
	}
	if err := p.clean(ctx); err != nil {
		return err
	}
	if broken > 0 {
		return fmt.Errorf("check store %q: %d of %d properties do not hold: do not keep state there", store.Describe(h), broken, len(properties))
	}
	return nil
}

func bounded(ctx context.Context, p *probe, property property) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return property.holds(ctx, p)
}

func newProbe(ctx context.Context, h home.Home) (*probe, func(), error) {
	key, err := h.CryptKey()
	if err != nil {
		return nil, nil, err
	}
	address, err := h.Address()
	if err != nil {
		return nil, nil, err
	}
	p := &probe{home: h, prefix: ".skep/check/" + nonce() + "/"}
	if p.store, err = store.Open(ctx, h, key); err != nil {
		return nil, nil, err
	}
	if p.s3, err = client.New(h, address); err != nil {
		return nil, nil, err
	}
	credentials, err := h.Credentials()
	if err != nil {
		return nil, nil, err
	}
	second, err := gateway.Start(p.store, "127.0.0.1:0", credentials)
	if err != nil {
		return nil, nil, err
	}
	p.other, err = client.New(h, second.Address)
	return p, func() { second.Stop() }, err
}

// clean removes what the check wrote.
func (p *probe) clean(ctx context.Context) error {
	for range 10 { // an object more would be one that this check did not write
		found, err := p.s3.ListObjectsV2(home.Bucket, p.prefix, "", "", "", 1000)
		if err != nil {
			return fmt.Errorf("clean up after the check: %w", err)
		}
		if len(found.Contents) == 0 {
			return nil
		}
		for _, object := range found.Contents {
			if err := p.s3.RemoveObject(ctx, home.Bucket, object.Key, minio.RemoveObjectOptions{}); err != nil {
				return fmt.Errorf("clean up after the check: remove %q: %w", object.Key, err)
			}
		}
	}
	return fmt.Errorf("clean up after the check: objects below %q do not go away", p.prefix)
}

func nonce() string {
	raw := make([]byte, 8)
	rand.Read(raw)
	return hex.EncodeToString(raw)
}
