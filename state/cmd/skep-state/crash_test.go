package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"

	"skep/state/internal/home"
)

// version is the content of one object at one version; its size changes with it, as a checkpoint's does.
func version(key string, n int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%s version %d\n", key, n), 1+(n*7919)%4000)
}

// writer overwrites one object again and again until the gateway is gone, and knows what was acknowledged.
type writer struct {
	key         string
	acked, sent int
}

func (w *writer) run(ctx context.Context, s3 *minio.Core, count *atomic.Int64) {
	for {
		w.sent++
		if put(ctx, s3, w.key, version(w.key, w.sent)) != nil {
			return
		}
		w.acked = w.sent
		count.Add(1)
	}
}

// verify accepts the acknowledged version, or the one that was on its way when the gateway died, whole.
func (w *writer) verify(t *testing.T, s3 *minio.Core) {
	t.Helper()
	got, err := get(t.Context(), s3, w.key)
	if err != nil && w.acked == 0 {
		return
	}
	if err != nil {
		t.Errorf("%s: version %d was acknowledged but cannot be read: %v", w.key, w.acked, err)
		return
	}
	if !bytes.Equal(got, version(w.key, w.acked)) && !bytes.Equal(got, version(w.key, w.sent)) {
		t.Errorf("%s: %d bytes are neither the acknowledged version %d nor the one after it", w.key, len(got), w.acked)
	}
}

func get(ctx context.Context, s3 *minio.Core, key string) ([]byte, error) {
	body, _, _, err := s3.GetObject(ctx, home.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// crash kills the gateway in the middle of writes several times and verifies what it had acknowledged.
func crash(t *testing.T, h home.Home) {
	t.Helper()
	writers := make([]writer, 4)
	for i := range writers {
		writers[i].key = fmt.Sprintf(".pulumi/stacks/skep/stack-%d.json.gz", i)
	}
	for round := range 4 {
		mustRun(t, h, "start")
		s3 := connect(t, h)
		var (
			count atomic.Int64
			done  sync.WaitGroup
		)
		for i := range writers {
			writers[i].sent = writers[i].acked
			done.Go(func() { writers[i].run(t.Context(), s3, &count) })
		}
		waitFor(t, "acknowledged writes", func() bool { return count.Load() > int64(40+13*round) })
		kill(t, h)
		done.Wait()
		mustRun(t, h, "start")
		for i := range writers {
			writers[i].verify(t, connect(t, h))
		}
	}
}

func TestKilledGatewayLosesNothing(t *testing.T) {
	t.Parallel()
	crash(t, newHome(t))
}

// A reader without Pulumi's lock, on one gateway while the other overwrites, gets one version or the next, always whole.
func TestReadersNeverSeeHalfAWrite(t *testing.T) {
	t.Parallel()
	conf := folderConf(t, t.TempDir())
	first := newHome(t, "--remote-conf", conf)
	mustRun(t, first, "start")
	second := sharing(t, first, conf)
	mustRun(t, second, "start")
	wholeReads(t, connect(t, first), connect(t, second))
}

// wholeReads overwrites one object through one gateway and reads it through another.
func wholeReads(t *testing.T, one, two *minio.Core) {
	t.Helper()
	w := writer{key: "shared.json"}
	if err := put(t.Context(), one, w.key, version(w.key, 0)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var (
		count atomic.Int64
		done  sync.WaitGroup
	)
	done.Go(func() { w.run(ctx, one, &count) })
	defer done.Wait()
	defer stop()
	reads := 0
	for ; count.Load() < 200; reads++ {
		content, err := get(t.Context(), two, w.key)
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if _, err := fmt.Sscanf(string(content[:min(60, len(content))]), w.key+" version %d", &n); err != nil || !bytes.Equal(content, version(w.key, n)) {
			t.Fatalf("read %d bytes that are no whole version: they begin with version %d", len(content), n)
		}
	}
	t.Logf("%d whole reads while 200 writes went on", reads)
}

func TestTwoGatewaysSeeEachOther(t *testing.T) {
	t.Parallel()
	conf := folderConf(t, t.TempDir())
	first := newHome(t, "--remote-conf", conf)
	mustRun(t, first, "start")
	second := sharing(t, first, conf)
	mustRun(t, second, "start")
	seeEachOther(t, connect(t, first), connect(t, second))
}

// seeEachOther does what two Pulumi runs do with a lock and a checkpoint.
func seeEachOther(t *testing.T, one, two *minio.Core) {
	t.Helper()
	for round := range 20 {
		key := fmt.Sprintf(".pulumi/locks/organization/skep/lab/%d.json", round)
		if err := put(t.Context(), one, key, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if got := keys(t, two); len(got) != 1 || got[0] != key {
			t.Fatalf("round %d: the other gateway lists %v, want %q", round, got, key)
		}
		content := version(key, round)
		if err := put(t.Context(), one, "checkpoint", content); err != nil {
			t.Fatal(err)
		}
		if got, err := get(t.Context(), two, "checkpoint"); err != nil || !bytes.Equal(got, content) {
			t.Fatalf("round %d: the other gateway reads %d bytes, %v, want %d", round, len(got), err, len(content))
		}
		if err := one.RemoveObject(t.Context(), home.Bucket, key, minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := keys(t, two); len(got) != 0 {
			t.Fatalf("round %d: the other gateway still lists %v", round, got)
		}
		one, two = two, one
	}
}

// keys are the locks that a gateway lists.
func keys(t *testing.T, s3 *minio.Core) (found []string) {
	t.Helper()
	listed, err := s3.ListObjectsV2(home.Bucket, ".pulumi/locks/organization/skep/lab/", "", "", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range listed.Contents {
		found = append(found, object.Key)
	}
	return found
}
