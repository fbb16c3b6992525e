package treecache_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/treecache"
)

// small limits a cache to a few revisions of the course.
func small(o *treecache.Options) {
	o.Limits = tight
	o.Grace = time.Nanosecond
	o.Patience = 50 * time.Millisecond
}

// fill ensures and releases revisions of the course, so that everything that may go goes.
func (s *site) fill(t *testing.T, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		r := s.world.mustCourse(t, 8, n)
		_, l := ensure(t, s.cache, r, r.pick("elements", "serverFilesCourse", fmt.Sprintf("question:topic%d/q%d", n%8%3, n%8)))
		l.Release()
		if err := s.cache.Current(r.view); err != nil {
			t.Fatal(err)
		}
	}
}

// S4-37, S4-38, S4-40: what is leased stays, however full it gets; what is not goes.
func TestALeasedViewOutlivesEviction(t *testing.T) {
	t.Parallel()
	s := newSite(t, small)
	r := s.world.mustCourse(t, 8, 0)
	chunks := r.pick("elements", "serverFilesCourse", "question:topic1/q1")
	res, l := ensure(t, s.cache, r, chunks)
	s.fill(t, 1, 40)
	if err := s.cache.Retire(r.view); err != nil {
		t.Fatal(err)
	}
	for _, ch := range chunks {
		if err := r.compare(res.Dir, ch); err != nil {
			t.Error(err)
		}
	}
	if s.cache.Stats().EvictedObjects < 20 {
		t.Errorf("stats %+v", s.cache.Stats())
	}
	l.Release()
	s.fill(t, 40, 60)
	if _, err := os.Stat(res.Dir); !os.IsNotExist(err) {
		t.Errorf("the view is still there after its lease: %v", err)
	}
	treecache.Maintain(s.cache)
	wantExact(t, s.cache)
}

// When everything is leased, callers are told that the cache is full, and not that content is missing; then it goes on.
func TestACacheFullOfLeasesSaysSo(t *testing.T) {
	t.Parallel()
	s := newSite(t, small)
	var leases []*treecache.Lease
	var refused error
	for n := 0; refused == nil && n < 60; n++ {
		r := s.world.mustCourse(t, 8, n)
		_, l, err := s.cache.Ensure(t.Context(), r.view, r.pick("elements", "serverFilesCourse"))
		if refused = err; err == nil {
			leases = append(leases, l)
		}
	}
	if !errors.Is(refused, treecache.ErrFull) || fault.KindOf(refused) != fault.Full || fault.HintOf(refused) == "" || len(leases) < 2 {
		t.Fatalf("after %d leases: %v", len(leases), refused)
	}
	for _, l := range leases {
		l.Release()
	}
	s.fill(t, 60, 65)
	treecache.Maintain(s.cache)
	wantExact(t, s.cache)
}

// A part that could never fit is refused at once, whatever is evicted.
func TestAPartLargerThanTheCacheIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, small, func(o *treecache.Options) { o.Limits.Bytes, o.Patience = 20_000, time.Hour })
	r := s.world.mustCourse(t, 1, 0)
	if _, _, err := s.cache.Ensure(t.Context(), r.view, r.pick("serverFilesCourse")); !errors.Is(err, treecache.ErrFull) {
		t.Errorf("ensure: %v", err)
	}
}

