package ca

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

func TestIssue(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := second.Issue("registry.skep.internal")
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: first.Pool(), DNSName: "registry.skep.internal"}); err != nil {
		t.Errorf("verify: %v", err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: first.Pool(), DNSName: "other.skep.internal"}); err == nil {
		t.Error("good for any name")
	}
	info, err := os.Stat(filepath.Join(dir, "ca.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v", info, err)
	}
}
