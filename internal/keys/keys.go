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
	"fmt"
)

// SeedLen is the length of a seed: 44 letters and digits hold 262 bits
// (44 × log2 62), so every key derived here has the strength of a 256-bit secret.
const SeedLen = 44

// Seed is the random text from which keys derive. It comes from a
// random.RandomPassword resource and lives in encrypted state only.
type Seed string

// ParseSeed checks a seed. The error never holds the text, since it is a secret.
func ParseSeed(text string) (Seed, error) {
	if len(text) < SeedLen {
		return "", fmt.Errorf("read seed: %d characters, need at least %d", len(text), SeedLen)
	}
	return Seed(text), nil
}

// derive expands the seed for one purpose into n bytes.
func (s Seed) derive(info string, n int) []byte {
	// Extraction turns the text into a uniform key; a nil salt is what RFC 5869
	// §3.1 allows where the input has full entropy, as a seed does.
	out, err := hkdf.Key(sha256.New, []byte(s), nil, "skep/v1/"+info, n)
	if err != nil {
		// Only a length over 255 hashes (8,160 bytes) fails, and n is fixed here.
		panic(fmt.Sprintf("derive %q: %v", info, err))
	}
	return out
}
