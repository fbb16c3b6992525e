package treecache_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

// memoryDir returns a directory on tmpfs: the tests are about order, not about disks.
func memoryDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "treecache-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// bench is a world, and a cache of it.
type site struct {
	dir   string
	world *world
	o     treecache.Options
	cache *treecache.Cache
}

func newSite(tb testing.TB, change ...func(*treecache.Options)) *site {
	tb.Helper()
	dir := memoryDir(tb)
	s := &site{dir: dir, world: newWorld(tb, dir, treepack.SHA1)}
	s.o = treecache.Options{Root: filepath.Join(dir, "cache"), Fetch: s.world.fetch, Patience: 2 * time.Second}
	for _, f := range change {
		f(&s.o)
	}
	s.cache = start(tb, s.o)
	return s
}

func start(tb testing.TB, o treecache.Options) *treecache.Cache {
	tb.Helper()
	c, err := treecache.Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { stop(tb, c) })
	return c
}

func stop(tb testing.TB, c *treecache.Cache) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		tb.Error(err)
	}
}

// ensure makes chunks ready, compares them, and returns the lease.
func ensure(tb testing.TB, c *treecache.Cache, r *revision, chunks []treecache.Chunk) (*treecache.Result, *treecache.Lease) {
	tb.Helper()
	res, l, err := c.Ensure(context.Background(), r.view, chunks)
	if err != nil {
		tb.Fatal(err)
	}
	for _, ch := range chunks {
		if err := r.compare(res.Dir, ch); err != nil {
			tb.Error(err)
		}
	}
	return res, l
}

// wantExact checks that the books say what is there.
func wantExact(tb testing.TB, c *treecache.Cache) {
	tb.Helper()
	bytes, inodes, err := treecache.Actual(c)
	if err != nil {
		tb.Fatal(err)
	}
	if s := c.Stats(); s.Bytes != bytes || s.Inodes != inodes || s.ReservedBytes != 0 || s.ReservedInodes != 0 {
		tb.Errorf("the ledger has %d bytes, %d inodes (and %d, %d reserved); there are %d, %d",
			s.Bytes, s.Inodes, s.ReservedBytes, s.ReservedInodes, bytes, inodes)
	}
}

// S4-21, S4-36: a view is the directory of the commit, with the chunks that were asked for and nothing else.
func TestEnsureShowsTheChunksAsGitHasThem(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.world.mustCourse(t, 4, 0)
	res, l := ensure(t, s.cache, r, r.pick("elements", "question:topic1/q1", "serverFilesCourse"))
	defer l.Release()
	if want := filepath.Join(s.o.Root, "views", "physics", r.view.Commit.String()); res.Dir != want || l.Dir() != want {
		t.Errorf("directory %q, lease %q; want %q", res.Dir, l.Dir(), want)
	}
	if len(res.Cold) != 3 || res.Bytes == 0 {
		t.Errorf("cold %q, %d bytes", res.Cold, res.Bytes)
	}
	list, _ := os.ReadDir(filepath.Join(res.Dir, "questions"))
	if len(list) != 1 || list[0].Name() != "topic1" {
		t.Errorf("questions holds %v; want topic1 alone", list)
	}
	for key, want := range map[string]bool{"elements": true, "question:topic0/q0": false} {
		if l.Has(key) != want {
			t.Errorf("has %s: %v", key, !want)
		}
	}
	wantExact(t, s.cache)
}

// C-23: course-level chunks are one link, questions are directories, so that .. leads from one to the other.
func TestAQuestionReachesCourseFilesThroughDotDot(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.world.mustCourse(t, 4, 0)
	res, l := ensure(t, s.cache, r, r.pick("elements", "question:topic1/q1", "serverFilesCourse"))
	defer l.Release()
	target, err := os.Readlink(filepath.Join(res.Dir, "serverFilesCourse"))
	if err != nil || filepath.IsAbs(target) {
		t.Errorf("serverFilesCourse points to %q, %v; want a relative link", target, err)
	}
	// Not filepath.Join, which would clean the path before the kernel sees it.
	far := res.Dir + "/questions/topic1/q1/../../../serverFilesCourse/lib1/pkg/m1.py"
	if err := compareFile(far, r.files["serverFilesCourse/lib1/pkg/m1.py"]); err != nil {
		t.Error(err)
	}
	if moved := s.o.Root + "-moved"; os.Rename(s.o.Root, moved) == nil { // as in a container with another mount point
		path := filepath.Join(moved, "views", "physics", r.view.Commit.String(), "serverFilesCourse", "run.sh")
		if err := compareFile(path, r.files["serverFilesCourse/run.sh"]); err != nil {
			t.Error(err)
		}
		_ = os.Rename(moved, s.o.Root)
	}
}