// A view in constant use still loses what nobody used for long: leases overlap, so that there is no moment without one, and
// each holder keeps what it was given.
func TestABusyViewLosesWhatNobodyUses(t *testing.T) {
	t.Parallel()
	s := newSite(t, small, func(o *treecache.Options) { o.Limits.Bytes, o.Limits.Inodes, o.Patience = 500_000, 0, 5*time.Second })
	r := s.world.mustCourse(t, 60, 0)
	key := func(q int) string { return fmt.Sprintf("question:topic%d/q%d", q%3, q) }
	_, first := ensure(t, s.cache, r, r.pick("elements"))
	ctx, cancel := context.WithCancel(t.Context())
	var keeper sync.WaitGroup
	keeper.Go(func() { // waited for below
		for held := first; ; {
			next, ok := s.cache.Acquire(r.view)
			if !ok {
				t.Error("the view is gone while it is leased")
				return
			}
			held.Release()
			held = next
			select {
			case <-ctx.Done():
				held.Release()
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	for n := range 180 {
		chunks := r.pick("elements", key(n%60))
		_, l := ensure(t, s.cache, r, chunks)
		l.Release()
	}
	cancel()
	keeper.Wait()
	if st := s.cache.Stats(); st.EvictedChunks < 50 || st.Views != 0 {
		t.Errorf("stats %+v", st)
	}
	treecache.Maintain(s.cache)
	wantExact(t, s.cache)
}

// A chunk that is wanted again while it waits to go stays, although its batch goes.
func TestAChunkThatIsWantedAgainStays(t *testing.T) {
	t.Parallel()
	s := newSite(t, small, func(o *treecache.Options) { o.Limits.Bytes, o.Limits.Inodes = 400_000, 0 })
	r := s.world.mustCourse(t, 60, 0)
	key := func(q int) string { return fmt.Sprintf("question:topic%d/q%d", q%3, q) }
	res, old := ensure(t, s.cache, r, r.pick(key(0), key(1)))
	for q := 2; q < 60 && old.Has(key(0)); q++ { // until the cache wants room
		_, l, err := s.cache.Ensure(t.Context(), r.view, r.pick(key(q)))
		if err != nil {
			break // the old lease keeps everything
		}
		l.Release()
	}
	if old.Has(key(0)) {
		t.Fatal("the least recently used chunk was not put aside")
	}
	if err := r.compare(res.Dir, r.chunk(key(0))); err != nil {
		t.Errorf("a lease of before: %v", err)
	}
	before := s.world.fetches.Load()
	_, l := ensure(t, s.cache, r, r.pick(key(0)))
	old.Release()
	treecache.Maintain(s.cache)
	if err := r.compare(res.Dir, r.chunk(key(0))); err != nil || !l.Has(key(0)) {
		t.Errorf("after its batch went: %v, marker %v", err, l.Has(key(0)))
	}
	if s.world.fetches.Load() != before {
		t.Error("it was fetched again")
	}
	l.Release()
	treecache.Maintain(s.cache)
	wantExact(t, s.cache)
}

// cvmfs #2948: what somebody has open counts until it is closed, although it has no name any more.
func TestOpenFilesCountUntilTheyAreClosed(t *testing.T) {
	t.Parallel()
	s := newSite(t, small)
	r := s.world.mustCourse(t, 8, 0)
	res, l := ensure(t, s.cache, r, r.pick("serverFilesCourse"))
	f, err := os.Open(filepath.Join(res.Dir, "serverFilesCourse", "big.bin"))
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
	s.fill(t, 1, 30)
	treecache.Maintain(s.cache)
	if _, err := os.Stat(res.Dir); !os.IsNotExist(err) {
		t.Fatalf("the view was not evicted: %v", err)
	}
	left, _ := filepath.Glob(filepath.Join(s.o.Root, "trash", "*"))
	if len(left) == 0 {
		t.Error("the open file is not in trash")
	}
	wantExact(t, s.cache) // with trash
	if text, err := io.ReadAll(f); err != nil || string(text) != r.files["serverFilesCourse/big.bin"].content {
		t.Errorf("the open file has %d bytes, %v", len(text), err)
	}
	before := s.cache.Stats()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// A program that another test starts has a copy of the descriptor until it has become that program.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		treecache.Maintain(s.cache)
		if left, _ = filepath.Glob(filepath.Join(s.o.Root, "trash", "*")); len(left) == 0 {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	if after := s.cache.Stats(); after.Bytes > before.Bytes-30_000 {
		t.Errorf("%d bytes before it was closed, %d after", before.Bytes, after.Bytes)
	}
	if len(left) > 0 {
		t.Errorf("left in trash: %q", left)
	}
	wantExact(t, s.cache)
}

// The order: superseded views first, then what was used longest ago.
func TestTheLeastRecentlyUsedGoesFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t, small, func(o *treecache.Options) { o.Limits.Bytes, o.Limits.Inodes = 600_000, 0 })
	r := s.world.mustCourse(t, 60, 0)
	key := func(q int) string { return fmt.Sprintf("question:topic%d/q%d", q%3, q) }
	for q := range 60 {
		for _, k := range []string{key(q), key(0)} { // the first is used all the time
			_, l, err := s.cache.Ensure(t.Context(), r.view, r.pick(k))
			if err != nil {
				t.Fatal(err)
			}
			l.Release()
		}
	}
	l, ok := s.cache.Acquire(r.view)
	if !ok {
		t.Fatal("the view is gone")
	}
	defer l.Release()
	if !l.Has(key(0)) || !l.Has(key(59)) || l.Has(key(1)) || l.Has(key(2)) {
		t.Errorf("has 0: %v, 59: %v, 1: %v, 2: %v", l.Has(key(0)), l.Has(key(59)), l.Has(key(1)), l.Has(key(2)))
	}
}

// Chunks of which one lies in the other's directory, or has the same files, leave the files of the other alone when they go.
func TestOverlappingChunksDoNotTakeEachOthersFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.world.mustCourse(t, 4, 0)
	pictures := map[string]file{}
	for path, f := range r.files {
		if filepath.Ext(path) == ".svg" {
			pictures[path] = f
		}
	}
	gathered, err := s.world.treeChunk("thumbnails", "", s.world.memory.tree(pictures), false)
	if err != nil {
		t.Fatal(err)
	}
	question := r.chunk("question:topic1/q1")
	for _, order := range [][]treecache.Chunk{{gathered, question}, {question, gathered}} {
		for gone, stays := range map[int]int{0: 1, 1: 0} {
			res, l := ensure(t, s.cache, &revision{view: r.view}, nil)
			for _, ch := range order {
				_, l, err := s.cache.Ensure(t.Context(), r.view, []treecache.Chunk{ch})
				if err != nil {
					t.Fatal(err)
				}
				l.Release()
			}
			l.Release()
			treecache.EvictChunk(s.cache, r.view, order[gone].Key)
			want := pictures
			if order[stays].Key == question.Key {
				want = map[string]file{}
				for path, f := range below(r.files, question.Path) {
					want[question.Path+"/"+path] = f
				}
			}
			for path, f := range want {
				if err := compareFile(filepath.Join(res.Dir, path), f); err != nil {
					t.Errorf("%s went: %v", order[gone].Key, err)
				}
			}
			treecache.EvictChunk(s.cache, r.view, order[stays].Key)
			if left, _ := os.ReadDir(res.Dir); len(left) != 2 {
				t.Errorf("left: %v", left)
			}
			treecache.Maintain(s.cache)
			wantExact(t, s.cache)
		}
	}
}

// S4-38: superseded views go after their grace even when there is room, unless they are leased; what they were made of stays for the next.
func TestSupersededViewsGoInTheBackground(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *treecache.Options) { o.Grace = time.Nanosecond })
	var dirs []string
	var revisions []*revision
	for n := range 3 {
		r := s.world.mustCourse(t, 4, n)
		res, l := ensure(t, s.cache, r, r.chunks)
		if n == 1 {
			defer l.Release()
		} else {
			l.Release()
		}
		dirs, revisions = append(dirs, res.Dir), append(revisions, r)
	}
	if err := s.cache.Current(revisions[2].view); err != nil {
		t.Fatal(err)
	}
	before := s.world.fetches.Load()
	treecache.Maintain(s.cache)
	for n, want := range []bool{false, true, true} {
		if _, err := os.Stat(dirs[n]); (err == nil) != want {
			t.Errorf("view %d: %v; want it there: %v", n, err, want)
		}
	}
	if st := s.cache.Stats(); st.DroppedViews != 1 || st.EvictedObjects != 0 {
		t.Errorf("stats %+v", st)
	}
	_, l := ensure(t, s.cache, revisions[0], revisions[0].chunks)
	l.Release()
	if s.world.fetches.Load() != before {
		t.Error("objects went with the view")
	}
	treecache.Maintain(s.cache)
	wantExact(t, s.cache)
}
