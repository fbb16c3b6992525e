package treecache_test

import (
	"context"
	"io"
	"sync"
	"testing"

	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

// crowd counts the packs that are open at once.
type crowd struct {
	mu         sync.Mutex // protects the following
	open, most int
	full       chan struct{} // closed when parallel of them are open
}

const parallel = 3

func (c *crowd) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open += n
	if c.open > c.most {
		if c.most = c.open; c.most == parallel {
			close(c.full)
		}
	}
}

// counted is a pack that is counted until it is closed, which happens once.
type counted struct {
	io.ReadCloser
	t     *testing.T
	crowd *crowd
	over  bool
}

// Close ends the counting.
func (c *counted) Close() error {
	if c.over {
		c.t.Error("a pack was closed twice")
	}
	c.over = true
	c.crowd.add(-1)
	return c.ReadCloser.Close()
}

// Options.Parallel bounds what is under way from the store.
func TestNoMorePacksAreOpenThanMayBe(t *testing.T) {
	t.Parallel()
	c := crowd{full: make(chan struct{})}
	s := newSite(t, func(o *treecache.Options) {
		fetch := o.Fetch
		o.Parallel = parallel
		o.Fetch = func(ctx context.Context, part treepack.Part) (io.ReadCloser, error) {
			c.add(1)
			<-c.full // the first ones wait for each other
			body, err := fetch(ctx, part)
			if err != nil {
				c.add(-1)
				return nil, err
			}
			return &counted{ReadCloser: body, t: t, crowd: &c}, nil
		}
	})
	r := s.world.mustCourse(t, 60, 0)
	_, l := ensure(t, s.cache, r, r.chunks)
	l.Release()
	if c.open != 0 || c.most != parallel {
		t.Errorf("%d packs were open at once, %d are still; want %d, and none", c.most, c.open, parallel)
	}
}
