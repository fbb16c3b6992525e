package content

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/coursegen"
)

// failing is a store in which one call fails: the one that fuse counts down to, before or after it is done.
type failing struct {
	blob.Store
	fuse  *atomic.Int64
	after bool
}

func (f failing) burn(do func() error) error {
	if f.fuse.Add(-1) != 0 {
		return do()
	}
	if f.after {
		return errors.Join(do(), errFlaky)
	}
	return errFlaky
}

func (f failing) Put(ctx context.Context, name blob.Name, body io.Reader, o blob.PutOptions) (info blob.Info, err error) {
	err = f.burn(func() error { info, err = f.Store.Put(ctx, name, body, o); return err })
	return info, err
}

func (f failing) Open(ctx context.Context, name blob.Name) (b blob.Blob, err error) {
	if f.fuse.Add(-1) == 0 {
		return nil, errFlaky
	}
	return f.Store.Open(ctx, name)
}

// E-45: whichever call of the store fails, nothing is published, and the next sync goes on from there.
func TestAStoreThatFailsAtAnyCallHoldsNothingUpForLong(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		w := newWorld(t)
		course := w.course("physics", small(100))
		store := failing{w.store, &atomic.Int64{}, after}
		w.store = store
		c, _ := w.build()
		token := own(t, c)
		syncNow(t, c, token, "physics")
		failures := 0
		for n := int64(1); n < 20; n++ {
			before, err := c.Current(t.Context(), "physics")
			if err != nil {
				t.Fatal(err)
			}
			head := commit(t, course, coursegen.OneQuestion)
			store.fuse.Store(n)
			report, err := c.sync(t.Context(), token, "physics", usual, quiet)
			burnt := store.fuse.Swap(-1000) <= 0
			now, _ := c.Current(t.Context(), "physics")
			if err != nil {
				failures++
				if !errors.Is(err, errFlaky) || now.Seq != before.Seq {
					t.Errorf("call %d: error %v, revision %d after %d", n, err, now.Seq, before.Seq)
				}
				report = syncNow(t, c, token, "physics")
			}
			if report.Commit != head || !report.Published {
				t.Errorf("call %d: %s is current; want %s", n, report.Commit, head)
			}
			wantWhole(t, c, "physics")
			if !burnt {
				break // the sync has fewer calls
			}
		}
		if failures < 2 {
			t.Errorf("%d syncs failed: the test proves nothing", failures)
		}
	}
}

// PostgreSQL that ends our connections at any step costs that sync at most.
func TestConnectionsThatEndAtAnyStepCostOneSyncAtMost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(101), func(s *SourceConfig) { s.Hook = "true" })
	c, _ := w.build()
	other, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	for _, at := range []string{"fetching", "building", "parts stored", "index stored", "asking the hook", "hook agreed", "published"} {
		head := commit(t, course, coursegen.OneQuestion)
		c.opts.Observe = func(_, step string) {
			if step != at {
				return
			}
			run(t, other, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`)
		}
		_, err := c.sync(t.Context(), token, "physics", usual, quiet)
		c.opts.Observe = func(string, string) {}
		if err != nil {
			syncNow(t, c, token, "physics")
		}
		eventually(t, "the commit is current after the end of connections at "+at, func() bool {
			p, err := c.Current(t.Context(), "physics")
			return err == nil && p.Commit.String() == head
		})
		wantWhole(t, c, "physics")
	}
}
