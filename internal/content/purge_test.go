package content

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

// leaked is a secret that got into a course.
const leaked = "the answers of the final exam: 42, 17, 99\n"

// holds reports whether any stored part has a file with the content.
func holds(t testing.TB, c *Content, content string) bool {
	t.Helper()
	rows, err := c.partRows(t.Context(), "true")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		b, err := c.store.Open(t.Context(), blob.Name(row.part.BlobName()))
		if err != nil {
			continue // it is not there: it holds nothing
		}
		sink := &grep{content: content}
		err = treepack.Unpack(b, row.part, sink)
		_ = b.Close()
		if err != nil {
			t.Fatal(err)
		}
		if sink.found {
			return true
		}
	}
	return false
}

// grep is a sink that looks for a content.
type grep struct {
	nowhere
	content string
	found   bool
}

func (g *grep) File(_ string, _ bool, _ int64, r io.Reader) error {
	data, err := io.ReadAll(r)
	g.found = g.found || string(data) == g.content
	return err
}

// A leaked secret goes from the store and from the current revision, under every name, and everybody is told.
func TestAPurgeRemovesALeakedSecretEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cfg.KeepRevisions = 10
	course := w.course("physics", small(80))
	c, e := w.start()
	sync := func() Report {
		report, err := c.Sync(t.Context(), SyncRequest{Source: "physics"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	sync()
	clean, _ := index(t, c, "physics").Chunk("serverFilesCourse")
	quiz := "questions/" + course.Questions()[0]
	write(t, course, map[string]string{"serverFilesCourse/exam/answers.txt": leaked, quiz + "/copy.txt": leaked})
	sync()
	write(t, course, map[string]string{"serverFilesCourse/exam/answers.txt": ""})
	sync()
	if !holds(t, c, leaked) {
		t.Fatal("the store does not have the secret: the test proves nothing")
	}
	report, err := c.Purge(t.Context(), PurgeRequest{Source: "physics", Path: "serverFilesCourse/exam/answers.txt", Reason: "leaked"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if holds(t, c, leaked) {
		t.Error("the store has the secret still")
	}
	if !slices.Equal(report.Sources, []string{"physics"}) || !slices.Equal(report.Chunks, []string{"physics:question:" + course.Questions()[0]}) {
		t.Errorf("report %+v; want the question of the copy gone", report)
	}
	ix := index(t, c, "physics")
	if now, ok := ix.Chunk("serverFilesCourse"); !ok || now.Tree != clean.Tree {
		t.Error("what never had the secret, or has it no more, went as well")
	}
	wantWhole(t, c, "physics")
	eventually(t, "the tombstones are told", func() bool { return len(e.tombstones()) == len(report.Parts) })
	for _, tomb := range e.tombstones() {
		if tomb.Reason != "leaked" || !slices.Contains(report.Parts, tomb.Part.String()) {
			t.Errorf("tombstone %+v", tomb)
		}
	}
	// The same content comes in no more; other content does.
	again := sync()
	if _, ok := index(t, c, "physics").Chunk("question:" + course.Questions()[0]); ok || holds(t, c, leaked) {
		t.Errorf("the next sync published the secret again: %+v", again)
	}
	write(t, course, map[string]string{quiz + "/copy.txt": "harmless now, and long enough\n"})
	if done := sync(); !slices.Contains(done.Changes.Added, "question:"+course.Questions()[0]) {
		t.Errorf("the question did not come back: %+v", done.Changes)
	}
}

func TestAPurgeOfNothingSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.course("physics", small(81))
	c, _ := w.start()
	f := func(r PurgeRequest, code string) {
		t.Helper()
		if _, err := c.Purge(t.Context(), r, nil); fault.CodeOf(err) != code {
			t.Errorf("%+v: %v; want %s", r, err, code)
		}
	}
	f(PurgeRequest{}, "content_purge_what")
	f(PurgeRequest{Source: "nobody", Path: "x"}, "content_no_source")
	f(PurgeRequest{Source: "physics", Path: "no/such/file"}, "content_purge_none")
	f(PurgeRequest{Parts: []string{"t1-" + strings.Repeat("0", 40)}}, "content_purge_none")
}

// A tombstone that somebody else wrote is not honoured.
func TestATombstoneNeedsOurSignature(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.course("physics", small(82))
	c, e := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	parts := index(t, c, "physics").Parts()
	run(t, c, "INSERT INTO {s}.content_tombstones (part, sha256, reason, signature) VALUES ($1, $2, 'forged', $3)",
		parts[0].ID.String(), parts[0].SHA256[:], make([]byte, 64))
	if err := c.bury(t.Context(), token, []partRow{{id: -1, part: parts[1]}}, "genuine"); err != nil {
		t.Fatal(err)
	}
	if err := c.tellPurged(context.Background()); err != nil {
		t.Fatal(err)
	}
	if told := e.tombstones(); len(told) != 1 || told[0].Reason != "genuine" {
		t.Errorf("told %+v", told)
	}
}

// A purge that the store does not take, and that the repository keeps from being published, is finished later.
func TestAPurgeIsFinishedWhenTheStoreIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(84))
	store := stuck{w.store, &atomic.Bool{}}
	w.store = store
	c, e := w.start()
	eventually(t, "the first revision", func() bool { return e.latest("physics").Seq == 1 })
	write(t, course, map[string]string{"serverFilesCourse/answers.txt": leaked})
	if _, err := c.Sync(t.Context(), SyncRequest{Source: "physics"}, nil); err != nil {
		t.Fatal(err)
	}
	store.broken.Store(true)
	if _, err := c.Purge(t.Context(), PurgeRequest{Source: "physics", Path: "serverFilesCourse/answers.txt"}, nil); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a purge without a store: %v", err)
	}
	if len(e.tombstones()) == 0 {
		t.Error("the caches were not told")
	}
	store.broken.Store(false)
	if err := c.finishPurges(t.Context()); err != nil || holds(t, c, leaked) {
		t.Errorf("finishing: %v; the secret is still stored: %v", err, holds(t, c, leaked))
	}
	if n := count(t, c, "{s}.content_parts WHERE state = 'purged' AND checked <> 'infinity'"); n != 0 {
		t.Errorf("%d purges are open", n)
	}
	if _, ok := index(t, c, "physics").Chunk("serverFilesCourse"); ok {
		t.Error("the chunk with the secret is current still")
	}
}

