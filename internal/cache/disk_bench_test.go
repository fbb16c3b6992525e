package cache_test

import (
	"fmt"
	"testing"

	"holdfast/internal/cache"
)

func BenchmarkDiskOpen(b *testing.B) {
	d := openDisk(b, cache.DiskOptions{Dir: b.TempDir()})
	put(b, d, "key", make([]byte, 20_000))
	b.ReportAllocs()
	for b.Loop() {
		f, _ := d.Open("key")
		f.Close()
	}
}

func BenchmarkDiskPut(b *testing.B) {
	d := openDisk(b, cache.DiskOptions{Dir: b.TempDir()})
	content := make([]byte, 20_000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		put(b, d, fmt.Sprint(i%100), content)
	}
}

// BenchmarkDiskOpenDisk opens a cache of ten thousand entries.
func BenchmarkDiskOpenDisk(b *testing.B) {
	dir := b.TempDir()
	d := openDisk(b, cache.DiskOptions{Dir: dir, MaxBytes: 1 << 30})
	for i := range 10_000 {
		put(b, d, fmt.Sprint(i), []byte("x"))
	}
	d.Close()
	for b.Loop() {
		openDisk(b, cache.DiskOptions{Dir: dir, MaxBytes: 1 << 30}).Close()
	}
}
