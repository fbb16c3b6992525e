package treecache_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

// badStore is a store of which the test says how it answers.
type badStore struct {
	*world
	answer atomic.Pointer[func(ctx context.Context, pack []byte) (io.ReadCloser, error)]
	asked  atomic.Int64
}

func (b *badStore) fetch(ctx context.Context, part treepack.Part) (io.ReadCloser, error) {
	b.asked.Add(1)
	pack, err := os.ReadFile(b.packPath(part))
	if err != nil {
		return nil, err
	}
	if f := b.answer.Load(); f != nil {
		return (*f)(ctx, pack)
	}
	return io.NopCloser(bytes.NewReader(pack)), nil
}

func (b *badStore) answers(f func(ctx context.Context, pack []byte) (io.ReadCloser, error)) {
	b.answer.Store(&f)
}

func newBadStore(t *testing.T, change ...func(*treecache.Options)) (*site, *badStore) {
	t.Helper()
	b := &badStore{}
	s := newSite(t, append(change, func(o *treecache.Options) { o.Fetch = b.fetch })...)
	b.world = s.world
	return s, b
}

func whole(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }

var errDown = errors.New("connection refused")

// E-53: whatever the store does wrong ends in an error that says so, leaves nothing behind, and is forgotten: the next call succeeds.
func TestAStoreThatMisbehavesHarmsNobody(t *testing.T) {
	t.Parallel()
	f := func(name, code string, asked int64, answer func(ctx context.Context, pack []byte) (io.ReadCloser, error)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, store := newBadStore(t, func(o *treecache.Options) { o.Stall = 400 * time.Millisecond })
			r := s.world.mustCourse(t, 1, 0)
			store.answers(answer)
			_, _, err := s.cache.Ensure(t.Context(), r.view, r.pick("question:topic0/q0"))
			if fault.CodeOf(err) != code || store.asked.Load() != asked {
				t.Errorf("ensure: %v (%s) after %d requests; want %s after %d", err, fault.CodeOf(err), store.asked.Load(), code, asked)
			}
			if got := inspect(s.o.Root, []*revision{r}); got != nil {
				t.Error(got)
			}
			wantExact(t, s.cache)
			store.answer.Store(nil)
			_, l := ensure(t, s.cache, r, r.pick("question:topic0/q0"))
			l.Release()
			wantExact(t, s.cache)
		})
	}
	f("it refuses", "content_store_unavailable", 1, func(context.Context, []byte) (io.ReadCloser, error) { return nil, errDown })
	f("it has nothing", "content_store_unavailable", 1, func(context.Context, []byte) (io.ReadCloser, error) {
		return nil, fault.New(fault.NotFound, "blob_not_found", "no such blob")
	})
	f("it breaks off with an error", "content_store_unavailable", 1, func(_ context.Context, p []byte) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(p[:len(p)/2]), errorReader{errDown})), nil
	})
	f("it breaks off silently", "content_corrupt", 2, func(_ context.Context, p []byte) (io.ReadCloser, error) { return whole(p[:len(p)/2]), nil })
	f("it sends nothing", "content_corrupt", 2, func(context.Context, []byte) (io.ReadCloser, error) { return whole(nil), nil })
	f("it sends too much", "content_corrupt", 2, func(_ context.Context, p []byte) (io.ReadCloser, error) {
		return whole(append(bytes.Clone(p), p...)), nil
	})
	f("it hangs before the answer", "content_store_unavailable", 1, func(ctx context.Context, _ []byte) (io.ReadCloser, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	f("it hangs in the middle", "content_store_unavailable", 1, func(ctx context.Context, p []byte) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(p[:9]), hanging{ctx})), nil
	})
	for _, at := range []int{0, 7, -1} {
		f("it flips a bit", "content_corrupt", 2, func(_ context.Context, p []byte) (io.ReadCloser, error) {
			p = bytes.Clone(p)
			p[(at+len(p))%len(p)] ^= 4
			return whole(p), nil
		})
	}
}

type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }

type hanging struct{ ctx context.Context }

