package treecache_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

// While a part is unpacked the next one is on its way: a small pack does not keep its place among the downloads until its files are written.
// Here the first part cannot be written before the second was asked for, though only one may be downloaded at a time.
func TestTheNextPartIsDownloadedWhileOneIsUnpacked(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked, second := 0, make(chan struct{})
	s := newSite(t, func(o *treecache.Options) {
		fetch := o.Fetch
		o.Parallel = 1
		o.Fetch = func(ctx context.Context, part treepack.Part) (io.ReadCloser, error) {
			mu.Lock()
			if asked++; asked == 2 {
				close(second)
			}
			mu.Unlock()
			return fetch(ctx, part)
		}
		*o = treecache.WithSteps(*o, func(op, _ string) error {
			mu.Lock()
			begun := asked > 0
			mu.Unlock()
			if op != "create" || !begun {
				return nil
			}
			select {
			case <-second:
				return nil
			case <-time.After(20 * time.Second):
				return errors.New("nobody has asked for the second part")
			}
		})
	})
	r := s.world.mustCourse(t, 4, 0)
	_, l := ensure(t, s.cache, r, r.chunks)
	l.Release()
}
