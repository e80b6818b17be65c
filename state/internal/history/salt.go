package history

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	rclone "github.com/rclone/rclone/fs"

	"skep/state/internal/home"
)

// checkpoint is the part of a checkpoint that says what its secrets are encrypted with.
type checkpoint struct {
	Checkpoint struct {
		Latest struct {
			SecretsProviders struct {
				State struct {
					Salt string `json:"salt"`
				} `json:"state"`
			} `json:"secrets_providers"`
		} `json:"latest"`
	} `json:"checkpoint"`
}

// readSalt reads the encryption salt of one checkpoint; empty when it has none.
func readSalt(ctx context.Context, store rclone.Fs, path string) (salt string, err error) {
	object, err := store.NewObject(ctx, home.Bucket+"/"+path)
	if err != nil {
		return "", fmt.Errorf("read %q: %w", path, err)
	}
	body, err := object.Open(ctx)
	if err != nil {
		return "", fmt.Errorf("read %q: %w", path, err)
	}
	defer body.Close()
	reader := io.Reader(body)
	if name := strings.TrimSuffix(path, ".bak"); strings.Contains(name, ".json.gz") {
		if reader, err = gzip.NewReader(body); err != nil {
			return "", fmt.Errorf("read %q: %w", path, err)
		}
	} else if strings.Contains(name, ".json.zst") {
		return "", fmt.Errorf("read %q: zstd is not understood here: let pulumi write gzip (scripts/env does)", path)
	}
	var c checkpoint
	if err := json.NewDecoder(reader).Decode(&c); err != nil {
		return "", fmt.Errorf("read %q: %w", path, err)
	}
	return c.Checkpoint.Latest.SecretsProviders.State.Salt, nil
}

// Salts reads the encryption salt of every stack in the store, by <project>/<stack>.
func Salts(ctx context.Context, store rclone.Fs) (map[string]string, error) {
	names, err := list(ctx, store)
	if err != nil {
		return nil, err
	}
	salts := map[string]string{}
	for _, name := range names {
		if o, ok := parse(name); ok && o.kind == kindCurrent {
			salt, err := readSalt(ctx, store, o.path)
			if err != nil {
				return nil, err
			}
			salts[o.stack] = salt
		}
	}
	return salts, nil
}
