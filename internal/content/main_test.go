package content

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/mem"
	"holdfast/internal/coursegen"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/revision"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// childVariable makes the test binary one of the processes that a test starts and kills.
const childVariable = "HOLDFAST_TEST_CONTENT_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(nodeVariable); what != "" {
		os.Exit(beProcess(what))
	}
	if what := os.Getenv(childVariable); what != "" {
		if err := child(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	pgtest.Main(m)
}

const testMasterKey = "master-key-for-tests-0123456789abcdef"

// world is a database, a store and a configuration, which any number of processes share.
type world struct {
	t       testing.TB
	url     string
	store   blob.Store
	mirrors string
	cfg     Config
	ttl     time.Duration
	observe func(source, step string)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Poll, cfg.GCEvery, cfg.ScrubEvery = 0, 0, 0
	cfg.KeepRevisions, cfg.KeepFor = 1, 0
	cfg.Sources = map[string]SourceConfig{}
	return &world{
		t: t, url: postgrestest.Migrated(t, "content", Migrations).URL(), store: mem.New(), mirrors: filepath.Join(t.TempDir(), "mirrors"),
		cfg: cfg, ttl: 15 * time.Second,
	}
}

// course generates a repository and adds it to the sources.
func (w *world) course(name string, o coursegen.Options, change ...func(*SourceConfig)) *coursegen.Course {
	w.t.Helper()
	course, err := coursegen.Generate(w.t.Context(), filepath.Join(w.t.TempDir(), name), o)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := SourceConfig{Git: course.Dir, Root: o.Root}
	for _, c := range change {
		c(&cfg)
	}
	w.cfg.Sources[name] = cfg
	return course
}

// commit adds commits to a course.
func commit(t testing.TB, course *coursegen.Course, kinds ...coursegen.Kind) string {
	t.Helper()
	id, err := course.Commit(t.Context(), kinds...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// write adds a commit that changes files below the course's root.
func write(t testing.TB, course *coursegen.Course, files map[string]string) string {
	t.Helper()
	raw := make(map[string][]byte, len(files))
	for path, text := range files {
		raw[path] = []byte(text)
		if text == "" {
			raw[path] = nil
		}
	}
	id, err := course.Write(t.Context(), "A change", raw)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// ear is a consuming half that remembers what it was told.
type ear struct {
	mu     sync.Mutex // protects the following
	heard  []Publication
	purges []Tombstone
}

func (*ear) start(context.Context) error { return nil }
func (*ear) stop(context.Context) error  { return nil }
func (*ear) reloaded(*settings)          {}

func (e *ear) published(p Publication) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, p)
}

func (e *ear) purged(t []Tombstone) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.purges = append(e.purges, t...)
}

// latest returns the newest revision of a source that was told.
func (e *ear) latest(source string) (newest Publication) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.heard {
		if p.Source == source && p.Seq > newest.Seq {
			newest = p
		}
	}
	return newest
}

func (e *ear) tombstones() []Tombstone {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Tombstone(nil), e.purges...)
}

// build returns a process that is not started.
func (w *world) build(change ...func(*Options)) (*Content, *ear) {
	w.t.Helper()
	o := Options{
		Config: w.cfg, DB: postgrestest.Connect(w.t, w.url), Store: w.store, MasterKey: secret.New(testMasterKey), Mirrors: w.mirrors, RoleTTL: w.ttl,
		Observe: w.observe, Log: testLog(w.t),
	}
	for _, c := range change {
		c(&o)
	}
	e := &ear{}
	c, err := newWith(o, func(*Content) (consumer, error) { return e, nil })
	if err != nil {
		w.t.Fatal(err)
	}
	return c, e
}

// start returns a process that runs, stopped when the test is over.
func (w *world) start(change ...func(*Options)) (*Content, *ear) {
	w.t.Helper()
	c, e := w.build(change...)
	if err := c.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { stopContent(w.t, c) })
	return c, e
}

func stopContent(t testing.TB, c *Content) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// own gives a process that is not started the role, for tests that call a step directly.
func own(t testing.TB, c *Content) int64 {
	t.Helper()
	mine, err := c.producer.role.take(t.Context())
	if err != nil || !mine {
		t.Fatalf("take the role: %v, %v", mine, err)
	}
	return c.producer.role.held()
}

// syncNow syncs a source in a process that is not started.
func syncNow(t testing.TB, c *Content, token int64, source string) *Report {
	t.Helper()
	report, err := c.sync(t.Context(), token, source, usual, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func quiet(string) {}

// index reads the index of what is current.
func index(t testing.TB, c *Content, source string) *revision.Index {
	t.Helper()
	p, err := c.Current(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	ix, err := c.readIndex(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

// wantWhole fails unless every part of the current revision is in the store and right.
func wantWhole(t testing.TB, c *Content, source string) {
	t.Helper()
	for _, part := range index(t, c, source).Parts() {
		found, err := c.examine(t.Context(), part)
		if err != nil || found != sound {
			t.Errorf("part %s of the current revision of %s: %v, %v", part.ID, source, found, err)
		}
	}
}

func blobs(t testing.TB, store blob.Store, prefix string) (n int) {
	t.Helper()
	if err := store.List(t.Context(), prefix, "", func(blob.Info) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}

func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	lifecycletest.Until(t, 20*time.Second, what, holds)
}

// scan runs a query of one row.
func scan(t testing.TB, c *Content, query string, args []any, into ...any) {
	t.Helper()
	if err := c.db.QueryRow(t.Context(), c.q(query), args...).Scan(into...); err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, c *Content, statement string, args ...any) {
	t.Helper()
	if _, err := c.db.Exec(t.Context(), c.q(statement), args...); err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, c *Content, query string, args ...any) (n int) {
	t.Helper()
	scan(t, c, "SELECT count(*) FROM "+query, args, &n)
	return n
}

// small is a course that is quickly made.
func small(seed uint64) coursegen.Options {
	return coursegen.Options{Seed: seed, Questions: 6, ServerFiles: coursegen.Bulk{Count: 3, Bytes: 8 << 10}}
}

// hours is a span of the configuration.
func hours(n int) unit.Duration { return unit.Duration(time.Duration(n) * time.Hour) }
