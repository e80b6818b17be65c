// Package passphrase tells whether a passphrase fits a Pulumi stack, before Pulumi runs and with a message that names
// the remedy. The format is that of Pulumi's passphrase secrets provider: "v1:<salt>:v1:<nonce>:<ciphertext>".
package passphrase

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
)

// ErrMismatch means that the stack's secrets are encrypted with another passphrase.
var ErrMismatch = errors.New("the passphrase does not fit")

const (
	iterations = 1_000_000 // fixed by Pulumi
	keyLength  = 32
	plaintext  = "pulumi" // what Pulumi encrypts as its own check
)

// Verify checks the passphrase against a stack's encryption salt. It takes about a third of a second, by design of the
// key derivation.
func Verify(passphrase, state string) error {
	parts := strings.SplitN(state, ":", 3)
	if len(parts) != 3 || parts[0] != "v1" {
		return fmt.Errorf("read encryption salt %q: its format is unknown", state)
	}
	sealed := strings.Split(parts[2], ":")
	if len(sealed) != 3 || sealed[0] != "v1" {
		return fmt.Errorf("read encryption salt %q: its format is unknown", state)
	}
	salt, err1 := base64.StdEncoding.DecodeString(parts[1])
	nonce, err2 := base64.StdEncoding.DecodeString(sealed[1])
	text, err3 := base64.StdEncoding.DecodeString(sealed[2])
	if err := errors.Join(err1, err2, err3); err != nil {
		return fmt.Errorf("read encryption salt %q: %w", state, err)
	}
	key, err := pbkdf2.Key(sha256.New, passphrase, salt, iterations, keyLength)
	if err != nil {
		return fmt.Errorf("derive the key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return fmt.Errorf("derive the key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil || len(nonce) != aead.NonceSize() {
		return fmt.Errorf("read encryption salt %q: its format is unknown", state)
	}
	if got, err := aead.Open(nil, nonce, text, nil); err != nil || string(got) != plaintext {
		return ErrMismatch
	}
	return nil
}

// FromConfig finds the encryption salt in a Pulumi.<stack>.yaml; empty when the stack has none, or has another
// secrets provider.
func FromConfig(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read stack configuration: %w", err)
	}
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for scanner.Scan() {
		// A top-level key of YAML as Pulumi itself writes it.
		if value, found := strings.CutPrefix(scanner.Text(), "encryptionsalt:"); found {
			return strings.Trim(strings.TrimSpace(value), `"'`), nil
		}
	}
	return "", scanner.Err()
}
