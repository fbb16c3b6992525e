package daemon_test

import (
	"bytes"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"holdfast/internal/daemon"
)

// BenchmarkPut16KB writes through the whole of Holdfast on real disks, 16 clients at once. The clients' work is in the
// figure, too: make bench has the one for publication.
func BenchmarkPut16KB(b *testing.B) {
	d := start(b, func(o *daemon.Options) { o.Log = discard{} }, "HOLDFAST_LOG__LEVEL=error", "HOLDFAST_FILES__BUCKETS__BENCH__MAX_SIZE=1GB")
	client := clientOf(b, d)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	var n atomic.Int64
	b.SetBytes(int64(len(data)))
	b.SetParallelism(8) // for each of the CPUs
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := client.PutObject(b.Context(), "bench", fmt.Sprintf("k/%d", n.Add(1)), bytes.NewReader(data), int64(len(data)),
				minio.PutObjectOptions{DisableMultipart: true})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func clientOf(t testing.TB, d *daemon.Daemon) *minio.Client {
	t.Helper()
	id, secret, err := d.NewKeyForTest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(d.S3URL())
	if err != nil {
		t.Fatal(err)
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(id, secret, ""), Region: "holdfast"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