// stuck is a store that deletes nothing while it is broken.
type stuck struct {
	blob.Store
	broken *atomic.Bool
}

func (s stuck) Delete(ctx context.Context, name blob.Name) error {
	if s.broken.Load() {
		return errFlaky
	}
	return s.Store.Delete(ctx, name)
}

// Publishing and purging at the same time never leaves a purged part current.
func TestAPurgeDuringASyncIsHonouredByIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	course := w.course("physics", small(83))
	c, _ := w.build()
	token := own(t, c)
	syncNow(t, c, token, "physics")
	id := course.Questions()[0]
	write(t, course, map[string]string{"questions/" + id + "/answers.txt": leaked})
	c.opts.Observe = func(_, step string) {
		if step != "index stored" {
			return
		}
		c.opts.Observe = func(string, string) {}
		rows, err := c.partRows(t.Context(), "state = 'present' ORDER BY id DESC LIMIT 1")
		if err != nil || len(rows) != 1 {
			t.Errorf("%v, %v", rows, err)
			return
		}
		if err := c.bury(t.Context(), token, rows, "leaked"); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.sync(t.Context(), token, "physics", usual, quiet); fault.CodeOf(err) != "content_superseded" {
		t.Errorf("error %v; want the publish refused", err)
	}
	report := syncNow(t, c, token, "physics")
	if len(report.Rejected) != 1 || report.Rejected[0].Code != codePurged || report.Rejected[0].Key != "question:"+id {
		t.Errorf("rejected %+v", report.Rejected)
	}
}
