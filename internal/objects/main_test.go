package objects_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/mem"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/objects"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/secret"
)

func TestMain(m *testing.M) {
	if where := os.Getenv(writerVariable); where != "" {
		if err := writer(where); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	pgtest.Main(m)
}

// world is a database and a store, on which any number of indexes may work.
type world struct {
	t     testing.TB
	pg    *pgtest.DB
	blobs blob.Store
	cfg   objects.Config
}

const masterKey = "master-key-for-tests-0123456789"

// newWorld returns a migrated database and an empty store in memory.
func newWorld(t testing.TB) *world {
	t.Helper()
	return &world{
		t: t, pg: postgrestest.Migrated(t, "objects", objects.Migrations), blobs: mem.New(),
		cfg: objects.Config{MinPartSize: 10, Sweep: 50 * time.Millisecond},
	}
}

// connect opens a pool on the world's database.
func (w *world) connect() *postgres.DB {
	w.t.Helper()
	return postgrestest.Connect(w.t, w.pg.URL())
}

// build returns an index that is not started.
func (w *world) build() *objects.Index {
	w.t.Helper()
	return w.buildOn(w.connect(), nil)
}

func (w *world) buildOn(db *postgres.DB, sole objects.Turns) *objects.Index {
	return objects.New(objects.Options{
		Config: w.cfg, DB: db, Blobs: w.blobs, MasterKey: secret.New(masterKey), Sole: sole, Log: logger(w.t),
	})
}

// start returns a running index as a process has it, with its own connections, stopped when the test is over. The first
// one of a world is alone and remembers rows until a second one starts.
func (w *world) start() *objects.Index {
	w.t.Helper()
	db := w.connect()
	sole := postgres.NewSole(db, logger(w.t))
	if err := sole.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := sole.Stop(context.Background()); err != nil {
			w.t.Errorf("stop: %v", err)
		}
	})
	x := w.buildOn(db, sole)
	if err := x.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := x.Stop(context.Background()); err != nil {
			w.t.Errorf("stop: %v", err)
		}
	})
	return x
}

// running returns a world with one index and a bucket "b" made of the template.
func running(t testing.TB, template ...objects.Bucket) (*world, *objects.Index) {
	t.Helper()
	w := newWorld(t)
	x := w.start()
	b := objects.Bucket{}
	for _, b = range template {
	}
	if b.Name == "" {
		b.Name = "bucket"
	}
	if err := x.CreateBucket(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return w, x
}

func logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// put stores text under a key of the bucket "bucket".
func put(t testing.TB, x *objects.Index, key, text string, changes ...func(*objects.Put)) objects.Object {
	t.Helper()
	o, err := tryPut(x, key, text, changes...)
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	return o
}

func tryPut(x *objects.Index, key, text string, changes ...func(*objects.Put)) (objects.Object, error) {
	p := objects.Put{Bucket: "bucket", Key: key, Size: int64(len(text)), Body: bytes.NewReader([]byte(text))}
	for _, change := range changes {
		change(&p)
	}
	return x.Put(context.Background(), p)
}

// read returns the bytes of what a key holds.
func read(t testing.TB, x *objects.Index, ref objects.Ref) string {
	t.Helper()
	o, err := x.Head(context.Background(), ref)
	if err != nil {
		t.Fatalf("head %s: %v", ref.Key, err)
	}
	return contents(t, x, o)
}

func contents(t testing.TB, x *objects.Index, o objects.Object) string {
	t.Helper()
	b, err := x.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("open %s: %v", o.Key, err)
	}
	defer b.Close()
	data, err := io.ReadAll(b)
	if err != nil {
		t.Fatalf("read %s: %v", o.Key, err)
	}
	return string(data)
}

func ref(key string) objects.Ref { return objects.Ref{Bucket: "bucket", Key: key} }

// del deletes one ref.
func del(t testing.TB, x *objects.Index, r objects.Ref, cond ...objects.Condition) objects.Deleted {
	t.Helper()
	var c objects.Condition
	for _, c = range cond {
	}
	out, err := x.Delete(context.Background(), []objects.Ref{r}, c)
	if err != nil {
		t.Fatalf("delete %s: %v", r.Key, err)
	}
	return out[0]
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	lifecycletest.Until(t, 20*time.Second, what, holds)
}

func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return string(b)
}

// count returns how many blobs have names that start with prefix.
func count(t testing.TB, w *world, prefix string) (n int) {
	t.Helper()
	err := w.blobs.List(context.Background(), prefix, "", func(blob.Info) bool { n++; return true })
	if err != nil {
		t.Fatal(err)
	}
	return n
}
