package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// StackSecret derives n bytes for a generated secret of a stack, n at most 8,160.
func (s Seed) StackSecret(purpose string, rotation, n int) []byte {
	return s.derive(fmt.Sprintf("stack-secret/%s/%d", purpose, rotation), n)
}

// StackSalt derives the salt with which a secret of a stack is hashed: another
// for every value, and the same whenever the value is.
func (s Seed) StackSalt(algorithm, name, value string) []byte {
	const saltLen = 16
	return s.tag("stack-salt/"+algorithm+"/"+name, value)[:saltLen]
}

// ObjectTag is the part of a swarm object's name that changes with its content.
// It is keyed, since names are public and a bare hash of a short password could
// be tried out.
func (s Seed) ObjectTag(name, value string) string {
	const tagLen = 5
	return hex.EncodeToString(s.tag("stack-object/"+name, value)[:tagLen])
}

func (s Seed) tag(purpose, value string) []byte {
	mac := hmac.New(sha256.New, s.derive(purpose, sha256.Size))
	mac.Write([]byte(value)) // never fails (hash.Hash)
	return mac.Sum(nil)
}
