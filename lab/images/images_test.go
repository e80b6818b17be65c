package images

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAssembleIsReproducible(t *testing.T) {
	var digests []string
	for range 2 {
		image, err := All[0].assemble([]byte("program"))
		if err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest.String())
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"/whoami"}, config.Config.Entrypoint); diff != "" {
			t.Errorf("entrypoint (-want +got)\n%s", diff)
		}
		if config.Config.User != "" {
			t.Errorf("user %q: the compose file chooses it", config.Config.User)
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("digests differ: %s", digests)
	}
}

func TestFingerprintNeedsSources(t *testing.T) {
	if _, err := Fingerprint(t.TempDir()); err == nil {
		t.Error("no sources, no error")
	}
	first, err := Fingerprint("..")
	if err != nil {
		t.Fatal(err)
	}
	second, err := Fingerprint("..")
	if err != nil || first != second {
		t.Errorf("fingerprints %q, %q, %v", first, second, err)
	}
}
