package content

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/coursegen"
)

// far is a store each of whose answers takes a while.
type far struct {
	blob.Store
	delay time.Duration
}

func (s far) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	select {
	case <-time.After(s.delay):
		return s.Store.Open(ctx, name)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// BenchmarkColdCourse makes a course of some 450 chunks ready on an empty disk, from a store 30 ms away.
func BenchmarkColdCourse(b *testing.B) {
	w, _ := newNodes(b, coursegen.Options{Seed: 2, Questions: 441})
	author := w.node(func(o *Options) { o.Log = quietLog() })
	publish(b, author)
	for b.Loop() {
		b.StopTimer()
		o := w.options(func(o *Options) { o.Log, o.Store = quietLog(), far{w.store, 30 * time.Millisecond} })
		c, err := New(o)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Start(b.Context()); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Ensure(b.Context(), want("elements")); err != nil { // the index is here
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := c.Ensure(b.Context(), want("all")); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		stopContent(b, c)
		if err := os.RemoveAll(filepath.Dir(o.Cache)); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
