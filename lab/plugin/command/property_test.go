package command

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func sortedLines(text string) []string {
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return lines
}

func textAsset(t *testing.T, text string) resource.PropertyValue {
	t.Helper()
	asset, err := resource.NewTextAsset(text)
	if err != nil {
		t.Fatal(err)
	}
	return resource.NewProperty(asset)
}

// FuzzCapture writes any bytes in any pieces: what comes out is the same text
// whatever the pieces were, and the log has every line once.
func FuzzCapture(f *testing.F) {
	f.Add([]byte("a\nb\n"), 1)
	f.Add([]byte("\n\n\xff\n"), 2)
	f.Add(bytes.Repeat([]byte("x"), 3*maxLine), 1000)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		piece = max(1, min(piece, len(data)+1))
		var logged []string
		c := &capture{log: newLineLog(redactor{}, func(message string) error {
			logged = append(logged, strings.Split(message, "\n")...)
			return nil
		})}
		w := c.writer(&c.stdout, true)
		for part := range slices.Chunk(data, piece) {
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		c.close()
		out := c.output()
		if want := strings.ToValidUTF8(strings.TrimSuffix(string(data), "\n"), replacement); out.stdout != want {
			t.Errorf("stdout %q, want %q", out.stdout, want)
		}
		if !utf8.ValidString(out.stdout) || !utf8.ValidString(c.report()) {
			t.Error("output is not UTF-8")
		}
		lines := bytes.Count(data, []byte{'\n'})
		if len(data) > 0 && data[len(data)-1] != '\n' {
			lines++
		}
		if len(logged) != lines {
			t.Errorf("%d lines logged, want %d", len(logged), lines)
		}
	})
}
