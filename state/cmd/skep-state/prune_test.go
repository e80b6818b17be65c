package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7"

	"skep/state/internal/home"
)

// checkpoint is a compressed checkpoint whose secrets are under the given salt.
func checkpoint(t *testing.T, salt string) []byte {
	t.Helper()
	var text bytes.Buffer
	zip := gzip.NewWriter(&text)
	fmt.Fprintf(zip, `{"version":3,"checkpoint":{"latest":{"secrets_providers":{"type":"passphrase","state":{"salt":%q}}}}}`, salt)
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// update is what Pulumi leaves of one update of stack skep/lab.
func update(t *testing.T, s3 *minio.Core, n int, salt string) {
	t.Helper()
	for _, object := range []string{
		".pulumi/history/skep/lab/lab-%d.history.json.gz", ".pulumi/history/skep/lab/lab-%d.checkpoint.json.gz",
		".pulumi/backups/skep/lab/lab.%d.json.gz",
	} {
		if err := put(t.Context(), s3, fmt.Sprintf(object, 1795321585839214950+n), checkpoint(t, salt)); err != nil {
			t.Fatal(err)
		}
	}
}

func left(t *testing.T, s3 *minio.Core) (keys []string) {
	t.Helper()
	found, err := s3.ListObjectsV2(home.Bucket, ".pulumi/", "", "", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range found.Contents {
		keys = append(keys, object.Key)
	}
	return keys
}

func TestPrune(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	mustRun(t, h, "start")
	s3 := connect(t, h)
	always := []string{".pulumi/meta.yaml", ".pulumi/stacks/skep/lab.json.gz", ".pulumi/stacks/skep/other.json.gz"}
	for _, key := range always {
		if err := put(t.Context(), s3, key, checkpoint(t, "new")); err != nil {
			t.Fatal(err)
		}
	}
	const bak, lock = ".pulumi/stacks/skep/lab.json.gz.bak", ".pulumi/locks/organization/skep/lab/x.json"
	if err := put(t.Context(), s3, bak, checkpoint(t, "old")); err != nil {
		t.Fatal(err)
	}
	for n, salt := range []string{"old", "old", "old", "new"} {
		update(t, s3, n, salt)
	}
	before := left(t, s3)
	mustRun(t, h, "prune", "--keep", "2", "--rekeyed", "--dry-run")
	mustRun(t, h, "prune", "--keep", "0", "--stack", "skep/another")
	if diff := cmp.Diff(before, left(t, s3)); diff != "" {
		t.Fatalf("a dry run or a stack that is not there changed the store (-want +got):\n%s", diff)
	}
	if err := put(t.Context(), s3, lock, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if r := program(t, h, "", "prune", "--keep", "0", "--stack", "lab"); r.code != exitFault || len(left(t, s3)) != len(before)+1 {
		t.Errorf("pruning a locked stack: exit %d, %s", r.code, r.err)
	}
	if err := s3.RemoveObject(t.Context(), home.Bucket, lock, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	mustRun(t, h, "prune", "--keep", "2")
	if got := len(left(t, s3)); got != len(always)+1+2*3 {
		t.Errorf("%d objects are left after --keep 2: %v", got, left(t, s3))
	}
	mustRun(t, h, "prune", "--rekeyed")
	want := append(slices.Clone(always),
		".pulumi/history/skep/lab/lab-1795321585839214953.history.json.gz", ".pulumi/history/skep/lab/lab-1795321585839214953.checkpoint.json.gz",
		".pulumi/backups/skep/lab/lab.1795321585839214953.json.gz")
	slices.Sort(want)
	if diff := cmp.Diff(want, left(t, s3)); diff != "" {
		t.Errorf("after --rekeyed (-want +got):\n%s", diff)
	}
}
