package readcache_test

import (
	"io"
	"strings"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/mem"
	"holdfast/internal/blob/readcache"
)

// BenchmarkHit opens, describes and closes a blob that is in the cache: what a visitor's request costs before sendfile.
func BenchmarkHit(b *testing.B) {
	c, err := readcache.New(mem.New(), b.TempDir(), 64<<20, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	const name = blob.Name("blobs/3f/3f000102030405060708090a0b0c0d0e")
	body := strings.Repeat("x", 16<<10)
	if _, err := c.Put(b.Context(), name, strings.NewReader(body), blob.PutOptions{Size: int64(len(body))}); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, len(body))
	hit := func() {
		f, err := c.Open(b.Context(), name)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(f, buf); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Sidecar(b.Context(), name); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
	hit()
	b.ReportAllocs()
	for b.Loop() {
		hit()
	}
}
