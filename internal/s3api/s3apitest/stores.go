package s3apitest

import (
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
	"holdfast/internal/blob/mem"
	"holdfast/internal/blob/s3"
	"holdfast/internal/s3test"
	"holdfast/internal/secret"
)

// OverStores runs a test of a client against an endpoint over each store, by its name, "disk" or "s3". A client cannot tell
// them apart, so each store has the same test. o.Store is not looked at.
func OverStores(t *testing.T, o Options, test func(t *testing.T, e *Endpoint, store string)) {
	t.Helper()
	for name, store := range map[string]func(testing.TB) blob.Store{"disk": Disk, "s3": S3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := o
			o.Store = store(t)
			test(t, Start(t, o), name)
		})
	}
}

// Disk returns a store in a temporary directory.
func Disk(t testing.TB) blob.Store {
	t.Helper()
	s, err := disk.Open(disk.Options{Root: t.TempDir(), Create: true})
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Memory returns a store that keeps blobs in memory.
func Memory() blob.Store { return mem.New() }

// S3 returns a store that keeps its blobs in an independent S3 server.
func S3(t testing.TB) blob.Store {
	t.Helper()
	peer := s3test.Versitygw(t)
	cfg := s3.DefaultConfig()
	cfg.Enabled, cfg.EndpointURL, cfg.BucketName, cfg.Region = true, peer.URL, "holdfast", peer.Region
	cfg.AccessKeyID, cfg.SecretKey = secret.New(peer.AccessKey), secret.New(peer.SecretKey)
	store, err := s3.New(cfg)
	if err == nil {
		err = store.EnsureBucket(t.Context(), true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return store
}
