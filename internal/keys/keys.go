// Package keys derives every key of a cluster from random seeds, so that the
// state holds one seed per host instead of one key per pair of hosts.
//
// All derivations are HKDF-SHA256 (RFC 5869) with an info string that names
// the purpose, the owner and the epoch: raising an epoch in config makes a new
// key without a new seed, and no two purposes ever share key material.
package keys

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// SeedLen is the least length of a seed, in bytes: the strength of every key
// derived here is that of a 256-bit secret.
const SeedLen = 32

// Seed is the random secret from which keys derive. It comes from a
// random.RandomBytes resource and lives in encrypted state only.
type Seed []byte

// ParseSeed decodes the standard base64 that random.RandomBytes gives out.
// The error never holds the text, since it is a secret.
func ParseSeed(encoded string) (Seed, error) {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New("decode seed: not standard base64")
	}
	if len(raw) < SeedLen {
		return nil, fmt.Errorf("decode seed: %d bytes, need at least %d", len(raw), SeedLen)
	}
	return Seed(raw), nil
}

// derive expands the seed for one purpose into n bytes.
func (s Seed) derive(info string, n int) []byte {
	// A nil salt is what RFC 5869 §3.1 allows where the input is already
	// uniformly random, as a seed is.
	out, err := hkdf.Key(sha256.New, s, nil, "skep/v1/"+info, n)
	if err != nil {
		// Only a length over 255 hashes (8,160 bytes) fails, and n is fixed here.
		panic(fmt.Sprintf("derive %q: %v", info, err))
	}
	return out
}
