package disk_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
)

// benchStore makes a store in HOLDFAST_BENCH_DIR, or in the directory for temporary files.
func benchStore(b *testing.B) *disk.Store {
	b.Helper()
	dir, err := os.MkdirTemp(os.Getenv("HOLDFAST_BENCH_DIR"), "bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	s, err := disk.Open(disk.Options{Root: dir, Reserve: 256 << 20, Create: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

func randomName() blob.Name {
	hi, lo := rand.Uint64(), rand.Uint64()
	return blob.Name(fmt.Sprintf("blobs/%02x/%016x%016x", hi>>56, hi, lo))
}

func benchPut(b *testing.B, s *disk.Store, body []byte) {
	opts := blob.PutOptions{Size: int64(len(body)), Sidecar: func() ([]byte, error) { return body[:300], nil }}
	if _, err := s.Put(b.Context(), randomName(), bytes.NewReader(body), opts); err != nil {
		b.Error(err)
	}
}

func BenchmarkPut16KB(b *testing.B) {
	s, body := benchStore(b), bytes.Repeat([]byte("0123456789abcdef"), 1024)
	b.ReportAllocs()
	for b.Loop() {
		benchPut(b, s, body)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
}

func BenchmarkPut16KB16Writers(b *testing.B) {
	s, body := benchStore(b), bytes.Repeat([]byte("0123456789abcdef"), 1024)
	b.ReportAllocs()
	writers(b, 16, func() { benchPut(b, s, body) })
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
}

func BenchmarkPut1MB16Writers(b *testing.B) {
	s, body := benchStore(b), bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	b.SetBytes(1 << 20)
	writers(b, 16, func() { benchPut(b, s, body) })
}

// writers calls f b.N times from n goroutines.
func writers(b *testing.B, n int, f func()) {
	work, done := make(chan struct{}), make(chan struct{})
	for range n {
		go func() {
			defer func() { done <- struct{}{} }()
			for range work {
				f()
			}
		}()
	}
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	for range n {
		<-done
	}
}

func BenchmarkOpenRead4KB(b *testing.B) {
	s, body := benchStore(b), bytes.Repeat([]byte("0123456789abcdef"), 256)
	names := make([]blob.Name, 100)
	for i := range names {
		names[i] = randomName()
		if _, err := s.Put(b.Context(), names[i], bytes.NewReader(body), blob.PutOptions{Size: -1}); err != nil {
			b.Fatal(err)
		}
	}
	buf, i := make([]byte, 4096), 0
	b.ReportAllocs()
	for b.Loop() {
		f, err := s.Open(b.Context(), names[i%len(names)])
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(f, buf); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
