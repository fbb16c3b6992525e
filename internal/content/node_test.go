package content

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/postgres"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// nodes counts the directories of a world's nodes.
type nodes struct {
	*world
	dir string
	n   int
}

// newNodes is a world with a generated course under the name "course", for tests of the consuming half.
func newNodes(t testing.TB, o coursegen.Options) (*nodes, *coursegen.Course) {
	t.Helper()
	w := newWorld(t)
	w.cfg.KeepRevisions, w.cfg.FreeBytes, w.cfg.FreeInodes = 100, 0, 0
	course := w.course("course", o)
	return &nodes{world: w, dir: shortDir(t)}, course
}

// shortDir is a directory whose path is short enough for sockets in it.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// options are those of a node with a cache and a socket of its own.
func (w *nodes) options(change ...func(*Options)) Options {
	w.t.Helper()
	w.n++
	dir := filepath.Join(w.dir, fmt.Sprint(w.n))
	if err := os.Mkdir(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	o := Options{
		Config: w.cfg, Store: w.store, MasterKey: secret.New(testMasterKey), Mirrors: filepath.Join(dir, "mirrors"),
		Cache: filepath.Join(dir, "cache"), RoleTTL: w.ttl, Log: testLog(w.t),
	}
	o.Config.Socket = filepath.Join(dir, "s")
	for _, c := range change {
		c(&o)
	}
	if o.DB == nil {
		o.DB = w.connect()
	}
	return o
}

func (w *nodes) connect() *postgres.DB { return postgrestest.Connect(w.t, w.url) }

// node starts a process with both halves, which is stopped when the test is over.
func (w *nodes) node(change ...func(*Options)) *Content {
	w.t.Helper()
	c, err := New(w.options(change...))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := c.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { stopContent(w.t, c) })
	return c
}

// publish syncs the course as it is now.
func publish(t testing.TB, c *Content) Report {
	t.Helper()
	report, err := c.Sync(t.Context(), SyncRequest{Source: "course"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// want is a request for the current revision, with a lease of a minute.
func want(what ...string) EnsureRequest {
	return EnsureRequest{Source: "course", Want: what, TTL: unit.Duration(time.Minute)}
}

// ensure asks a node for the current revision.
func ensure(t testing.TB, c *Content, what ...string) EnsureAnswer {
	t.Helper()
	a, err := c.Ensure(t.Context(), want(what...))
	if err != nil {
		t.Fatalf("ensure %q: %v", what, err)
	}
	return a
}

// within polls until a condition holds, or fails.
func within(t testing.TB, limit time.Duration, holds func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, state := holds()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, state)
		}
		<-tick.C
	}
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// execGit runs git in a directory, untouched by the settings of whoever runs the tests.
func execGit(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	return cmd.CombinedOutput()
}
