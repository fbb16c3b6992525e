package objects_test

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
	"holdfast/internal/blob/mem"
	"holdfast/internal/objects"
	"holdfast/internal/pgtest"
)

// benched returns an index on a PostgreSQL of its own that really syncs.
func benched(b *testing.B, blobs blob.Store) *objects.Index {
	b.Helper()
	w := &world{t: b, pg: pgtest.Cluster(b, pgtest.Durable()).Template(b, "objects", migrate), blobs: blobs}
	x := w.start()
	if err := x.CreateBucket(b.Context(), objects.Bucket{Name: "bucket"}); err != nil {
		b.Fatal(err)
	}
	return x
}

func onDisk(b *testing.B) blob.Store {
	b.Helper()
	s, err := disk.Open(disk.Options{Root: b.TempDir() + "/media", Create: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// together runs f n times in sixteen goroutines.
func together(b *testing.B, f func(i int64)) {
	b.Helper()
	var i atomic.Int64
	b.SetParallelism(8) // of two processors: 16
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			f(i.Add(1))
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

func benchPut(b *testing.B, blobs blob.Store, key func(i int64) string) {
	x := benched(b, blobs)
	data := []byte(randomText(16 << 10))
	b.SetBytes(int64(len(data)))
	together(b, func(i int64) {
		_, err := x.Put(context.Background(), objects.Put{
			Bucket: "bucket", Key: key(i), Size: int64(len(data)), Body: bytes.NewReader(data),
			Headers: objects.Headers{ContentType: "image/png", User: map[string]string{"owner": "42"}},
		})
		if err != nil {
			b.Error(err)
		}
	})
}

func newKey(i int64) string  { return fmt.Sprintf("courses/%d/file-%09d.png", i%100, i) }
func fewKeys(i int64) string { return newKey(i % 1000) }

func BenchmarkPutDisk(b *testing.B)       { benchPut(b, onDisk(b), newKey) }
func BenchmarkPutMemory(b *testing.B)     { benchPut(b, mem.New(), newKey) }
func BenchmarkReplaceDisk(b *testing.B)   { benchPut(b, onDisk(b), fewKeys) }
func BenchmarkReplaceMemory(b *testing.B) { benchPut(b, mem.New(), fewKeys) }

func BenchmarkHead(b *testing.B) {
	x := benched(b, mem.New())
	for i := range int64(10_000) {
		_, err := x.Put(context.Background(), objects.Put{
			Bucket: "bucket", Key: newKey(i), Size: 5, Body: bytes.NewReader([]byte("12345")),
			Headers: objects.Headers{ContentType: "image/png", User: map[string]string{"owner": "42"}},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	together(b, func(i int64) {
		if _, err := x.Head(context.Background(), objects.Ref{Bucket: "bucket", Key: newKey(i % 10_000)}); err != nil {
			b.Error(err)
		}
	})
}
