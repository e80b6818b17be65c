package secret

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"skep/internal/keys"
)

const (
	alnum    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	hexChars = "0123456789abcdef"
	shortest = 8
	longest  = 1024
)

func (g *Generate) length() int {
	if g.Length == 0 {
		return DefaultLength
	}
	return g.Length
}

func (g *Generate) validate() error {
	switch {
	case g.Format != "" && g.Charset != "":
		return fmt.Errorf("generate: format and charset together: need one of them")
	case g.Format == "uuid" && g.Length != 0:
		return fmt.Errorf("generate.length: a uuid has its own")
	case g.length() < shortest || g.length() > longest:
		return fmt.Errorf("generate.length: %d: need %d to %d", g.length(), shortest, longest)
	case g.Charset != "":
		return validateCharset(g.Charset)
	}
	switch g.Format {
	case "", "alnum", "hex", "base64", "uuid":
		return nil
	}
	return fmt.Errorf("generate.format: %q: need alnum, hex, base64 or uuid", g.Format)
}

func validateCharset(charset string) error {
	seen := map[rune]bool{}
	for _, r := range charset {
		if r < ' ' || r > '~' {
			return fmt.Errorf("generate.charset: %q: need printable ASCII characters", r)
		}
		if seen[r] {
			return fmt.Errorf("generate.charset: %q is there twice", r)
		}
		seen[r] = true
	}
	if utf8.RuneCountInString(charset) < 2 {
		return fmt.Errorf("generate.charset: need two characters or more")
	}
	return nil
}

// value derives the text. Another name or rotation gives another one, and
// another length too: no value is the beginning of another.
func (g *Generate) value(seed keys.Seed, name string, rotation int) (string, error) {
	purpose := fmt.Sprintf("%s/%s%s/%d", name, g.Format, g.Charset, g.length())
	random := func(n int) []byte { return seed.StackSecret(purpose, rotation, n) }
	switch g.Format {
	case "base64":
		return base64.StdEncoding.EncodeToString(random(g.length())), nil
	case "uuid":
		b := random(16)
		b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, variant 1 (RFC 9562 §5.4)
		x := hex.EncodeToString(b)
		return strings.Join([]string{x[:8], x[8:12], x[12:16], x[16:20], x[20:]}, "-"), nil
	case "hex":
		return pick(hexChars, g.length(), random)
	}
	if g.Charset != "" {
		return pick(g.Charset, g.length(), random)
	}
	return pick(alnum, g.length(), random)
}

// pick chooses n characters, each as likely as any other: bytes beyond the
// largest multiple of the charset's size are passed over.
func pick(charset string, n int, random func(int) []byte) (string, error) {
	bound := 256 - 256%len(charset)
	var b strings.Builder
	// At least half of all bytes can be used; four times as many as needed and
	// some more run short less than once in 2^64.
	for _, c := range random(4*n + 256) {
		if int(c) < bound && b.Len() < n {
			b.WriteByte(charset[int(c)%len(charset)])
		}
	}
	if b.Len() < n {
		return "", fmt.Errorf("too few usable random bytes: raise rotate")
	}
	return b.String(), nil
}
