package keys

import (
	"crypto/ecdsa"
	"fmt"
)

// AuthorityKey derives a key of the cluster's own certificate authority: purpose
// says which of them.
func (s Seed) AuthorityKey(purpose string) (*ecdsa.PrivateKey, error) {
	key, err := s.ecdsaP256("authority/" + purpose)
	if err != nil {
		return nil, fmt.Errorf("derive the authority's key of %s: %w", purpose, err)
	}
	return key, nil
}

// AuthoritySerial derives the serial number of a certificate: another for every
// content, since browsers refuse two certificates of one number.
func (s Seed) AuthoritySerial(content string) []byte {
	const serialLen = 16
	return s.tag("authority-serial", content)[:serialLen]
}
