package content

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/coursegen"
	"holdfast/internal/fault"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres/postgrestest"
)

// fragile is a store that can be out of order, and that counts.
type fragile struct {
	blob.Store
	down  atomic.Bool
	opens atomic.Int64
}

// Open implements blob.Store.
func (f *fragile) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	f.opens.Add(1)
	if f.down.Load() {
		return nil, fault.New(fault.Unavailable, blob.ErrUnavailable.Code, "open %s: the store is down", name)
	}
	return f.Store.Open(ctx, name)
}

// With the database and the store down a process goes on with what it has and says that it may be old; what it does not
// have is an error that names the reason. When they are back it catches up by itself.
func TestDatabaseAndStoreDown(t *testing.T) {
	t.Parallel()
	server := pgtest.Cluster(t, pgtest.Durable())
	w, course := newNodes(t, coursegen.Options{Seed: 31, Questions: 6})
	w.url = server.Database(t).URL()
	if err := postgrestest.Migrate(t.Context(), w.url, "content", Migrations); err != nil {
		t.Fatal(err)
	}
	store := &fragile{Store: w.store}
	c := w.node(func(o *Options) { o.Store = store })
	publish(t, c)
	here, elsewhere := "render:"+course.Questions()[0], "question:"+course.Questions()[1]
	before := ensure(t, c, here)

	server.Kill(t)
	store.down.Store(true)
	within(t, 2*freshFor+5*time.Second, func() (bool, string) {
		a := ensure(t, c, here)
		return a.Stale, "the answer is not flagged"
	})
	a := ensure(t, c, here)
	if a.Dir != before.Dir || len(a.Cold) != 0 {
		t.Errorf("while all is down: %+v", a)
	}
	if _, err := os.Stat(filepath.Join(a.Dir, "questions", course.Questions()[0], "info.json")); err != nil {
		t.Error(err)
	}
	_, err := c.Ensure(t.Context(), want(elsewhere))
	if fault.KindOf(err) != fault.Unavailable || fault.HintOf(err) == "" {
		t.Errorf("a chunk that is not here: %v (%s, hint %q)", err, fault.CodeOf(err), fault.HintOf(err))
	}
	list, err := c.List(t.Context(), struct{}{})
	if err != nil || !list.Stale || len(list.Sources) != 1 || list.Sources[0].Commit != course.Head {
		t.Errorf("the list: %+v, %v", list, err)
	}

	server.Start(t)
	store.down.Store(false)
	commit(t, course, coursegen.OneQuestion)
	within(t, 20*time.Second, func() (bool, string) {
		_, err := c.Sync(t.Context(), SyncRequest{Source: "course"}, nil)
		return err == nil, "still no sync"
	})
	within(t, 20*time.Second, func() (bool, string) {
		a := ensure(t, c, here, elsewhere)
		return a.Revision == course.Head && !a.Stale, a.Revision
	})
}

// A new revision whose chunks the store does not give is no reason to have nothing: "current" is the last ready one, and
// says so. The failure is not remembered (E-53).
func TestANewRevisionThatCannotBeFetchedLeavesTheLastOne(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 32, Questions: 3})
	id := course.Questions()[0]
	one := w.node()
	publish(t, one)
	store := &fragile{Store: w.store}
	two := w.node(func(o *Options) { o.Store, o.Config.Sync = store, false })
	within(t, 10*time.Second, func() (bool, string) {
		_, err := two.Ensure(t.Context(), want("render:"+id))
		return err == nil, "nothing yet"
	})
	old := course.Head
	store.down.Store(true)
	write(t, course, map[string]string{"questions/" + id + "/question.html": "<p>new</p>"})
	publish(t, one)
	within(t, 10*time.Second, func() (bool, string) {
		a := ensure(t, two, "render:"+id)
		if a.Revision != old {
			t.Fatalf("revision %s cannot be here", a.Revision)
		}
		return a.Stale, "the answer is not flagged"
	})
	store.down.Store(false)
	within(t, 10*time.Second, func() (bool, string) {
		a := ensure(t, two, "render:"+id)
		return a.Revision == course.Head && !a.Stale, a.Revision
	})
}

// A process that starts anew goes on with what the one before it had: of a revision that is here nothing is fetched again,
// neither its index nor its chunks.
func TestARestartFetchesNothingAgain(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 33, Questions: 3})
	store := &fragile{Store: w.store}
	o := w.options(func(o *Options) { o.Store = store })
	start := func() *Content {
		t.Helper()
		c, err := New(o)
		if err == nil {
			err = c.Start(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := start()
	publish(t, c)
	first := ensure(t, c, "all")
	stopContent(t, c)
	o.Config.Sync = false
	store.down.Store(true)
	opens := store.opens.Load()
	c = start()
	defer stopContent(t, c)
	a := ensure(t, c, "all")
	if a.Revision != course.Head || a.Dir != first.Dir || len(a.Cold) != 0 || store.opens.Load() != opens {
		t.Errorf("after a restart: revision %s, cold %q, %d requests to the store", a.Revision, a.Cold, store.opens.Load()-opens)
	}
}

// A damaged index on this disk is not believed: it is fetched again.
func TestADamagedIndexIsFetchedAgain(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 34, Questions: 2})
	o := w.options()
	c, err := New(o)
	if err == nil {
		err = c.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	publish(t, c)
	ensure(t, c, "elements")
	stopContent(t, c)
	name := filepath.Join(o.Cache+"-index", "course", course.Head+".index")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	c = w.node(func(p *Options) { *p = o; p.DB = w.connect() })
	if a := ensure(t, c, "elements"); a.Revision != course.Head || stats(t, c).Fetches == 0 {
		t.Errorf("the damaged index was believed: %+v", a)
	}
}
