package acme

import (
	"testing"

	"skep/internal/scripttest"
)

func TestScripts(t *testing.T) {
	scripttest.Run(t, "../host/prelude.sh", "acme.sh", "acme-bundle.sh", "acme-order.sh", "acme-dns.sh", "testdata/docker", "testdata/lego",
		"testdata/age", "testdata/date", "testdata/systemctl", "testdata/chgrp", "testdata/hostname", "testdata/curl", "testdata/sleep")
}
