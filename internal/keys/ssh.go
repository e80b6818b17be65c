package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// SSHKey is a key pair for SSH.
type SSHKey struct {
	// Private is PEM that OpenSSH and x/crypto both read. It is a secret.
	Private string
	// Public is one authorized_keys line without a comment or newline.
	Public string
}

// BootstrapHostKey derives the SSH host key that a fresh machine gets through
// its user data, so that the very first connection can already be pinned.
//
// It is ECDSA on purpose: the host makes its lasting key itself and that one
// is Ed25519, so both can be served side by side until the lasting key is
// known to have arrived, and a run that dies in between can be repeated.
func (s Seed) BootstrapHostKey(host string) (SSHKey, error) {
	private, err := s.ecdsaP256("bootstrap-host-key/" + host)
	if err != nil {
		return SSHKey{}, fmt.Errorf("derive bootstrap host key of %q: %w", host, err)
	}
	// SEC 1 and not OpenSSH's own format: that one holds random check bytes,
	// and user data that differs on each run would replace the machine.
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return SSHKey{}, fmt.Errorf("encode bootstrap host key of %q: %w", host, err)
	}
	public, err := ssh.NewPublicKey(&private.PublicKey)
	if err != nil {
		return SSHKey{}, fmt.Errorf("encode bootstrap host key of %q: %w", host, err)
	}
	return SSHKey{
		Private: string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
		Public:  authorizedKey(public),
	}, nil
}

// ecdsaP256 derives a P-256 key by rejection sampling (FIPS 186-5 A.2.2):
// a candidate outside the curve's order is dropped and the next one tried.
func (s Seed) ecdsaP256(info string) (*ecdsa.PrivateKey, error) {
	const tries = 64 // each fails with a chance of about 2^-32
	for i := range tries {
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), s.derive(fmt.Sprintf("%s/%d", info, i), 32))
		if err == nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("no scalar in %d tries", tries)
}

// DeployKey derives the Ed25519 key with which the program logs in to hosts
// for which config names no key of the operator's own.
func (s Seed) DeployKey() (SSHKey, error) {
	return s.ed25519("deploy-key")
}

// ed25519 derives an Ed25519 key pair in the forms of OpenSSH.
func (s Seed) ed25519(info string) (SSHKey, error) {
	private := ed25519.NewKeyFromSeed(s.derive(info, ed25519.SeedSize))
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		return SSHKey{}, fmt.Errorf("encode %s: %w", info, err)
	}
	check := binary.BigEndian.Uint32(s.derive(info+"/check", 4))
	return SSHKey{Private: openSSHPrivateKey(private, public, check), Public: authorizedKey(public)}, nil
}

// openSSHPrivateKey writes openssh-key-v1 (PROTOCOL.key in OpenSSH's source),
// unencrypted. x/crypto's writer draws the check number at random; here it is
// derived, so that the same seed gives the same bytes on every run.
func openSSHPrivateKey(private ed25519.PrivateKey, public ssh.PublicKey, check uint32) string {
	pub := private.Public().(ed25519.PublicKey)
	inner := ssh.Marshal(struct {
		Check1, Check2     uint32
		Type               string
		Pub, Priv, Comment []byte
	}{check, check, ssh.KeyAlgoED25519, pub, private, []byte("skep")})
	for pad := byte(1); len(inner)%8 != 0; pad++ {
		inner = append(inner, pad)
	}
	outer := ssh.Marshal(struct {
		Cipher, KDF, KDFOptions string
		Keys                    uint32
		Public, Private         []byte
	}{"none", "none", "", 1, public.Marshal(), inner})
	block := pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: append([]byte("openssh-key-v1\x00"), outer...)}
	return string(pem.EncodeToMemory(&block))
}

func authorizedKey(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// ParsePrivateKey checks that text is a private key that the program can use
// and returns its public half. The error names the form that is wrong and
// never the content: a provider that fails on a malformed key prints it.
func ParsePrivateKey(text string) (string, error) {
	switch {
	case strings.HasPrefix(text, "PuTTY-User-Key-File"):
		return "", fmt.Errorf("read SSH private key: it is in PuTTY's form; convert it with puttygen KEY -O private-openssh")
	case strings.Contains(text, "\r"):
		return "", fmt.Errorf("read SSH private key: its lines end in CRLF; convert it with dos2unix")
	}
	signer, err := ssh.ParsePrivateKey([]byte(text))
	if _, locked := err.(*ssh.PassphraseMissingError); locked {
		return "", fmt.Errorf("read SSH private key: it has a passphrase; make one without (ssh-keygen -p), it is encrypted in the stack's config")
	}
	if err != nil {
		return "", fmt.Errorf("read SSH private key: not a private key in PEM or OpenSSH form")
	}
	return authorizedKey(signer.PublicKey()), nil
}
