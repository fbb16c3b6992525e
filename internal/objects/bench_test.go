package objects_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
	"holdfast/internal/blob/mem"
	"holdfast/internal/objects"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres/postgrestest"
)

// benched returns an index on a PostgreSQL of its own that really syncs.
func benched(b *testing.B, blobs blob.Store) (*world, *objects.Index) {
	b.Helper()
	w := &world{t: b, pg: postgrestest.MigratedOn(b, pgtest.Cluster(b, pgtest.Durable()), "objects", objects.Migrations), blobs: blobs}
	x := w.start()
	if err := x.CreateBucket(b.Context(), objects.Bucket{Name: "bucket"}); err != nil {
		b.Fatal(err)
	}
	return w, x
}

// processorTime is what this process and PostgreSQL have used so far. It tells something even on a machine that is busy
// with other things.
func (w *world) processorTime() (self, server time.Duration) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		w.t.Fatal(err)
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if f[1] != strconv.Itoa(w.pg.Server.PID()) {
			continue
		}
		user, _ := strconv.Atoi(f[11])
		system, _ := strconv.Atoi(f[12])
		server += time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), server
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
func together(b *testing.B, w *world, f func(i int64)) {
	b.Helper()
	var i atomic.Int64
	self, server := w.processorTime()
	b.SetParallelism(8) // of two processors: 16
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			f(i.Add(1))
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
	selfNow, serverNow := w.processorTime()
	b.ReportMetric(float64((selfNow-self).Microseconds())/float64(b.N), "go-µs/op")
	b.ReportMetric(float64((serverNow-server).Microseconds())/float64(b.N), "pg-µs/op")
}

func benchPut(b *testing.B, blobs blob.Store, key func(i int64) string) {
	w, x := benched(b, blobs)
	data := []byte(randomText(16 << 10))
	b.SetBytes(int64(len(data)))
	together(b, w, func(i int64) {
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
	w, x := benched(b, mem.New())
	fill(b, w, 100_000)
	together(b, w, func(i int64) {
		if _, err := x.Head(context.Background(), objects.Ref{Bucket: "bucket", Key: newKey(i * 7919 % 100_000)}); err != nil {
			b.Error(err)
		}
	})
}

// A page of directories of a thousand files each: what is below them must not be read.
func BenchmarkListDirectories(b *testing.B) {
	w, x := benched(b, mem.New())
	fill(b, w, 100_000)
	for b.Loop() {
		page, err := x.List(context.Background(), objects.ListQuery{Bucket: "bucket", Prefix: "courses/", Delimiter: "/", Limit: 1000})
		if err != nil || len(page.Prefixes) != 100 {
			b.Fatalf("%d prefixes, %v", len(page.Prefixes), err)
		}
	}
}

func BenchmarkListThousand(b *testing.B) {
	w, x := benched(b, mem.New())
	fill(b, w, 100_000)
	for b.Loop() {
		page, err := x.List(context.Background(), objects.ListQuery{Bucket: "bucket", Limit: 1000})
		if err != nil || len(page.Objects) != 1000 {
			b.Fatalf("%d objects, %v", len(page.Objects), err)
		}
	}
}

// fill writes the rows of n objects past the index; their blobs do not exist.
func fill(b *testing.B, w *world, n int) {
	b.Helper()
	w.pg.Exec(b, fmt.Sprintf(`INSERT INTO holdfast.objects (gen, size, created, blob, bucket, null_id, key, etag, sniffed, md5, sha256, headers)
		SELECT nextval('holdfast.generations'), 16384, now(), gen_random_uuid(), 1, true,
			'courses/' || i %% 100 || '/file-' || lpad(i::text, 9, '0') || '.png', md5(i::text), 'image/png',
			decode(md5(i::text), 'hex'), sha256(i::text::bytea), '{"content_type": "image/png", "user": {"owner": "42"}}'
		FROM generate_series(0, %d) i`, n-1), "VACUUM ANALYZE holdfast.objects")
}
