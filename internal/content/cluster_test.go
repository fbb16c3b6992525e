package content

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/s3test"
)

// cluster is a database, an S3 store and a course, for processes of their own.
type cluster struct {
	*nodes
	course *coursegen.Course
	server *s3test.Server
	run    int
}

func newCluster(t testing.TB, o coursegen.Options) *cluster {
	t.Helper()
	w, course := newNodes(t, o)
	return &cluster{nodes: w, course: course, server: s3test.Versitygw(t)}
}

// process starts a node with a cache of its own.
func (c *cluster) process(sync bool) *process {
	c.t.Helper()
	c.run++
	return spawn(c.t, order{
		Role: "node", Database: c.url, Course: c.course.Dir, Branch: c.course.Branch, Sync: sync,
		Store: storeOrder{Endpoint: c.server.URL, Bucket: "content", Access: c.server.AccessKey, Secret: c.server.SecretKey},
		Dir:   filepath.Join(c.dir, fmt.Sprint("p", c.run)),
	})
}

// S4-01, S4-10, S4-30, S4-31, C-28: three processes with separate caches against one S3 store. A publish, asked of whichever
// process, is seen by all within two seconds. The holder of the role is killed: another takes over. A fourth process
// joins with an empty disk and answers its first ensure. S4-09: it is ready at once.
func TestThreeProcessesOneStore(t *testing.T) {
	t.Parallel()
	c := newCluster(t, coursegen.Options{Seed: 21, Questions: 10})
	all := []*process{c.process(true), c.process(true), c.process(true)}
	sync := func(at *process) {
		t.Helper()
		began := time.Now()
		r := mustCall[Report](t, at.socket(), "sync", SyncRequest{Source: "course"})
		t.Logf("synced %s in %v: %+v", short(r.Commit), time.Since(began), r.Took)
		if r.Commit != c.course.Head {
			t.Fatalf("published %s, the branch is at %s", r.Commit, c.course.Head)
		}
		c.seenByAll(all, c.course.Head)
	}
	sync(all[0])
	for i := range 3 {
		commit(t, c.course, coursegen.OneQuestion)
		sync(all[i])
	}
	holder := c.holder(all)
	all[holder].kill()
	all = append(all[:holder], all[holder+1:]...)
	commit(t, c.course, coursegen.TenQuestions)
	sync(all[0])

	began := time.Now()
	late := c.process(false)
	t.Logf("a fresh process: %s", late.first)
	a := mustCall[EnsureAnswer](t, late.socket(), "ensure", EnsureRequest{Source: "course", Want: []string{"render:" + c.course.Questions()[0]}})
	if a.Revision != c.course.Head || len(a.Cold) == 0 {
		t.Errorf("the first answer of a fresh process: %+v", a)
	}
	t.Logf("its first answer after %v, %d bytes fetched in %.1f ms", time.Since(began), a.Bytes, a.WaitedMS)
	if _, err := os.Stat(filepath.Join(a.Dir, "questions", c.course.Questions()[0], "info.json")); err != nil {
		t.Error(err)
	}
}

// seenByAll fails unless every process answers with the revision within two seconds.
func (c *cluster) seenByAll(all []*process, head string) {
	c.t.Helper()
	began := time.Now()
	var each sync.WaitGroup
	for i, p := range all {
		each.Go(func() {
			for {
				a, err := call[RevisionAnswer](c.t, p.socket(), "revision", RevisionRequest{Source: "course"})
				if err == nil && a.Revision == head {
					c.t.Logf("process %d sees it after %v", i, time.Since(began))
					return
				}
				if time.Since(began) > 2*time.Second {
					c.t.Errorf("process %d after two seconds: %+v, %v", i, a, err)
					return
				}
			}
		})
	}
	each.Wait()
}

// holder returns which process syncs.
func (c *cluster) holder(all []*process) int {
	c.t.Helper()
	for i, p := range all {
		if mustCall[StatsAnswer](c.t, p.socket(), "stats", struct{}{}).Holder {
			return i
		}
	}
	c.t.Fatal("nobody syncs")
	return 0
}

