// Package client talks to the gateway as Pulumi does: S3 over loopback with the home's access key.
package client

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"skep/state/internal/home"
)

// New makes a client for a gateway of this home that listens on the given address.
func New(h home.Home, address string) (*minio.Core, error) {
	key, err := h.Credentials()
	if err != nil {
		return nil, err
	}
	core, err := minio.NewCore(address, &minio.Options{
		Creds:        credentials.NewStaticV4(key.AccessKey, key.SecretKey, ""),
		Region:       home.Region,
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   1, // a retry would hide what the caller wants to see
		// The default transport would send loopback requests through a proxy that the environment names.
		Transport: &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second},
	})
	if err != nil {
		return nil, fmt.Errorf("make an S3 client: %w", err)
	}
	return core, nil
}

// Answers asks the gateway of this home for its bucket.
func Answers(ctx context.Context, h home.Home) error {
	address, err := h.Address()
	if err != nil {
		return err
	}
	core, err := New(h, address)
	if err != nil {
		return err
	}
	found, err := core.BucketExists(ctx, home.Bucket)
	if err != nil {
		return fmt.Errorf("ask %s for bucket %q: %w", address, home.Bucket, err)
	}
	if !found {
		return fmt.Errorf("ask %s for bucket %q: it is not there: the store was emptied while the gateway ran", address, home.Bucket)
	}
	return nil
}
