package cloud

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
)

// NewUUID returns an id like those of VPCs, firewalls and volumes.
func NewUUID() string {
	b := randomBytes(16)
	b[6] = b[6]&0x0f | 0x40 // version 4
	b[8] = b[8]&0x3f | 0x80 // variant of RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// NewHexID returns an id like those of zones and DNS records.
func NewHexID() string { return hex.EncodeToString(randomBytes(16)) }

// NewNumber returns an id like those of SSH keys, as a decimal.
func NewNumber() string {
	const low, high = 40_000_000, 60_000_000
	n, err := rand.Int(rand.Reader, big.NewInt(high-low))
	if err != nil {
		panic(err) // crypto/rand never fails on the systems that we run on
	}
	return strconv.FormatInt(low+n.Int64(), 10)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return b
}
