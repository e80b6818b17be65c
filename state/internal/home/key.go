package home

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// CryptKey is what encrypts names and contents in the store: rclone's two crypt passwords.
type CryptKey struct {
	Password string `json:"password"`
	Salt     string `json:"salt"`
}

// Bundle is everything another operator, or the same one on a new machine, needs to read the state.
type Bundle struct {
	Version    int    `json:"skepStateKey"`
	Password   string `json:"password"`
	Salt       string `json:"salt"`
	Passphrase string `json:"passphrase"`
	Check      string `json:"check"` // digest over the rest: a key that was typed or cut wrong is noticed
}

const bundleVersion = 1

// random is n random bytes as text that needs no quoting anywhere.
func random(n int) string {
	raw := make([]byte, n)
	rand.Read(raw) // never fails: the runtime stops the program instead
	return base64.RawURLEncoding.EncodeToString(raw)
}

func newCryptKey() CryptKey { return CryptKey{Password: random(32), Salt: random(32)} }

func (k CryptKey) encode() ([]byte, error) {
	text, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("encode the crypt key: %w", err)
	}
	return append(text, '\n'), nil
}

// Fingerprint tells keys apart without telling anything about them.
func (k CryptKey) Fingerprint() string {
	sum := sha256.Sum256([]byte("skep state key fingerprint\n" + k.Password + "\n" + k.Salt))
	return hex.EncodeToString(sum[:4])
}

// CryptKey reads the key of this home.
func (h Home) CryptKey() (CryptKey, error) {
	text, err := os.ReadFile(h.Path(keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return CryptKey{}, fmt.Errorf("%w at %q: run scripts/state init", ErrNotInitialised, h.Dir)
	}
	if err != nil {
		return CryptKey{}, fmt.Errorf("read the crypt key: %w", err)
	}
	var key CryptKey
	if json.Unmarshal(text, &key) != nil || key.Password == "" || key.Salt == "" {
		return CryptKey{}, fmt.Errorf("read the crypt key: %q is damaged: restore it with scripts/state key import", h.Path(keyFile))
	}
	return key, nil
}

// Passphrase reads the passphrase that Pulumi encrypts secret values with.
func (h Home) Passphrase() (string, error) {
	text, err := os.ReadFile(h.PassphraseFile())
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// Export gathers the bundle of this home.
func (h Home) Export() ([]byte, error) {
	key, err := h.CryptKey()
	if err != nil {
		return nil, err
	}
	passphrase, err := h.Passphrase()
	if err != nil {
		return nil, err
	}
	b := Bundle{Version: bundleVersion, Password: key.Password, Salt: key.Salt, Passphrase: passphrase}
	b.Check = b.digest()
	text, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	return append(text, '\n'), nil
}

// ParseBundle reads an exported bundle; its errors never repeat the text, which is secret.
func ParseBundle(text []byte) (Bundle, error) {
	var b Bundle
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&b) != nil || b.Password == "" || b.Salt == "" || b.Passphrase == "" {
		return Bundle{}, errors.New("read the key from standard input: it is no exported key: make one with scripts/state key export")
	}
	if b.Version != bundleVersion {
		return Bundle{}, fmt.Errorf("read the key from standard input: version %d is unknown here: use a newer skep-state", b.Version)
	}
	if b.Check != b.digest() {
		return Bundle{}, errors.New("read the key from standard input: it was changed on its way (its check does not match): export it again")
	}
	return b, nil
}

// CryptKey is the part of the bundle that reads the store.
func (b Bundle) CryptKey() CryptKey { return CryptKey{Password: b.Password, Salt: b.Salt} }

func (b Bundle) digest() string {
	sum := sha256.Sum256([]byte(b.Password + "\n" + b.Salt + "\n" + b.Passphrase))
	return hex.EncodeToString(sum[:4])
}

// Import makes the bundle the key of this home. The caller has checked that it reads the store.
// What it replaces is kept beside it: an old bundle imported by mistake must not cost a newer passphrase.
func (h Home) Import(b Bundle) error {
	key, err := b.CryptKey().encode()
	if err != nil {
		return err
	}
	old := time.Now().UTC().Format(".20060102T150405.000000000Z.old")
	for _, name := range []string{passphraseFile, keyFile} {
		if err := os.Link(h.Path(name), h.Path(name+old)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keep the present key: %w", err)
		}
	}
	if err := h.write(passphraseFile, []byte(b.Passphrase+"\n")); err != nil {
		return err
	}
	return h.write(keyFile, key)
}
