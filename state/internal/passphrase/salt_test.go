package passphrase

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Written by Pulumi 3.259.0 with the passphrase "oldpass".
const fromPulumi = "v1:TZ78QYfQbz4=:v1:yUzABOO5TOGdVhnk:cqVj6f8G4p3bIE79xYVA/Cz5NtcKKg=="

func TestVerifyAgainstPulumi(t *testing.T) {
	if err := Verify("oldpass", fromPulumi); err != nil {
		t.Errorf("right passphrase: %v", err)
	}
	if err := Verify("newpass", fromPulumi); !errors.Is(err, ErrMismatch) {
		t.Errorf("wrong passphrase: got %v, want ErrMismatch", err)
	}
}

func TestVerifyRefusesOtherFormats(t *testing.T) {
	for _, salt := range []string{"", "v2:a:b", "v1:!!:v1:AAAA:AAAA", "v1:AAAA:v1:AAAA", "v1:AAAA:v1:AAAA:AAAA"} {
		if err := Verify("oldpass", salt); err == nil || errors.Is(err, ErrMismatch) {
			t.Errorf("Verify(%q) = %v, want a format error", salt, err)
		}
	}
}

func TestFromConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "Pulumi.lab.yaml")
	for text, want := range map[string]string{
		"encryptionsalt: " + fromPulumi + "\nconfig:\n  a: b\n": fromPulumi,
		"config:\n  x:encryptionsalt: no\n":                     "",
		"":                                                      "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := FromConfig(path); err != nil || got != want {
			t.Errorf("FromConfig(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
}
