package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/s3test"
)

// S0-30: many large uploads at once take turns in bounded memory. Not parallel: the memory is measured.
func TestManyLargeUploadsTakeBoundedMemory(t *testing.T) {
	const uploads, size, memory, limit = 16, 11 << 20, 15 << 20, 56 << 20
	store := open(t, config(s3test.Versitygw(t), "many"))
	store.LimitBuffers(memory)
	grown := growth(func() {
		var wg sync.WaitGroup
		for i := range uploads {
			wg.Go(func() {
				name := blob.Name(fmt.Sprintf("blobs/00/%d", i))
				body := io.LimitReader(zeros{}, size)
				opts := blob.PutOptions{Size: size}
				if i%2 == 0 {
					opts.Size = -1
				}
				if info, err := store.Put(t.Context(), name, body, opts); err != nil || info.Size != size {
					t.Errorf("upload %d: %d bytes, %v", i, info.Size, err)
				}
			})
		}
		wg.Wait()
	})
	t.Logf("the heap grew by %d KB", grown>>10)
	if grown > limit {
		t.Errorf("the heap grew by %d bytes, at most %d are allowed", grown, limit)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// growth returns by how many bytes the heap in use grew at its highest while f ran.
func growth(f func()) int64 {
	runtime.GC()
	before := heapInUse()
	highest := before
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return highest - before
		case <-tick.C:
			highest = max(highest, heapInUse())
		}
	}
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// Whoever waits for memory can give up.
func TestWaitingForMemoryEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	store := open(t, config(s3test.Versitygw(t), "wait"))
	store.LimitBuffers(1) // the least there is: two
	ctx, cancel := context.WithCancel(t.Context())
	reading := make(chan struct{}, 2)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			body := hooked{hang{ctx}, func() { reading <- struct{}{} }}
			_, err := store.Put(t.Context(), blob.Name(fmt.Sprintf("slow/%d", i)), body, blob.PutOptions{Size: -1})
			if err == nil {
				t.Error("a body that fails was stored")
			}
		})
	}
	<-reading
	<-reading
	third, stop := context.WithCancel(t.Context())
	body := hooked{zeros{}, func() { t.Error("a third body was read") }}
	time.AfterFunc(short, stop)
	_, err := store.Put(third, "slow/3", body, blob.PutOptions{Size: -1})
	if !errors.Is(err, third.Err()) || err == nil {
		t.Errorf("got %v", err)
	}
	cancel()
	wg.Wait()
}

// hooked calls begin before each Read.
type hooked struct {
	io.Reader
	begin func()
}

func (h hooked) Read(p []byte) (int, error) {
	h.begin()
	return h.Reader.Read(p)
}
