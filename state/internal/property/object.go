package property

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/minio/minio-go/v7"

	"skep/state/internal/home"
)

// partSize is the smallest part that S3 allows before the last one.
const partSize = 5 << 20

func blob(n int) []byte {
	content := make([]byte, n)
	rand.Read(content)
	return content
}

func (p *probe) put(ctx context.Context, s3 *minio.Core, name string, content []byte, o minio.PutObjectOptions) error {
	_, err := s3.PutObject(ctx, home.Bucket, p.prefix+name, bytes.NewReader(content), int64(len(content)), "", "", o)
	return err
}

func (p *probe) get(ctx context.Context, s3 *minio.Core, name string) ([]byte, error) {
	body, _, _, err := s3.GetObject(ctx, home.Bucket, p.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("get %q: %w", name, err)
	}
	defer body.Close()
	return io.ReadAll(body)
}

// reads says whether an object has exactly this content.
func (p *probe) reads(ctx context.Context, s3 *minio.Core, name string, want []byte) error {
	got, err := p.get(ctx, s3, name)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("get %q: %d bytes came back, other than the %d that were put", name, len(got), len(want))
	}
	return nil
}

// writes puts an object through one gateway and reads it through another.
func (p *probe) writes(ctx context.Context, through, from *minio.Core, name string, content []byte) error {
	if err := p.put(ctx, through, name, content, minio.PutObjectOptions{}); err != nil {
		return fmt.Errorf("put %q: %w", name, err)
	}
	return p.reads(ctx, from, name, content)
}

func putAndGet(ctx context.Context, p *probe) error {
	for name, size := range map[string]int{"empty": 0, "small": 300, "block": 64 << 10, "large": 3<<20 + 7} {
		if err := p.writes(ctx, p.s3, p.s3, name, blob(size)); err != nil {
			return err
		}
	}
	return nil
}

func overwrite(ctx context.Context, p *probe) error {
	for _, size := range []int{100_000, 10, 200_000} {
		if err := p.writes(ctx, p.s3, p.s3, "overwritten", blob(size)); err != nil {
			return err
		}
	}
	return nil
}

func copyObject(ctx context.Context, p *probe) error {
	content := blob(50_000)
	if err := p.writes(ctx, p.s3, p.s3, "source", content); err != nil {
		return err
	}
	for range 2 { // the second one replaces, as each .bak does
		_, err := p.s3.CopyObject(ctx, home.Bucket, p.prefix+"source", home.Bucket, p.prefix+"source.bak", nil, minio.CopySrcOptions{}, minio.PutObjectOptions{})
		if err != nil {
			return err
		}
		if err := p.reads(ctx, p.s3, "source.bak", content); err != nil {
			return err
		}
	}
	return nil
}

func (p *probe) lists(s3 *minio.Core, name string) (bool, error) {
	found, err := s3.ListObjectsV2(home.Bucket, p.prefix, "", "", "/", 1000)
	return slices.ContainsFunc(found.Contents, func(o minio.ObjectInfo) bool { return o.Key == p.prefix+name }), err
}

func listAfterWrite(ctx context.Context, p *probe) error {
	for round := range 10 {
		name := fmt.Sprintf("listed-%d", round)
		if err := p.put(ctx, p.s3, name, blob(20), minio.PutObjectOptions{}); err != nil {
			return err
		}
		if found, err := p.lists(p.s3, name); err != nil || !found {
			return errors.Join(err, fmt.Errorf("%q was put but is not listed", name))
		}
		if err := p.s3.RemoveObject(ctx, home.Bucket, p.prefix+name, minio.RemoveObjectOptions{}); err != nil {
			return err
		}
		if found, err := p.lists(p.s3, name); err != nil || found {
			return errors.Join(err, fmt.Errorf("%q was removed but is still listed", name))
		}
	}
	return nil
}

func multipart(ctx context.Context, p *probe) error {
	key := p.prefix + "multipart"
	id, err := p.s3.NewMultipartUpload(ctx, home.Bucket, key, minio.PutObjectOptions{})
	if err != nil {
		return err
	}
	content := blob(2*partSize + 12345)
	var parts []minio.CompletePart
	for rest := content; len(rest) > 0; {
		part := rest[:min(partSize, len(rest))]
		rest = rest[len(part):]
		done, err := p.s3.PutObjectPart(ctx, home.Bucket, key, id, len(parts)+1, bytes.NewReader(part), int64(len(part)), minio.PutObjectPartOptions{})
		if err != nil {
			return fmt.Errorf("part %d: %w", len(parts)+1, err)
		}
		parts = append(parts, minio.CompletePart{PartNumber: len(parts) + 1, ETag: done.ETag})
	}
	if _, err := p.s3.CompleteMultipartUpload(ctx, home.Bucket, key, id, parts, minio.PutObjectOptions{}); err != nil {
		return err
	}
	return p.reads(ctx, p.s3, "multipart", content)
}

// onlyIfNew is a put that must fail when the object exists.
func (p *probe) onlyIfNew(ctx context.Context, s3 *minio.Core, name string, content []byte) (won bool, err error) {
	var o minio.PutObjectOptions
	o.SetMatchETagExcept("*")
	err = p.put(ctx, s3, name, content, o)
	if minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed {
		return false, nil
	}
	return err == nil, err
}

func conditionalPut(ctx context.Context, p *probe) error {
	first := blob(100)
	if won, err := p.onlyIfNew(ctx, p.s3, "lease", first); err != nil || !won {
		return errors.Join(err, errors.New("a put with If-None-Match: * was refused although there was no object"))
	}
	if won, err := p.onlyIfNew(ctx, p.s3, "lease", blob(100)); err != nil || won {
		return errors.Join(err, errors.New("a put with If-None-Match: * replaced an object"))
	}
	return p.reads(ctx, p.s3, "lease", first)
}

// race lets many conditional puts of one name run at once, in turn through each of the gateways.
func (p *probe) race(ctx context.Context, name string, gateways ...*minio.Core) (winners int, err error) {
	var (
		mutex  sync.Mutex
		racers sync.WaitGroup
	)
	for i := range 20 {
		racers.Go(func() {
			won, e := p.onlyIfNew(ctx, gateways[i%len(gateways)], name, blob(1000))
			mutex.Lock()
			defer mutex.Unlock()
			err = errors.Join(err, e)
			if won {
				winners++
			}
		})
	}
	racers.Wait()
	return winners, err
}

func conditionalRace(ctx context.Context, p *probe) error {
	return p.oneWinner(ctx, "raced", p.s3)
}

func raceBetweenGateways(ctx context.Context, p *probe) error {
	return p.oneWinner(ctx, "raced-by-two", p.s3, p.other)
}

// oneWinner is what makes a lease of conditional puts.
func (p *probe) oneWinner(ctx context.Context, name string, gateways ...*minio.Core) error {
	winners, err := p.race(ctx, name, gateways...)
	if err != nil {
		return err
	}
	if winners != 1 {
		return fmt.Errorf("%w: %d of 20 conditional puts at once succeeded: they make no lease here; Pulumi does not use them", errNote, winners)
	}
	return nil
}
