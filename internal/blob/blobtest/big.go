package blobtest

import (
	"bytes"
	"io"
	"runtime"
	"testing"
	"time"

	"holdfast/internal/blob"
)

// maxGrowth is what the heap may grow by while a blob of any size passes, in bytes. It leaves room for the buffers of
// an S3 multipart upload (parts of 16 MiB, a few at once).
const maxGrowth = 96 << 20

// bigBlob proves S0-30: 5 GB in and out with flat memory. It does not run beside other tests, which would count.
func (s *suite) bigBlob(t *testing.T) {
	size := int64(64 << 20)
	if soaking() && !s.inMemory {
		size = 5<<30 + 12345
	}
	store := s.open(t)
	const name = "blobs/00/big"
	opts := blob.PutOptions{Size: size, Sidecar: sidecarOf([]byte("big"))}
	grown := growth(t, func() {
		start := time.Now()
		if _, err := store.Put(t.Context(), name, &stripe{size: size}, opts); err != nil {
			t.Fatal(err)
		}
		t.Logf("put %d MB in %v", size>>20, time.Since(start).Round(time.Millisecond))
		start = time.Now()
		readStripe(t, store, name, size)
		t.Logf("read it in %v", time.Since(start).Round(time.Millisecond))
	})
	t.Logf("the heap grew by %d KB", grown>>10)
	if grown > maxGrowth && !s.inMemory {
		t.Errorf("the heap grew by %d bytes, at most %d are allowed", grown, maxGrowth)
	}
	if err := store.Delete(t.Context(), name); err != nil {
		t.Error(err)
	}
}

// readStripe reads the blob and compares every byte.
func readStripe(t *testing.T, store blob.Store, name blob.Name, size int64) {
	t.Helper()
	b, err := store.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer closeBlob(t, b)
	got, want := make([]byte, 1<<20), make([]byte, 1<<20)
	var at int64
	for {
		n, err := io.ReadFull(b, got)
		fillStripe(want[:n], at)
		if !bytes.Equal(got[:n], want[:n]) {
			t.Fatalf("the megabyte at %d differs", at)
		}
		at += int64(n)
		if n < len(got) {
			if err != io.EOF && err != io.ErrUnexpectedEOF { //nolint:errorlint // io.ReadFull returns these two bare
				t.Fatal(err)
			}
			break
		}
	}
	if at != size {
		t.Errorf("read %d bytes of %d", at, size)
	}
}

// growth returns by how many bytes the heap in use grew at its highest while f ran, looked at every few milliseconds.
func growth(t *testing.T, f func()) int64 {
	t.Helper()
	runtime.GC()
	before := heapInUse()
	highest := before
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				highest = max(highest, heapInUse())
			}
		}
	}()
	func() {
		defer func() { <-stopped }() // also when f ends the test
		defer close(stop)
		f()
	}()
	return highest - before
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}
