package daemon_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/url"
	"strings"
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

// BenchmarkLink4KB fetches a small file through its link, 32 kept-alive connections of a client that does next to
// nothing itself.
func BenchmarkLink4KB(b *testing.B) {
	d := start(b, func(o *daemon.Options) { o.Log = discard{} }, "HOLDFAST_LOG__LEVEL=error", "HOLDFAST_FILES__BUCKETS__BENCH__MAX_SIZE=1GB")
	data := bytes.Repeat([]byte("0123456789abcdef"), 256)
	_, err := clientOf(b, d).PutObject(b.Context(), "bench", "f", bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{})
	if err != nil {
		b.Fatal(err)
	}
	path, err := d.LinkForTest(b.Context(), "bench", "f")
	if err != nil {
		b.Fatal(err)
	}
	host := strings.TrimPrefix(d.EdgeURL(), "http://")
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		r := bufio.NewReaderSize(conn, 16<<10)
		for pb.Next() {
			if err := exchange(conn, r, request, len(data)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// exchange sends a request and reads an answer of the size.
func exchange(conn net.Conn, r *bufio.Reader, request []byte, size int) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	status, err := r.ReadSlice('\n')
	if err != nil || !bytes.HasPrefix(status, []byte("HTTP/1.1 200")) {
		return fmt.Errorf("answered %q, %w", status, err)
	}
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			_, err = r.Discard(size)
			return err
		}
	}
}
