package keys

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// ACMEAccount derives the key of the account at an ACME authority, in PEM: who
// has it has the account, on whatever host.
func (s Seed) ACMEAccount() (string, error) {
	private, err := s.ecdsaP256("acme-account")
	if err != nil {
		return "", fmt.Errorf("derive ACME account key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return "", fmt.Errorf("encode ACME account key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})), nil
}

// ACMEBundle derives the key pair with which hosts encrypt certificates for one
// another. It has the form of an SSH key, which age takes.
func (s Seed) ACMEBundle() (SSHKey, error) {
	return s.ed25519("acme-bundle")
}