// S4-25, S4-41, S4-42: warm calls fetch nothing, and a new revision fetches what changed.
func TestOnlyWhatChangedIsFetched(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	old, next := s.world.mustCourse(t, 10, 0), s.world.mustCourse(t, 10, 1)
	parts := map[string]bool{}
	count := func(r *revision) (added int) {
		for _, ch := range r.chunks {
			for _, piece := range ch.Pieces {
				if name := piece.Part.BlobName(); !parts[name] {
					parts[name], added = true, added+1
				}
			}
		}
		return added
	}
	for _, r := range []*revision{old, next} {
		before, want := s.world.fetches.Load(), count(r)
		_, l := ensure(t, s.cache, r, r.chunks)
		l.Release()
		if got := s.world.fetches.Load() - before; got != int64(want) {
			t.Errorf("%d parts fetched; %d are new", got, want)
		}
		res, l := ensure(t, s.cache, r, r.chunks)
		l.Release()
		if len(res.Cold) != 0 || res.Bytes != 0 || s.world.fetches.Load() != before+int64(want) {
			t.Errorf("the second call found %q cold and fetched", res.Cold)
		}
	}
	if st := s.cache.Stats(); st.Warm != 2 || st.Cold != 2 || st.Failed != 0 || st.Leases != 0 || st.Processes != 1 {
		t.Errorf("stats %+v", st)
	}
	wantExact(t, s.cache)
}

func TestPrefetchedChunksAreShownWithoutTheStore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.world.mustCourse(t, 3, 0)
	n, err := s.cache.Prefetch(t.Context(), r.chunks)
	if err != nil || n == 0 {
		t.Fatalf("prefetch: %d bytes, %v", n, err)
	}
	if _, ok := s.cache.Acquire(r.view); ok {
		t.Error("prefetch made a view")
	}
	before := s.world.fetches.Load()
	res, l := ensure(t, s.cache, r, r.chunks)
	l.Release()
	if s.world.fetches.Load() != before || res.Bytes != 0 || len(res.Cold) != len(r.chunks) {
		t.Errorf("ensure after prefetch: %d bytes, %d cold", res.Bytes, len(res.Cold))
	}
}

// What is there after a clean stop needs no store, and the books still fit.
func TestACacheThatWasStoppedGoesOnWithWhatItHad(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.world.mustCourse(t, 3, 0)
	_, l := ensure(t, s.cache, r, r.chunks)
	l.Release()
	before := s.world.fetches.Load()
	stop(t, s.cache)
	for _, boot := range []string{"", "another boot"} { // a clean stop survives a reboot
		o := s.o
		if boot != "" {
			o = treecache.WithBoot(o, boot)
		}
		c := start(t, o)
		res, l := ensure(t, c, r, r.chunks)
		l.Release()
		if len(res.Cold) > 0 || s.world.fetches.Load() != before || c.Stats().Era != 1 {
			t.Errorf("after a clean stop %q are cold, era %d", res.Cold, c.Stats().Era)
		}
		wantExact(t, c)
		stop(t, c)
	}
}

