package secret

import (
	"encoding/base64"
	"fmt"

	"golang.org/x/crypto/argon2"
	//lint:ignore SA1019 bcrypt is made of it
	"golang.org/x/crypto/blowfish"
)

// bcryptCost is the one that x/crypto/bcrypt and most tools take by default.
const bcryptCost = 10

// bcryptLongest is how much of a password bcrypt reads; what follows would not
// count, without a word.
const bcryptLongest = 72

// Parameters of argon2id: those of RFC 9106 §4, second choice.
const (
	argonPasses, argonMemory, argonLanes, argonLen = 3, 64 << 10, 4, 32
)

// bcryptText is bcrypt's own alphabet.
var bcryptText = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

// bcryptHash is bcrypt with a given salt: x/crypto/bcrypt draws its own, so
// that every run would give another hash.
func bcryptHash(password string, salt []byte) (string, error) {
	if len(password) > bcryptLongest {
		return "", fmt.Errorf("bcrypt reads %d bytes of a password, and the source has %d: shorten it, or use argon2", bcryptLongest, len(password))
	}
	key := append([]byte(password), 0)
	cipher, err := blowfish.NewSaltedCipher(key, salt)
	if err != nil {
		return "", fmt.Errorf("hash with bcrypt: %w", err)
	}
	for range 1 << bcryptCost {
		blowfish.ExpandKey(key, cipher)
		blowfish.ExpandKey(salt, cipher)
	}
	sum := []byte("OrpheanBeholderScryDoubt")
	for i := 0; i < len(sum); i += blowfish.BlockSize {
		for range 64 {
			cipher.Encrypt(sum[i:], sum[i:])
		}
	}
	// Its authors left off the last byte, and so does everybody since.
	return fmt.Sprintf("$2a$%02d$%s%s", bcryptCost, bcryptText.EncodeToString(salt), bcryptText.EncodeToString(sum[:23])), nil
}

func argon2Hash(password string, salt []byte) string {
	sum := argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonLanes, argonLen)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes, b64(salt), b64(sum))
}
