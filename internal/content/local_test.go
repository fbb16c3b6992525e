package content

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/coursegen"
)

// S4-02: one server without a store. Nothing is uploaded, and there is no copy of a file but the one that is read; all else is
// as with a store: any chunk on an empty disk, edits, force pushes, verification, collection.
func TestOneServerWithoutAStoreKeepsNothingTwice(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 91, Questions: 5})
	w.cfg.Sources["whole"] = SourceConfig{Git: course.Dir, Preset: "plain"}
	o := w.options(func(o *Options) { o.Config.Store = false })
	c := w.node(func(with *Options) { *with = o })
	publish(t, c)
	if n := blobs(t, w.store, partsPrefix); n != 0 {
		t.Errorf("%d parts are in the store", n)
	}
	if n := blobs(t, w.store, "content/rev/"); n == 0 {
		t.Error("no index is in the store")
	}
	compareWithCheckout(t, c, course)
	if a := ensure(t, c, "page:questions"); len(a.Chunks) == 0 {
		t.Error("what is gathered from many places is not there")
	}

	id := course.Questions()[1]
	write(t, course, map[string]string{"questions/" + id + "/question.html": "<p>new</p>"})
	publish(t, c)
	if text, err := os.ReadFile(filepath.Join(ensure(t, c, "render:"+id).Dir, "questions", id, "question.html")); err != nil || string(text) != "<p>new</p>" {
		t.Errorf("after an edit: %q, %v", text, err)
	}
	commit(t, course, coursegen.ForcePush)
	if r := publish(t, c); !r.Rewritten {
		t.Errorf("after a force push: %+v", r)
	}
	if s, err := c.Scrub(t.Context(), ScrubRequest{List: true}, nil); err != nil || s.Checked.Parts == 0 || s.Missing+s.Corrupt+len(s.Lost) > 0 {
		t.Errorf("verification: %+v, %v", s, err)
	}
	if _, err := c.GC(t.Context(), GCRequest{}, nil); err != nil {
		t.Error(err)
	}

	stopContent(t, c)
	if err := os.RemoveAll(o.Cache); err != nil {
		t.Fatal(err)
	}
	again := w.node(func(with *Options) { *with = o; with.DB = w.connect() })
	within(t, 10*time.Second, func() (bool, string) {
		_, err := again.Ensure(t.Context(), want("all"))
		if err == nil {
			compareWithCheckout(t, again, course)
		}
		return err == nil, "after a restart with an empty cache"
	})
}

// With the store off PostgreSQL may be silent, too: what is new on the disk comes from the mirror.
func TestWithoutAStoreColdFilesNeedNoDatabase(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 92, Questions: 3})
	c := w.node(func(o *Options) { o.Config.Store = false })
	publish(t, c)
	ensure(t, c, "render:"+course.Questions()[0])
	c.db.Close()
	if a := ensure(t, c, "question:"+course.Questions()[2]); a.Bytes == 0 {
		t.Errorf("answer %+v", a)
	}
}