func TestTheCacheKeepsTheContractOfServices(t *testing.T) {
	dir := memoryDir(t)
	w := newWorld(t, dir, treepack.SHA1)
	lifecycletest.Stress(t, func() lifecycle.Service {
		c, err := treecache.Open(treecache.Options{Root: filepath.Join(dir, "cache"), Fetch: w.fetch})
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
}

func TestAStoppedCacheSaysSo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.world.mustCourse(t, 1, 0)
	_, l := ensure(t, s.cache, r, r.chunks)
	stop(t, s.cache)
	l.Release()
	l.Release()
	if _, _, err := s.cache.Ensure(t.Context(), r.view, r.chunks); !strings.Contains(err.Error(), treecache.ErrStopped.Error()) {
		t.Errorf("ensure: %v", err)
	}
	if _, ok := s.cache.Acquire(r.view); ok {
		t.Error("a stopped cache gives leases")
	}
}

func TestMarkerNamesAreThoseOfPercentEncoding(t *testing.T) {
	t.Parallel()
	f := func(key, want string) {
		t.Helper()
		if got := treecache.MarkerName(key); got != want {
			t.Errorf("marker of %q is %q; want %q", key, got, want)
		}
	}
	f("elements", "elements")
	f("question:a/b c", "question%3Aa%2Fb%20c")
	f("x:ü!'()*", "x%3A%C3%BC%21%27%28%29%2A")
	f("-._~", "-._~")
	if n := treecache.MarkerName(strings.Repeat("ü", 40)); len(n) != 65 || n[0] != '~' {
		t.Errorf("marker of a long key is %q", n)
	}
}

func TestChunksThatWouldLieElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.world.mustCourse(t, 1, 0)
	for _, path := range []string{"..", "a/../b", "/etc", "a//b", ".lease", ".holdfast/x", ".git"} {
		ch := r.chunks[0]
		ch.Path = path
		if _, _, err := s.cache.Ensure(t.Context(), r.view, []treecache.Chunk{ch}); err == nil {
			t.Errorf("a chunk at %q was shown", path)
		}
	}
	for _, source := range []string{"", ".", "..", "a/b", strings.Repeat("a", 97), "é"} {
		v := treecache.View{Source: source, Commit: r.view.Commit}
		if _, _, err := s.cache.Ensure(t.Context(), v, r.chunks); err == nil {
			t.Errorf("a view of source %q was made", source)
		}
	}
	if list, _ := os.ReadDir(filepath.Join(s.o.Root, "views")); len(list) > 1 || slices.ContainsFunc(list, func(d os.DirEntry) bool { return d.Name() != "physics" }) {
		t.Errorf("views: %v", list)
	}
}

// A commit that other rules make other chunks of is told apart from what its view shows, and shown elsewhere; both are kept as
// current.
func TestOtherChunksOfTheSameCommitAreShownElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.world.mustCourse(t, 3, 0)
	all := func(chunks []treecache.Chunk) func(string) (string, treepack.ID, bool) {
		return func(key string) (string, treepack.ID, bool) {
			i := slices.IndexFunc(chunks, func(c treecache.Chunk) bool { return c.Key == key })
			if i < 0 {
				return "", treepack.ID{}, false
			}
			return chunks[i].Path, chunks[i].Tree, true
		}
	}
	_, l, err := s.cache.Ensure(t.Context(), r.view, r.chunks)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	moved := slices.Clone(r.chunks)
	moved[0].Path = "elsewhere"
	for name, c := range map[string]struct {
		chunks []treecache.Chunk
		want   bool
	}{"the same": {r.chunks, false}, "one fewer": {r.chunks[1:], true}, "one elsewhere": {moved, true}} {
		if differs, err := s.cache.Differs(r.view, all(c.chunks)); err != nil || differs != c.want {
			t.Errorf("%s: differs %v, %v", name, differs, err)
		}
	}
	v := r.view.Variant("0f")
	result, l2, err := s.cache.Ensure(t.Context(), v, moved)
	if err != nil {
		t.Fatal(err)
	}
	defer l2.Release()
	if _, err := os.Stat(filepath.Join(result.Dir, "elsewhere")); err != nil || result.Dir == l.Dir() {
		t.Errorf("the variant at %s: %v", result.Dir, err)
	}
	if err := s.cache.Current(r.view); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{l.Dir(), result.Dir} {
		if _, err := os.Stat(filepath.Join(dir, ".holdfast", ".retired")); err == nil {
			t.Errorf("%s is retired", dir)
		}
	}
}
