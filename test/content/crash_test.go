package content_test

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
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

// S4-19, S4-22, S4-38, E-49, E-50: the whole daemon is killed at random moments of syncs and ensures, while its store refuses,
// breaks off, loses answers, truncates and flips bits. Whatever a view shows then is what git has; what was current stays
// current until something newer is published; nobody has to clean up.
func TestKilledAtAnyMomentWithAStoreThatLies(t *testing.T) {
	t.Parallel()
	c := newCrash(t)
	l := &lies{refuse: 3, cut: 3, lose: 3, truncate: 3, flip: 3}
	c.site.serve().Kill() // it has made its tables
	rounds := sized(10, 400)
	for range rounds {
		l.tell(c.server)
		c.round()
		stopLies(c.server)
		c.wantViewsRight()
		if t.Failed() {
			t.FailNow()
		}
	}
	c.site.db.Exec(t, "UPDATE holdfast.content_roles SET expires = '-infinity'")
	n := c.site.serve()
	if r := n.sync(); r.Commit != c.course.Head {
		t.Errorf("current is %s, the branch is at %s", r.Commit, c.course.Head)
	}
	n.wantChunks(c.truth, n.ensure("all"))
	scrub := ask[content.ScrubReport](c.site, "content", "scrub", "--list")
	if scrub.Missing > 0 || scrub.Corrupt > 0 || len(scrub.Lost) > 0 {
		t.Errorf("the store after %d crashes: %+v", rounds, scrub)
	}
	if l.told.Load() == 0 || c.answered == 0 || c.published == 0 {
		t.Error("the crashes did not meet any work")
	}
	n.wantNothingLeft()
	t.Logf("%d crashes, %d lies of the store, %d answers of ensure (%d refused), %d syncs (%d failed), %d strays in the store",
		rounds, l.told.Load(), c.answered, c.refused, c.published, c.failed, scrub.Strays)
}

// crash is a daemon that is killed again and again, and what it said.
type crash struct {
	t      *testing.T
	course *coursegen.Course
	server *s3test.Server
	site   *site
	truth  *checkouts

	mu                                   sync.Mutex // protects the following
	order                                map[string]int
	latest                               int // of the revisions that were ever answered
	answered, refused, published, failed int
}

func newCrash(t *testing.T) *crash {
	t.Helper()
	c := &crash{t: t, server: s3test.Versitygw(t), order: map[string]int{}}
	c.course = newCourse(t, coursegen.Options{Seed: 51, Questions: 12, ServerFiles: coursegen.Bulk{Count: 10, Bytes: 400 << 10}})
	c.truth = newCheckouts(c.course.Dir, "")
	c.note(c.course.Head)
	c.site = newSite(t).onS3(c.server).source("course", c.course.Dir).set("content.cache_inodes", "1500", "content.part_size", "16KiB")
	return c
}

// note remembers the order of commits.
func (c *crash) note(commit string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.order[commit]; !ok {
		c.order[commit] = len(c.order)
	}
}

// round starts the daemon, lets it work, and kills it at a random moment.
func (c *crash) round() {
	// The life of the dead holder's role is over: 15 seconds in each round would be too many.
	c.site.db.Exec(c.t, "UPDATE holdfast.content_roles SET expires = '-infinity'")
	n := c.site.begin()
	if rand.IntN(5) == 0 {
		<-time.After(rand.N(700 * time.Millisecond)) // while it starts, too
		n.Kill()
		return
	}
	n.ready()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { c.publish(ctx, n) })
	for range 3 {
		all.Go(func() { c.use(ctx, n) })
	}
	c.awaitSyncs(rand.IntN(3))
	<-time.After(rand.N(700 * time.Millisecond))
	n.Kill()
	cancel()
	all.Wait()
}

// awaitSyncs waits until so many more were answered, or it takes too long: a store that lies makes some of them fail.
func (c *crash) awaitSyncs(more int) {
	answered := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.published
	}
	enough, late := answered()+more, time.After(10*time.Second)
	for answered() < enough {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-late:
			return
		}
	}
}

