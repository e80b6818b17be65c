package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/rclone/gofakes3"
	rclone "github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/hash"
	"github.com/rclone/rclone/fs/object"

	"skep/state/internal/home"
	"skep/state/internal/store"
)

const (
	// largest is the largest object: it is held in memory, so that it is stored or handed out whole or not at all.
	largest = 1 << 30
	// readTries bounds how often a read starts again because the object was replaced in its middle.
	readTries = 10
)

// backend is the one bucket of a store.
type backend struct {
	store *store.Store
	log   *log.Logger
	keys  [64]sync.Mutex // writes of one key follow one another
}

var _ gofakes3.Backend = (*backend)(nil)

func newBackend(s *store.Store, logger *log.Logger) *backend { return &backend{store: s, log: logger} }

// within turns bucket and key into a path of the store.
func within(bucket, key string) (string, error) {
	if bucket != home.Bucket {
		return "", gofakes3.BucketNotFound(bucket)
	}
	if key == "" || "/"+key != path.Clean("/"+key) {
		return "", gofakes3.ErrorMessagef(gofakes3.ErrInvalidArgument, "object name %q is not a clean path", key)
	}
	return path.Join(bucket, key), nil
}

// fault logs what went wrong with the store; the client is told only that something did.
func (b *backend) fault(what, key string, err error) error {
	b.log.Printf("%s %q: %v", what, key, err)
	return gofakes3.ErrorMessagef(gofakes3.ErrInternal, "%s %q: %v", what, key, err)
}

func missing(err error) bool {
	return errors.Is(err, rclone.ErrorObjectNotFound) || errors.Is(err, rclone.ErrorDirNotFound) ||
		errors.Is(err, rclone.ErrorIsDir) || errors.Is(err, rclone.ErrorNotAFile)
}

// find looks one object up.
func (b *backend) find(ctx context.Context, bucket, key string) (rclone.Object, error) {
	name, err := within(bucket, key)
	if err != nil {
		return nil, err
	}
	found, err := b.store.FS.NewObject(ctx, name)
	if missing(err) {
		return nil, gofakes3.KeyNotFound(key)
	}
	if err != nil {
		return nil, b.fault("find", key, err)
	}
	return found, nil
}

// read reads one object whole. If it was replaced between looking and reading, the length tells, and it is read again.
func (b *backend) read(ctx context.Context, bucket, key string) (found rclone.Object, content []byte, err error) {
	for range readTries {
		found, err = b.find(ctx, bucket, key)
		if err != nil {
			return nil, nil, err
		}
		if found.Size() > largest {
			return nil, nil, gofakes3.ErrEntityTooLarge
		}
		content, err = readAll(ctx, found)
		if err == nil {
			return found, content, nil
		}
	}
	return nil, nil, b.fault("read", key, err)
}

func readAll(ctx context.Context, found rclone.Object) ([]byte, error) {
	body, err := found.Open(ctx)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(body, largest))
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, err
	}
	if int64(len(content)) != found.Size() {
		return nil, fmt.Errorf("%d bytes came instead of %d", len(content), found.Size())
	}
	return content, nil
}

