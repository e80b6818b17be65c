// Package scripttest runs host scripts against fakes: each test is a testscript
// file that brings the programs it fakes as small shell scripts below bin/.
package scripttest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"skep/internal/toolbox"
)

// Run runs every testdata/*.txtar of the package under test. scripts are the
// files, relative to the package, that lie side by side on a host; in a test
// they are in $SCRIPTS. Fakes write what they are called with to $CALLS; files
// that a script has at a fixed place are below $SKEP_ROOT.
func Run(t *testing.T, scripts ...string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			dir := filepath.Join(e.WorkDir, "scripts")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			for _, script := range scripts {
				text, err := os.ReadFile(script)
				if err != nil {
					return err
				}
				if name := filepath.Base(script); name == "prelude.sh" || strings.Contains(string(text), "/prelude.sh") {
					text = []byte(toolbox.Lean(string(text))) // as on a host
				}
				if err := os.WriteFile(filepath.Join(dir, filepath.Base(script)), text, 0o755); err != nil {
					return err
				}
			}
			fakes, _ := filepath.Glob(filepath.Join(e.WorkDir, "bin", "*"))
			for _, fake := range fakes {
				if err := os.Chmod(fake, 0o755); err != nil {
					return err
				}
			}
			e.Setenv("SCRIPTS", dir)
			e.Setenv("SKEP_FAKES", filepath.Join(e.WorkDir, "bin"))
			e.Setenv("SKEP_ROOT", filepath.Join(e.WorkDir, "root"))
			e.Setenv("CALLS", filepath.Join(e.WorkDir, "calls"))
			return nil
		},
	})
}
