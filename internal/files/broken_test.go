package files_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/files"
	"holdfast/internal/link"
	"holdfast/internal/objects"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/secret"
)

// brokenStore is a store that can be made to fail.
type brokenStore struct {
	blob.Store
	down, cut atomic.Bool
}

func (b *brokenStore) wrap(s *site) { b.Store, s.store = s.store, b }

func (b *brokenStore) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	if b.down.Load() {
		return nil, blob.ErrUnavailable
	}
	inner, err := b.Store.Open(ctx, name)
	if err == nil && b.cut.Load() {
		return cutBlob{inner}, nil
	}
	return inner, err
}

func (b *brokenStore) Sidecar(ctx context.Context, name blob.Name) ([]byte, error) {
	if b.down.Load() {
		return nil, blob.ErrUnavailable
	}
	return b.Store.Sidecar(ctx, name)
}

// cutBlob fails in its middle.
type cutBlob struct{ blob.Blob }

func (c cutBlob) Read(p []byte) (int, error) {
	at, err := c.Seek(0, 1)
	if err != nil || at > c.Info().Size/2 {
		return 0, errors.New("the disk is on fire")
	}
	return c.Blob.Read(p[:min(len(p), 4096)])
}

// newClusterSite is a site on a PostgreSQL of its own, which the test may stop.
func newClusterSite(t testing.TB) *site {
	t.Helper()
	return newSite(t, func(s *site) { s.db = postgrestest.MigratedOn(t, pgtest.Cluster(t), "files", objects.Migrations) })
}

// slotFor returns the path of a slot.
func slotFor(t testing.TB, n *node, bucket, key string, change ...func(*files.CreateSlotRequest)) string {
	t.Helper()
	r := files.CreateSlotRequest{Bucket: bucket, Key: key}
	for _, f := range change {
		f(&r)
	}
	return must[files.CreateSlotAnswer](t, n, "/v1/files/slot/create", r).Path
}

// helperLink signs as a helper in the application does: with the key's text alone.
func helperLink(t testing.TB, text, blobID, name string) string {
	t.Helper()
	k, err := link.ParseKey(secret.New(text))
	if err != nil {
		t.Fatal(err)
	}
	path, err := k.SignGet(link.Get{Blob: blobID, Name: name, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return path
}
