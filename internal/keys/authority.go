package keys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
)

// AuthorityKey derives a key of the cluster's own certificate authority: purpose
// says which of them.
func (s Seed) AuthorityKey(purpose string) *ecdsa.PrivateKey {
	for attempt := 0; ; attempt++ {
		scalar := s.derive(fmt.Sprintf("authority/%s/%d", purpose, attempt), 32)
		// Not every number is a key: one in four thousand million is too large.
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar); err == nil {
			return key
		}
	}
}

// AuthoritySerial derives the serial number of a certificate: another for every
// content, since browsers refuse two certificates of one number.
func (s Seed) AuthoritySerial(content string) []byte {
	const serialLen = 16
	return s.tag("authority-serial", content)[:serialLen]
}
