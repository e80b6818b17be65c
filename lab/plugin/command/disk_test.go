package command

import (
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// fullDisk is a file system in memory that refuses to grow once it is full.
type fullDisk struct {
	sftp.Handlers
	full atomic.Bool
}

func (d *fullDisk) Filewrite(req *sftp.Request) (io.WriterAt, error) {
	file, err := d.FilePut.Filewrite(req)
	return writerAtFunc(func(p []byte, at int64) (int, error) {
		if d.full.Load() && at > 0 {
			return 0, errors.New("no space left on device")
		}
		return file.WriteAt(p, at)
	}), err
}

type writerAtFunc func([]byte, int64) (int, error)

func (f writerAtFunc) WriteAt(p []byte, at int64) (int, error) { return f(p, at) }

// Better than the official provider, which leaves the old file cut.
func testCopyDiskFull(t *testing.T) {
	disk := &fullDisk{Handlers: sftp.InMemHandler()}
	f := newFake(t, func(f *fakeSSH) {
		f.serveSFTP = func(channel io.ReadWriteCloser) {
			_ = sftp.NewRequestServer(channel, sftp.Handlers{
				FileGet: disk.FileGet, FilePut: disk, FileCmd: disk.FileCmd, FileList: disk.FileList,
			}).Serve()
		}
	})
	r := newRig(t, copyToRemoteToken)
	inputs := props("connection", f.connection(), "source", textAsset(t, "the old content"), "remotePath", "/x")
	state := r.mustCreate(inputs)
	disk.full.Store(true)
	_, err := r.update(state, with(inputs, "source", textAsset(t, strings.Repeat("new", 1<<20))), false)
	wantError(t, err, `copy to "/x"`, "no space left on device")

	client, err := plain.dial(t.Context(), mustConnection(t, inputs))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	files, err := sftp.NewClient(client.Client)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := files.ReadDir("/")
	if err != nil || len(entries) != 1 || entries[0].Size() != int64(len("the old content")) {
		t.Errorf("files %v, %v, want only the old one, whole", entries, err)
	}
}

func mustConnection(t *testing.T, inputs resource.PropertyMap) connection {
	t.Helper()
	c, err := connectionOf(inputs)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
