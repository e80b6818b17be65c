package command

import (
	"context"
	"fmt"
	"os"

	"github.com/pkg/sftp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// copyToRemote is the resource that copies an asset or archive to a host.
// It never deletes what it copied.
type copyToRemote struct {
	dialer dialer
}

var _ kind = copyToRemote{}

func (copyToRemote) shape() shape { return copyToRemoteShape() }

// newID gives no ID in a preview, as the official provider does.
func (copyToRemote) newID(_ string, preview bool) (string, error) {
	if preview {
		return "", nil
	}
	return resource.NewUniqueHex("", 8, 0)
}

func (copyToRemote) preview(inputs resource.PropertyMap) resource.PropertyMap { return inputs }

func (r copyToRemote) create(ctx context.Context, _ call, inputs resource.PropertyMap) (resource.PropertyMap, error) {
	return inputs, r.copy(ctx, inputs)
}

// update copies again when the content, the path or the host changed. The
// official provider does not look at the host: a host that came in the place
// of another would then lack the file, and nobody would be told.
func (r copyToRemote) update(ctx context.Context, c call, inputs, old resource.PropertyMap) (resource.PropertyMap, error) {
	oldPath, _ := textOf(old, "remotePath")
	newPath, _ := textOf(inputs, "remotePath")
	changed := oldPath != newPath || contentHash(old) != contentHash(inputs)
	if !changed {
		moved, err := hostChanged(old, inputs)
		if err != nil {
			return nil, err
		}
		if moved {
			c.warn("the host changed, so the file is copied again; the official provider would not copy it:" +
				" put what identifies the host into triggers")
		}
		changed = moved
	}
	if changed {
		if err := r.copy(ctx, inputs); err != nil {
			return nil, err
		}
	}
	return inputs, nil
}

func (copyToRemote) delete(context.Context, call, resource.PropertyMap) error { return nil }

// contentHash is the hash that the engine made of the source.
func contentHash(props resource.PropertyMap) string {
	switch source := reveal(props["source"]); {
	case source.IsAsset():
		return source.AssetValue().Hash
	case source.IsArchive():
		return source.ArchiveValue().Hash
	default:
		return ""
	}
}

// hostChanged says whether the copy goes to another host or another account.
func hostChanged(old, new resource.PropertyMap) (bool, error) {
	before, err := connectionOf(old)
	if err != nil {
		return false, err
	}
	after, err := connectionOf(new)
	if err != nil {
		return false, err
	}
	return before.address() != after.address() || before.user != after.user, nil
}

// copy connects and copies the source.
func (r copyToRemote) copy(ctx context.Context, props resource.PropertyMap) error {
	conn, err := connectionOf(props)
	if err != nil {
		return err
	}
	dest, _ := textOf(props, "remotePath")
	source := reveal(props["source"])
	if source.IsArchive() || !source.AssetValue().IsText() {
		// A source that is not there is found before the host is bothered.
		if _, err := os.Stat(sourcePath(source)); err != nil {
			return fmt.Errorf("read source: %w", err)
		}
	}
	client, err := r.dialer.dial(ctx, conn)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	files, err := sftp.NewClient(client.Client, sftp.UseConcurrentWrites(true))
	if err != nil {
		return fmt.Errorf("start sftp on %q: %w", conn.address(), err)
	}
	defer func() { _ = files.Close() }()
	t := transfer{files}
	if source.IsAsset() && source.AssetValue().IsText() {
		err = t.putText(source.AssetValue().Text, dest)
	} else {
		err = t.putPath(sourcePath(source), dest)
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("stopped: %w", ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("copy to %q on %q: %w", dest, conn.address(), err)
	}
	return nil
}

// sourcePath is the local path of a file or folder, with its last slash: that
// one decides whether a folder or its content is copied.
func sourcePath(source resource.PropertyValue) string {
	if source.IsArchive() {
		return source.ArchiveValue().Path
	}
	return source.AssetValue().Path
}
