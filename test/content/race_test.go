package content_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/content"
	"holdfast/internal/control"
	"holdfast/internal/coursegen"
	"holdfast/internal/s3test"
)

// traffic counts the reads of parts at the store.
type traffic struct {
	mu      sync.Mutex // protects the following
	gets    map[string]int
	open    map[string]int
	overlap []string // parts that were read twice at the same time
}

// watchTraffic counts at a server from now on.
func watchTraffic(server *s3test.Server) *traffic {
	tr := &traffic{gets: map[string]int{}, open: map[string]int{}}
	server.Inject(func(_ http.ResponseWriter, r *http.Request) bool {
		if _, part, ok := strings.Cut(r.URL.Path, "content/v1/"); ok && r.Method == http.MethodGet && part != "" {
			tr.begin(part)
			context.AfterFunc(r.Context(), func() { tr.end(part) }) // it is cancelled when the answer is complete
		}
		return false
	})
	return tr
}

func (tr *traffic) begin(part string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.gets[part]++
	tr.open[part]++
	if tr.open[part] > 1 {
		tr.overlap = append(tr.overlap, part)
	}
}

func (tr *traffic) end(part string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.open[part]--
}

// total returns how many reads there were, of how many parts.
func (tr *traffic) total() (reads, parts int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, n := range tr.gets {
		reads += n
	}
	return reads, len(tr.gets)
}

const raceQuestions = 6

// race is a course whose every revision is stamped all over, and who uses it.
type race struct {
	t      *testing.T
	course *coursegen.Course
	server *s3test.Server
	nodes  []*node
	n      int // revisions
}

func newRace(t *testing.T, nodes int, settings ...string) *race {
	t.Helper()
	r := &race{t: t, server: s3test.Versitygw(t)}
	r.course = newCourse(t, coursegen.Options{Seed: 31, Questions: raceQuestions, ServerFiles: coursegen.Bulk{Count: 3, Bytes: 12 << 10}})
	r.stamp()
	first := newSite(t).onS3(r.server).source("course", r.course.Dir).set(settings...)
	first.set("paths.cache", first.Path("cache")) // one for all
	for i := range nodes {
		s := first
		if i > 0 {
			s = first.twin()
		}
		r.nodes = append(r.nodes, s.begin())
	}
	for _, n := range r.nodes {
		n.ready()
	}
	r.nodes[0].sync()
	r.wantSeen()
	return r
}

// stamp commits a revision that differs from the one before in all chunks.
func (r *race) stamp() {
	r.t.Helper()
	r.n++
	now, before := fmt.Sprint(r.n), fmt.Sprint(r.n-1)
	files := map[string][]byte{}
	for _, path := range []string{"elements/race/stamp.txt", "serverFilesCourse/race/stamp.txt", "clientFilesCourse/stamp.txt"} {
		files[path] = []byte(now)
	}
	for _, q := range r.course.Questions() {
		dir := "questions/" + q + "/"
		files[dir+"stamp.txt"], files[dir+"only-"+now], files[dir+"filler.txt"] = []byte(now), []byte(now), []byte(filler(now))
		if r.n > 1 {
			files[dir+"only-"+before] = nil
		}
	}
	if _, err := r.course.Write(r.t.Context(), "Revision "+now, files); err != nil {
		r.t.Fatal(err)
	}
}

func (r *race) app(i int) *startedApp {
	n := r.nodes[i%len(r.nodes)]
	return startApp(r.t, appOrder{
		Socket: n.socket, Views: filepath.Join(r.nodes[0].site.Path("cache"), "content", "views"), Questions: r.course.Questions(),
		Seed: uint64(i),
	})
}

