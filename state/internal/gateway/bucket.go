package gateway

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rclone/gofakes3"
	rclone "github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/walk"

	"skep/state/internal/home"
)

// ListBuckets names the one bucket.
func (b *backend) ListBuckets(context.Context) ([]gofakes3.BucketInfo, error) {
	return []gofakes3.BucketInfo{{Name: home.Bucket, CreationDate: gofakes3.NewContentTime(time.Unix(0, 0))}}, nil
}

// BucketExists knows the one bucket.
func (b *backend) BucketExists(_ context.Context, name string) (bool, error) {
	return name == home.Bucket, nil
}

// CreateBucket makes no other bucket.
func (b *backend) CreateBucket(_ context.Context, name string) error {
	if name == home.Bucket {
		return gofakes3.ErrBucketAlreadyExists
	}
	return gofakes3.ErrNotImplemented
}

// DeleteBucket removes no bucket.
func (b *backend) DeleteBucket(context.Context, string) error { return gofakes3.ErrNotImplemented }

// line is one line of a listing: an object, or a common prefix.
type line struct {
	key   string
	found rclone.DirEntry // nil for a common prefix
}

// ListBucket lists a page of the keys with a prefix.
func (b *backend) ListBucket(ctx context.Context, bucket string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	if bucket != home.Bucket {
		return nil, gofakes3.BucketNotFound(bucket)
	}
	if prefix == nil {
		prefix = &gofakes3.Prefix{}
	}
	lines, err := b.lines(ctx, prefix.Prefix, prefix.Delimiter)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(lines, func(x, y line) int { return strings.Compare(x.key, y.key) })
	limit := int(page.MaxKeys)
	if limit <= 0 {
		limit = 1000
	}
	answer := gofakes3.NewObjectList()
	last := ""
	for _, l := range lines {
		if page.HasMarker && l.key <= page.Marker {
			continue
		}
		if limit == 0 {
			answer.IsTruncated, answer.NextMarker = true, last
			break
		}
		limit, last = limit-1, l.key
		if object, ok := l.found.(rclone.Object); ok {
			answer.Add(&gofakes3.Content{
				Key: l.key, Size: object.Size(), LastModified: gofakes3.NewContentTime(object.ModTime(ctx)),
				ETag: quoted(b.tag(ctx, object)), StorageClass: gofakes3.StorageStandard,
			})
		} else {
			answer.AddPrefix(l.key)
		}
	}
	return answer, nil
}

// lines reads the directory that the prefix ends in, or everything below it when there is no delimiter.
func (b *backend) lines(ctx context.Context, prefix, delimiter string) (lines []line, err error) {
	dir, _ := path.Split(prefix)
	if delimiter != "" && delimiter != "/" {
		return nil, gofakes3.ErrNotImplemented
	}
	if dir != "" && "/"+strings.TrimSuffix(dir, "/") != path.Clean("/"+dir) {
		return nil, nil // no key is like this
	}
	collect := func(entries rclone.DirEntries) error {
		for _, entry := range entries {
			key := strings.TrimPrefix(entry.Remote(), home.Bucket+"/")
			if _, isDir := entry.(rclone.Directory); isDir {
				key, entry = key+"/", nil
			}
			if strings.HasPrefix(key, prefix) {
				lines = append(lines, line{key, entry})
			}
		}
		return nil
	}
	root := path.Join(home.Bucket, dir)
	if delimiter == "/" {
		var entries rclone.DirEntries
		if entries, err = b.store.FS.List(ctx, root); err == nil {
			err = collect(entries)
		}
	} else {
		err = walk.ListR(ctx, b.store.FS, root, true, -1, walk.ListObjects, collect)
	}
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, b.fault("list", prefix, err)
	}
	return lines, nil
}
