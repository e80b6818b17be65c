// Package toolbox is the form in which hosts get files over stdin, and makes
// host scripts small: every host's state holds them all, twice (as what a
// command was given, and as what it keeps).
package toolbox

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// hereDocument is the start of one; the first group says whether its lines may
// be indented with tabs, the second names its last line.
var hereDocument = regexp.MustCompile(`(?:^|[^<])<<(-?)['"]?([A-Za-z_]+)['"]?`)

// Lean takes the lines out of a shell script that are comments and nothing else,
// but for the first: people read them in the source. What stands in a here
// document is no comment.
func Lean(script string) string {
	var b strings.Builder
	first, end, tabs := true, "", false
	for line := range strings.Lines(script) {
		bare := strings.TrimSuffix(line, "\n")
		switch {
		case end != "":
			if tabs {
				bare = strings.TrimLeft(bare, "\t")
			}
			if bare == end {
				end = ""
			}
		case !first && strings.HasPrefix(strings.TrimLeft(bare, "\t "), "#"):
			continue
		default:
			if m := hereDocument.FindStringSubmatch(bare); m != nil {
				tabs, end = m[1] == "-", m[2]
			}
		}
		first = false
		b.WriteString(line)
	}
	return b.String()
}

// fileMark starts the line before each file of an archive, its path follows.
const fileMark = "@@skep "

// File is one file of an archive.
func File(path, text string) string { return fileMark + path + "\n" + text }

// width is that of a line of base64: one of 64 KiB would hang who reads line by
// line.
const width = 76

// Fold is content in base64, in lines, without an end of the last.
func Fold(content []byte) string {
	encoded := base64.StdEncoding.EncodeToString(content)
	var b strings.Builder
	for len(encoded) > width {
		b.WriteString(encoded[:width] + "\n")
		encoded = encoded[width:]
	}
	return b.String() + encoded
}

// Pack is what `base64 -d | gzip -d` turns back into text. The same text always
// gives the same, whatever Go this was built with: the compressor is a library's.
func Pack(text string) (string, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return "", fmt.Errorf("pack scripts: %w", err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return "", fmt.Errorf("pack scripts: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("pack scripts: %w", err)
	}
	return Fold(packed.Bytes()) + "\n", nil
}