// publish commits and syncs until the daemon is gone.
func (c *crash) publish(ctx context.Context, n *node) {
	client := control.NewClient(n.socket)
	defer client.Close()
	for ctx.Err() == nil {
		kinds := []coursegen.Kind{coursegen.OneQuestion, coursegen.TenQuestions, coursegen.CourseLevel, coursegen.Rename, coursegen.ForcePush}
		head, err := c.course.Commit(context.Background(), kinds[rand.IntN(len(kinds))])
		if err != nil {
			c.t.Error(err)
			return
		}
		c.note(head)
		_, err = control.Call[content.Report](ctx, client, "/v1/content/sync", content.SyncRequest{Source: "course"})
		c.count(err, &c.published, &c.failed)
	}
}

func (c *crash) count(err error, good, bad *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		*good++
	} else {
		*bad++
	}
}

// use asks for content until the daemon is gone, and looks at what it gets.
func (c *crash) use(ctx context.Context, n *node) {
	client := control.NewClient(n.socket)
	defer client.Close()
	questions := []string{"all", "render:" + c.course.Questions()[0], "elements", "serverFilesCourse"}
	for ctx.Err() == nil {
		before := c.newest()
		a, err := control.Call[content.EnsureAnswer](ctx, client, "/v1/content/ensure", content.EnsureRequest{
			Source: "course", Want: []string{questions[rand.IntN(len(questions))]},
		})
		c.count(err, &c.answered, &c.refused)
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		c.wantNotOlder(a, before)
	}
}

func (c *crash) newest() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest
}

// wantNotOlder fails when the answer is of a revision before one that was answered earlier, and does not say so.
func (c *crash) wantNotOlder(a content.EnsureAnswer, before int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.order[a.Revision]
	switch {
	case !ok:
		c.t.Errorf("the answer is of %s, which was never committed", a.Revision)
	case at < before && !a.Stale:
		c.t.Errorf("the answer is of commit %d after one of commit %d", at, before)
	}
	c.latest = max(c.latest, at)
}

// wantViewsRight compares all that views show with git. No daemon runs.
func (c *crash) wantViewsRight() {
	c.t.Helper()
	wantViewsRight(c.t, c.site.cache(), c.truth)
}

// cache is the directory of the unpacked files.
func (s *site) cache() string {
	if dir := s.Settings["paths.cache"]; dir != "" {
		return filepath.Join(dir, "content")
	}
	return s.Path("data/cache/content")
}

// wantViewsRight compares all that views show with git: every file, and that chunks with a marker are whole.
func wantViewsRight(t testing.TB, cache string, truth *checkouts) {
	t.Helper()
	views, err := filepath.Glob(filepath.Join(cache, "views", "course", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, view := range views {
		want, got := truth.of(t, filepath.Base(view)), list(t, view)
		for path, what := range got {
			if want[path] != what {
				t.Errorf("view %s shows %q as %s, git has %s", filepath.Base(view), path, what, want[path])
			}
		}
		for _, path := range marked(t, view) {
			compare(t, "marked "+path, got.below(path), want.below(path))
		}
	}
}

// marked returns the directories of the chunks that have a marker, those that are gathered left out.
func marked(t testing.TB, view string) (paths []string) {
	t.Helper()
	names, err := os.ReadDir(filepath.Join(view, ".holdfast"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range names {
		key, err := url.PathUnescape(e.Name())
		rule, id, _ := strings.Cut(key, ":")
		switch {
		case err != nil || strings.HasPrefix(key, ".") || strings.HasPrefix(key, "~") || rule == "thumbnails":
		case rule == "question":
			paths = append(paths, "questions/"+id)
		case id == "":
			paths = append(paths, rule)
		}
	}
	return paths
}

// wantNothingLeft fails unless a daemon that has nothing to do has nothing unfinished in its cache.
func (n *node) wantNothingLeft() {
	n.T.Helper()
	eventually(n.T, 20*time.Second, func() error {
		for _, dir := range []string{"tmp", "trash"} {
			err := filepath.WalkDir(filepath.Join(n.site.cache(), dir), func(path string, e fs.DirEntry, err error) error {
				if err == nil && !e.IsDir() {
					return errors.New("left over: " + path)
				}
				return nil //nolint:nilerr // it went just now
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