// tag tells the versions of an object apart, the same on every gateway. It is longer than an MD5, so that nobody takes
// it for one: the plain content's digest is not kept anywhere.
func (b *backend) tag(ctx context.Context, found rclone.Object) []byte {
	stored := ""
	if wrapped, ok := found.(rclone.ObjectUnWrapper); ok {
		stored, _ = wrapped.UnWrap().Hash(ctx, hash.MD5) // of the ciphertext, where the remote knows it
	}
	if stored == "" {
		stored = fmt.Sprint(found.ModTime(ctx).UnixNano())
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", found.Size(), stored))
	return sum[:20]
}

func quoted(tag []byte) string { return fmt.Sprintf(`"%x"`, tag) }

func (b *backend) describe(ctx context.Context, key string, found rclone.Object) *gofakes3.Object {
	return &gofakes3.Object{
		Name: key, Size: found.Size(), Hash: b.tag(ctx, found), Contents: io.NopCloser(strings.NewReader("")),
		Metadata: map[string]string{
			"Content-Type":  "application/octet-stream",
			"Last-Modified": found.ModTime(ctx).UTC().Format("Mon, 02 Jan 2006 15:04:05") + " GMT",
		},
	}
}

// HeadObject describes an object.
func (b *backend) HeadObject(ctx context.Context, bucket, key string) (*gofakes3.Object, error) {
	found, err := b.find(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	return b.describe(ctx, key, found), nil
}

// GetObject reads an object.
func (b *backend) GetObject(ctx context.Context, bucket, key string, wanted *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	found, content, err := b.read(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	answer := b.describe(ctx, key, found)
	if answer.Range, err = wanted.Range(found.Size()); err != nil {
		return nil, err
	}
	if answer.Range != nil {
		content = content[answer.Range.Start : answer.Range.Start+answer.Range.Length]
	}
	answer.Contents = io.NopCloser(bytes.NewReader(content))
	return answer, nil
}

// lock keeps others from writing this key: all of this gateway and, where the store can do it, other gateways too.
func (b *backend) lock(ctx context.Context, key string) (release func(), err error) {
	sum := fnv.New32a()
	sum.Write([]byte(key))
	mutex := &b.keys[sum.Sum32()%uint32(len(b.keys))]
	mutex.Lock()
	shared, ok := b.store.Raw.(interface {
		Lock(context.Context) (func(), error)
	})
	if !ok {
		return mutex.Unlock, nil
	}
	unlock, err := shared.Lock(ctx)
	if err != nil {
		mutex.Unlock()
		return nil, b.fault("lock", key, err)
	}
	return func() { unlock(); mutex.Unlock() }, nil
}

// PutObject stores an object. Its metadata is not kept: Pulumi uses none.
func (b *backend) PutObject(ctx context.Context, bucket, key string, _ map[string]string, in io.Reader, size int64) (result gofakes3.PutObjectResult, err error) {
	name, err := within(bucket, key)
	if err != nil {
		return result, err
	}
	if size > largest {
		return result, gofakes3.ErrEntityTooLarge
	}
	content, err := io.ReadAll(io.LimitReader(in, largest+1)) // checks the digests that the client sent, too
	switch {
	case err != nil:
		return result, err
	case len(content) > largest:
		return result, gofakes3.ErrEntityTooLarge
	case size >= 0 && int64(len(content)) != size:
		return result, gofakes3.ErrIncompleteBody
	}
	release, err := b.lock(ctx, key)
	if err != nil {
		return result, err
	}
	defer release()
	if err := b.mayWrite(ctx, bucket, key); err != nil {
		return result, err
	}
	info := object.NewStaticObjectInfo(name, time.Now(), int64(len(content)), true, nil, nil)
	// A client that hangs up does not stop a write that has begun.
	stored, err := b.store.FS.Put(context.WithoutCancel(ctx), bytes.NewReader(content), info)
	if err != nil {
		return result, b.fault("write", key, err)
	}
	result.ETag = quoted(b.tag(ctx, stored))
	return result, nil
}

// mayWrite checks If-Match and If-None-Match while nobody else can write the key.
func (b *backend) mayWrite(ctx context.Context, bucket, key string) error {
	if !gofakes3.HasWriteConditions(ctx) {
		return nil
	}
	found, err := b.find(ctx, bucket, key)
	if gofakes3.HasErrorCode(err, gofakes3.ErrNoSuchKey) {
		return gofakes3.CheckWriteConditions(ctx, false, "")
	}
	if err != nil {
		return err
	}
	return gofakes3.CheckWriteConditions(ctx, true, fmt.Sprintf("%x", b.tag(ctx, found)))
}

// CopyObject reads and writes: self-hosted servers disagree about copies on their side.
func (b *backend) CopyObject(ctx context.Context, fromBucket, fromKey, bucket, key string, meta map[string]string) (result gofakes3.CopyObjectResult, err error) {
	found, content, err := b.read(ctx, fromBucket, fromKey)
	if err != nil {
		return result, err
	}
	put, err := b.PutObject(ctx, bucket, key, meta, bytes.NewReader(content), int64(len(content)))
	return gofakes3.CopyObjectResult{ETag: put.ETag, LastModified: gofakes3.NewContentTime(found.ModTime(ctx))}, err
}

// DeleteObject removes an object; S3 does not mind if there is none.
func (b *backend) DeleteObject(ctx context.Context, bucket, key string) (result gofakes3.ObjectDeleteResult, err error) {
	release, err := b.lock(ctx, key)
	if err != nil {
		return result, err
	}
	defer release()
	found, err := b.find(ctx, bucket, key)
	if gofakes3.HasErrorCode(err, gofakes3.ErrNoSuchKey) {
		return result, nil
	}
	if err != nil {
		return result, err
	}
	if err := found.Remove(context.WithoutCancel(ctx)); err != nil && !missing(err) {
		return result, b.fault("remove", key, err)
	}
	return result, nil
}

// DeleteMulti removes several objects.
func (b *backend) DeleteMulti(ctx context.Context, bucket string, keys ...string) (result gofakes3.MultiDeleteResult, _ error) {
	for _, key := range keys {
		if _, err := b.DeleteObject(ctx, bucket, key); err != nil {
			result.Error = append(result.Error, gofakes3.ErrorResult{Code: gofakes3.ErrInternal, Message: err.Error(), Key: key})
		} else {
			result.Deleted = append(result.Deleted, gofakes3.ObjectID{Key: key})
		}
	}
	return result, nil
}