// S4-09: the time until a process is ready does not depend on the number of sources.
func TestReadinessDoesNotDependOnTheNumberOfSources(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 22, Questions: 3})
	publish(t, w.node())
	ready := func(sources int) time.Duration {
		t.Helper()
		o := w.options(func(o *Options) {
			o.Config.Sync = false
			many := map[string]SourceConfig{"course": w.cfg.Sources["course"]}
			for i := range sources {
				many[fmt.Sprint("other", i)] = SourceConfig{Git: course.Dir}
			}
			o.Config.Sources = many
		})
		began := time.Now()
		c, err := New(o)
		if err == nil {
			err = c.Start(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		defer stopContent(t, c)
		took := time.Since(began)
		if a := ensure(t, c, "all"); a.Revision != course.Head {
			t.Errorf("the first answer: %+v", a)
		}
		return took
	}
	w.manyRevisions(1000)
	few, many := ready(10), ready(1000)
	t.Logf("ready after %v with 10 sources, after %v with 1,000", few, many)
	if many > 3*few+time.Second {
		t.Errorf("ready after %v with 10 sources, after %v with 1,000", few, many)
	}
}

// manyRevisions publishes as many other sources, each with the index of the course: only their number matters.
func (w *nodes) manyRevisions(n int) {
	w.t.Helper()
	c, err := New(w.options())
	if err != nil {
		w.t.Fatal(err)
	}
	run(w.t, c, `INSERT INTO {s}.content_sources (name, seq) SELECT 'other' || i, 1 FROM generate_series(0, $1 - 1) i`, n)
	run(w.t, c, `INSERT INTO {s}.content_revisions (source, seq, commit, root, preset, index_name, index_sha256, chunks, rejected, plain, parts, report)
		SELECT o.id, 1, r.commit, r.root, r.preset, r.index_name, r.index_sha256, r.chunks, r.rejected, r.plain, r.parts, r.report
		FROM {s}.content_sources o, {s}.content_sources s JOIN {s}.content_revisions r ON r.source = s.id
		WHERE o.name LIKE 'other%' AND s.name = 'course'`)
}

// An ensure under way while something is published is of one revision, never of a mixture (S4-10): each commit writes its
// number into three chunks, and every answer has the same number in all of them.
func TestEnsureNeverMixesRevisions(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 23, Questions: 4})
	id := course.Questions()[0]
	files := []string{"questions/" + id + "/mark.txt", "elements/mark.txt", "serverFilesCourse/mark.txt"}
	mark := func(n int) {
		t.Helper()
		text := map[string]string{}
		for _, f := range files {
			text[f] = fmt.Sprint("revision ", n)
		}
		write(t, course, text)
	}
	mark(0)
	one := w.node()
	publish(t, one)
	two := w.node(func(o *Options) { o.Config.Sync = false; o.Config.SwitchWhenWarm = true })
	done := make(chan struct{})
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() { readMarks(t, []*Content{one, two}[i%2], "render:"+id, files, done) })
	}
	publishes := 6
	if os.Getenv("HOLDFAST_SOAK") != "" {
		publishes = 100
	}
	for n := range publishes {
		mark(n + 1)
		publish(t, one)
	}
	close(done)
	readers.Wait()
	for _, c := range []*Content{one, two} {
		within(t, 10*time.Second, func() (bool, string) {
			a := ensure(t, c, "render:"+id)
			return a.Revision == course.Head, a.Revision
		})
	}
}

// readMarks asks for a question until it is told to end, and compares the marks.
func readMarks(t *testing.T, c *Content, what string, files []string, done <-chan struct{}) {
	last := int64(0)
	for n := 0; ; n++ {
		select {
		case <-done:
			if n == 0 {
				t.Error("nothing was read")
			}
			return
		default:
		}
		a, err := c.Ensure(t.Context(), want(what))
		if err != nil {
			t.Error(err)
			return
		}
		if a.Seq < last {
			t.Errorf("revision %d after %d", a.Seq, last)
		}
		last = a.Seq
		var marks []string
		for _, f := range files {
			data, err := os.ReadFile(filepath.Join(a.Dir, f))
			if err != nil {
				t.Errorf("revision %d: %v", a.Seq, err)
			}
			marks = append(marks, string(data))
		}
		if marks[0] != marks[1] || marks[1] != marks[2] || !strings.HasPrefix(marks[0], "revision ") {
			t.Errorf("revision %d is mixed: %q", a.Seq, marks)
		}
		if _, err := c.Release(t.Context(), LeaseRequest{Lease: a.Lease}); err != nil {
			t.Error(err)
		}
	}
}
