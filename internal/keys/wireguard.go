package keys

import (
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
)

// WireGuardKey is a Curve25519 private key, or a pre-shared key, as WireGuard
// takes it: 32 bytes, written in standard base64.
type WireGuardKey [32]byte

// WireGuard derives the private key of owner (a host or a roaming peer) for an
// epoch. Epochs start at 0.
func (s Seed) WireGuard(owner string, epoch int) WireGuardKey {
	var key WireGuardKey
	copy(key[:], s.derive(fmt.Sprintf("wireguard/%s/%d", owner, epoch), len(key)))
	// Clamping as in RFC 7748 §5; WireGuard does it too, and a key that is
	// clamped already is shown unchanged by `wg show`.
	key[0] &= 248
	key[31] = key[31]&127 | 64
	return key
}

// PreSharedKey derives the key that the pair a, b mixes into its handshakes.
// The order of a and b does not matter.
func (s Seed) PreSharedKey(a, b string, epoch int) WireGuardKey {
	if b < a {
		a, b = b, a
	}
	var key WireGuardKey
	copy(key[:], s.derive(fmt.Sprintf("preshared/%s/%s/%d", a, b, epoch), len(key)))
	return key
}

// Public is the public half of a private key.
func (k WireGuardKey) Public() WireGuardKey {
	private, err := ecdh.X25519().NewPrivateKey(k[:])
	if err != nil {
		// X25519 takes any 32 bytes; the array guarantees the length.
		panic(fmt.Sprintf("read WireGuard key: %v", err))
	}
	return WireGuardKey(private.PublicKey().Bytes())
}

// ParseWireGuardPublic reads a public key as `wg pubkey` prints it.
func ParseWireGuardPublic(text string) (WireGuardKey, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != len(WireGuardKey{}) {
		return WireGuardKey{}, errors.New("need 44 characters of base64, as wg pubkey prints them")
	}
	// The points of small order, with which every shared secret is zero (RFC
	// 7748 §6.1): any private key finds that out.
	public, err := ecdh.X25519().NewPublicKey(raw)
	if err != nil {
		return WireGuardKey{}, err
	}
	probe := WireGuardKey{31: 64}
	private, err := ecdh.X25519().NewPrivateKey(probe[:])
	if err != nil {
		return WireGuardKey{}, err
	}
	if _, err := private.ECDH(public); err != nil {
		return WireGuardKey{}, errors.New("this is no key that anybody can have: make one with wg genkey | wg pubkey")
	}
	return WireGuardKey(raw), nil
}

// Base64 is the key in the form of wg(8). It is a method of its own name, and
// not String, so that no formatting verb prints a private key by accident.
func (k WireGuardKey) Base64() string { return base64.StdEncoding.EncodeToString(k[:]) }

// String hides the key.
func (WireGuardKey) String() string { return "[WireGuard key]" }