func (h hanging) Read([]byte) (int, error) {
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

// A pack that is wrong once is asked for again, and the call succeeds.
func TestAPackThatIsWrongOnceIsFetchedAgain(t *testing.T) {
	t.Parallel()
	s, store := newBadStore(t)
	r := s.world.mustCourse(t, 1, 0)
	var once sync.Once
	store.answers(func(_ context.Context, p []byte) (io.ReadCloser, error) {
		once.Do(func() { p = p[:len(p)-1] })
		return whole(p), nil
	})
	_, l := ensure(t, s.cache, r, r.pick("question:topic0/q0"))
	l.Release()
	if n := store.asked.Load(); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// Bytes of another part, whole and well packed, are not taken for the part.
func TestAnotherPartIsNotTakenForThePart(t *testing.T) {
	t.Parallel()
	s, store := newBadStore(t)
	r := s.world.mustCourse(t, 2, 0)
	other, err := os.ReadFile(s.world.packPath(r.chunk("question:topic1/q1").Pieces[0].Part))
	if err != nil {
		t.Fatal(err)
	}
	store.answers(func(context.Context, []byte) (io.ReadCloser, error) { return whole(other), nil })
	if _, _, err := s.cache.Ensure(t.Context(), r.view, r.pick("question:topic0/q0")); !errors.Is(err, treecache.ErrCorrupt) {
		t.Errorf("ensure: %v", err)
	}
}

// Callers share one download: its failure, too. But one that was only cancelled by its caller is taken over by the next.
func TestWhoWaitsForADownloadTakesItOverWhenItsCallerGivesUp(t *testing.T) {
	t.Parallel()
	s, store := newBadStore(t)
	r := s.world.mustCourse(t, 1, 0)
	inside := make(chan struct{})
	var once sync.Once
	store.answers(func(ctx context.Context, p []byte) (io.ReadCloser, error) {
		first := false
		once.Do(func() { first = true })
		if !first {
			return whole(p), nil
		}
		close(inside)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { // waited for below
		_, _, err := s.cache.Ensure(ctx, r.view, r.pick("question:topic0/q0"))
		first <- err
	}()
	<-inside
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			_, l, err := s.cache.Ensure(t.Context(), r.view, r.pick("question:topic0/q0"))
			if err != nil {
				t.Error(err)
				return
			}
			l.Release()
		})
	}
	<-time.After(20 * time.Millisecond)
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first: %v", err)
	}
	all.Wait()
	if n := store.asked.Load(); n != 2 {
		t.Errorf("%d downloads; want the one given up and one more", n)
	}
}

// S4-28, E-55: downloads are parallel, and never more than the limit.
func TestDownloadsAreParallelAndBounded(t *testing.T) {
	t.Parallel()
	s, store := newBadStore(t, func(o *treecache.Options) { o.Parallel = 4 })
	var now, most atomic.Int64
	store.answers(func(_ context.Context, p []byte) (io.ReadCloser, error) {
		for n := now.Add(1); ; {
			m := most.Load()
			if n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		<-time.After(2 * time.Millisecond)
		now.Add(-1)
		return whole(p), nil
	})
	var all sync.WaitGroup
	for n := range 3 {
		r := s.world.mustCourse(t, 20, n)
		all.Go(func() {
			_, l, err := s.cache.Ensure(t.Context(), r.view, r.chunks)
			if err != nil {
				t.Error(err)
				return
			}
			l.Release()
		})
	}
	all.Wait()
	if most.Load() != 4 {
		t.Errorf("at most %d downloads at a time; want 4", most.Load())
	}
}

// Stop ends calls that hang, and says so to them.
func TestStopEndsCallsThatHang(t *testing.T) {
	t.Parallel()
	s, store := newBadStore(t)
	r := s.world.mustCourse(t, 1, 0)
	inside := make(chan struct{})
	store.answers(func(ctx context.Context, _ []byte) (io.ReadCloser, error) {
		close(inside)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	ended := make(chan error, 1)
	go func() { // waited for below
		_, _, err := s.cache.Ensure(t.Context(), r.view, r.pick("question:topic0/q0"))
		ended <- err
	}()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.cache.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := <-ended; !errors.Is(err, treecache.ErrStopped) {
		t.Errorf("the call: %v", err)
	}
}