// S4-13, S4-18 … S4-21, E-52, E-53: renders in several processes against publishes, and against the evictions of a cache that has
// room for a few revisions only, which two daemons share. No file is missing, no render sees two revisions, and no part is
// downloaded twice at the same time.
func TestRendersRaceAgainstPublishesAndEvictions(t *testing.T) {
	t.Parallel()
	const apps = 4
	renders, publishes := sized(2000, 10_000), sized(40, 1000)
	inodes := sized(1000, 3000) // a revision takes some 150; leases hold several
	r := newRace(t, 2, "content.cache_inodes", fmt.Sprint(inodes))
	tr := watchTraffic(r.server)
	began := time.Now()
	var all []*startedApp
	for i := range apps {
		all = append(all, r.app(i))
	}
	for i := range publishes {
		for _, a := range all {
			a.let((renders + publishes*apps - 1) / (publishes * apps))
		}
		r.stamp()
		if got := r.nodes[i%2].sync(); got.Commit != r.course.Head {
			t.Fatalf("publish %d: %s is current, the branch is at %s", i, got.Commit, r.course.Head)
		}
	}
	var sum appReport
	for _, a := range all {
		sum.add(a.finish(10 * time.Minute))
	}
	reads, parts := tr.total()
	evicted := r.evicted()
	t.Logf("%d renders (%d by the lock file, %d missed, %d by socket, %d of old revisions, %d cold, %d long) of up to %d revisions against %d publishes in %s; %d reads of %d parts; %d bytes evicted",
		sum.Renders, sum.Hot, sum.Missed, sum.Socket, sum.Old, sum.Cold, sum.Long, sum.Revisions, publishes, time.Since(began).Round(time.Millisecond), reads, parts, evicted)
	if len(tr.overlap) > 0 {
		t.Errorf("%d parts were downloaded twice at the same time: %q", len(tr.overlap), tr.overlap[:min(3, len(tr.overlap))])
	}
	if sum.Renders < renders/2 || sum.Hot == 0 || sum.Cold == 0 || sum.Long == 0 || evicted == 0 || reads < parts+publishes/2 {
		t.Error("the race did not have all that it is about")
	}
	r.wantBounded(inodes)
}

func (s *appReport) add(r appReport) {
	s.Renders += r.Renders
	s.Hot += r.Hot
	s.Missed += r.Missed
	s.Old += r.Old
	s.Socket += r.Socket
	s.Cold += r.Cold
	s.Long += r.Long
	s.Revisions = max(s.Revisions, r.Revisions)
}

// evicted returns how much the daemons have evicted.
func (r *race) evicted() (bytes int64) {
	r.t.Helper()
	for _, n := range r.nodes {
		bytes += mustCall[content.StatsAnswer](n, "stats", control.Empty{}).Cache.EvictedBytes
	}
	return bytes
}

// wantBounded fails when more lies in the cache than its cap.
func (r *race) wantBounded(limit int) {
	r.t.Helper()
	if used := countInodes(r.t, r.nodes[0].site.Path("cache/content")); used > limit {
		r.t.Errorf("the cache has %d inodes, its cap is %d", used, limit)
	}
}

// S4-07, S4-20: several daemons with one cache directory and several applications each, all wanting the same at once: each part
// is downloaded exactly once.
func TestEachPartIsDownloadedOnceByAllProcesses(t *testing.T) {
	t.Parallel()
	r := newRace(t, sized(3, 8))
	for range sized(3, 30) {
		r.stamp()
		tr := watchTraffic(r.server) // before: what is in use is fetched when it is published
		r.nodes[0].sync()
		r.wantSeen()
		var all sync.WaitGroup
		for i := range 2 * len(r.nodes) {
			all.Go(func() { r.ensureAll(r.nodes[i%len(r.nodes)], i) })
		}
		all.Wait()
		reads, parts := tr.total()
		if reads != parts || parts == 0 {
			t.Errorf("%d reads of %d parts", reads, parts)
		}
	}
}

// ensureAll wants everything, in an order of its own.
func (r *race) ensureAll(n *node, i int) {
	questions := r.course.Questions()
	for j := range questions {
		q := questions[(i+j)%len(questions)]
		if _, err := call[content.EnsureAnswer](n, "ensure", content.EnsureRequest{Source: "course", Want: []string{"render:" + q}}); err != nil {
			r.t.Errorf("ensure: %v", err)
		}
	}
}

// wantSeen waits until every daemon answers with the head.
func (r *race) wantSeen() {
	r.t.Helper()
	wantSeen(r.t, r.nodes, r.course.Head)
}

// wantSeen fails unless all nodes answer with the commit soon.
func wantSeen(t testing.TB, nodes []*node, commit string) {
	t.Helper()
	for _, n := range nodes {
		eventually(t, seen, func() error {
			a, err := call[content.RevisionAnswer](n, "revision", content.RevisionRequest{Source: "course"})
			if err == nil && a.Revision != commit {
				err = fmt.Errorf("process %d answers with %s, wanted is %s", n.PID, a.Revision, commit)
			}
			return err
		})
	}
}
