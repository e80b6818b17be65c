package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder is a test that fails without ending the one that runs.
type recorder struct{ said string }

func (r *recorder) Helper()                        {}
func (r *recorder) Errorf(format string, _ ...any) { r.said += format }
func (r *recorder) Fatal(args ...any)              { r.said += args[0].(error).Error() }

func TestCompare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("kept\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{"kept\n": "", "kept": "differs", "": "differs"} {
		r := &recorder{}
		Compare(r, path, got)
		if (r.said == "") != (want == "") || !strings.Contains(r.said, want) {
			t.Errorf("%q: said %q, want %q", got, r.said, want)
		}
	}
}
