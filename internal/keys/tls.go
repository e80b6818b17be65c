package keys

import (
	"crypto/ecdsa"
	"fmt"
)

// TLSKey derives the ECDSA P-256 key of a certificate, by what that is for.
// Raising the epoch makes a new one.
func (s Seed) TLSKey(purpose string, epoch int) (*ecdsa.PrivateKey, error) {
	key, err := s.ecdsaP256(fmt.Sprintf("tls/%s/%d", purpose, epoch))
	if err != nil {
		return nil, fmt.Errorf("derive the key of %s: %w", purpose, err)
	}
	return key, nil
}
