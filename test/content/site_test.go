package content_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/content"
	"holdfast/internal/control"
	"holdfast/internal/coursegen"
	"holdfast/internal/pgtest"
	"holdfast/internal/s3test"
)

// site is a directory with a configuration and its secrets, as "holdfast init" makes it: one machine. Settings of the test
// come from the environment.
type site struct {
	t        testing.TB
	dir      string
	db       *pgtest.DB
	settings map[string]string // by key, as "media.root"
}

// newSite makes the first machine of a platform. Nothing happens by itself on it: no polls, no collections.
func newSite(t testing.TB) *site {
	t.Helper()
	return newSiteOn(t, pgtest.Database(t))
}

// newSiteOn is newSite with a database of the test's choice.
func newSiteOn(t testing.TB, db *pgtest.DB) *site {
	t.Helper()
	s := &site{t: t, dir: shortDir(t), db: db, settings: map[string]string{
		"edge.listen": "127.0.0.1:0", "s3.listen": "127.0.0.1:0", "admin.listen": "127.0.0.1:0",
		"database.endpoints": `[{listen = "127.0.0.1:0"}]`, "database.options.pool.max_size": "6",
		"content.poll": "0", "content.gc_every": "0", "content.scrub_every": "0", "content.free_bytes": "0", "content.free_inodes": "0",
	}}
	cmd := self([]string{"DATABASE_URL=" + s.db.URL()}, "init", "--dir", s.dir)
	if r := finish(t, cmd); r.Code != 0 {
		t.Fatalf("init ends with %d:\n%s", r.Code, r.Stderr)
	}
	return s
}

// shortDir returns a directory whose sockets have short paths.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hfc-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
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

// twin is another machine of the same platform: the same configuration, secrets, database and store, another state and cache.
func (s *site) twin() *site {
	s.t.Helper()
	other := &site{t: s.t, dir: shortDir(s.t), db: s.db, settings: maps.Clone(s.settings)}
	err := errors.Join(os.CopyFS(other.path("secrets"), os.DirFS(s.path("secrets"))), os.Chmod(other.path("secrets"), 0o700))
	text, readErr := os.ReadFile(s.path("holdfast.toml"))
	if err := errors.Join(err, readErr, os.WriteFile(other.path("holdfast.toml"), text, 0o600)); err != nil {
		s.t.Fatal(err)
	}
	if s.settings["media.root"] == "" {
		other.settings["media.root"] = s.path("data/media")
	}
	return other
}

func (s *site) path(rel string) string { return filepath.Join(s.dir, rel) }

// set sets settings: key, value, key, value.
func (s *site) set(pairs ...string) *site {
	for i := 0; i < len(pairs); i += 2 {
		s.settings[pairs[i]] = pairs[i+1]
	}
	return s
}

// source adds a source.
func (s *site) source(name, git string, pairs ...string) *site {
	s.set("content.sources."+name+".git", git)
	for i := 0; i < len(pairs); i += 2 {
		s.set("content.sources."+name+"."+pairs[i], pairs[i+1])
	}
	return s
}

// onS3 puts the store on an S3 service. Each read reaches it: there is no read cache in between.
func (s *site) onS3(server *s3test.Server) *site {
	s.set("storage.s3.enabled", "true", "storage.s3.endpoint_url", server.URL, "storage.s3.bucket_name", "holdfast",
		"storage.s3.region", server.Region, "storage.s3.cache_size", "0",
		"storage.s3.access_key_id", server.AccessKey, "storage.s3.secret_key", server.SecretKey)
	s.must("check", "--create")
	return s
}

func (s *site) env() []string {
	env := []string{"HOLDFAST_CONTENT__SOCKET=" + s.path("s")}
	for _, key := range slices.Sorted(maps.Keys(s.settings)) {
		env = append(env, "HOLDFAST_"+strings.ToUpper(strings.ReplaceAll(key, ".", "__"))+"="+s.settings[key])
	}
	return append(env, "HOLDFAST_CONFIG="+s.path("holdfast.toml"))
}

// holdfast runs a command to its end.
func (s *site) holdfast(args ...string) result {
	s.t.Helper()
	return finish(s.t, self(s.env(), args...))
}

// must runs a command that has to succeed and returns what it printed.
func (s *site) must(args ...string) string {
	s.t.Helper()
	r := s.holdfast(args...)
	if r.Code != 0 {
		s.t.Fatalf("holdfast %s ends with %d:\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// ask runs a command with --json and decodes its answer.
func ask[T any](s *site, args ...string) T {
	s.t.Helper()
	var v T
	text := s.must(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		s.t.Fatalf("holdfast %s: %v in:\n%s", strings.Join(args, " "), err, text)
	}
	return v
}

// node is a running daemon.
type node struct {
	*process
	site   *site
	edge   string // its URL
	admin  string // that of its admin listener
	socket string // of content
}

// serve starts the daemon and returns when it is ready.
func (s *site) serve() *node {
	s.t.Helper()
	n := s.begin()
	n.ready()
	return n
}

// begin starts the daemon.
func (s *site) begin() *node {
	s.t.Helper()
	return &node{process: launch(s.t, self(s.env(), "serve")), site: s, socket: s.path("s")}
}

// ready waits until the daemon says that it is ready, and learns where it listens.
func (n *node) ready() {
	n.T.Helper()
	var line struct{ Edge, Admin string }
	if err := json.Unmarshal([]byte(n.Line(`"msg":"ready"`, startLimit)), &line); err != nil {
		n.T.Fatal(err)
	}
	n.edge, n.admin = line.Edge, line.Admin
}

// call asks a node through its content socket.
func call[R any](n *node, verb string, req any) (R, error) {
	client := control.NewClient(n.socket)
	defer client.Close()
	ctx, cancel := contextFor(callLimit)
	defer cancel()
	return control.Call[R](ctx, client, "/v1/content/"+verb, req)
}

func mustCall[R any](n *node, verb string, req any) R {
	n.T.Helper()
	r, err := call[R](n, verb, req)
	if err != nil {
		n.T.Fatalf("%s: %v", verb, err)
	}
	return r
}

// sync publishes the course as it is now, and returns the report.
func (n *node) sync() content.Report {
	n.T.Helper()
	return mustCall[content.Report](n, "sync", content.SyncRequest{Source: "course"})
}

// ensure puts chunks of the current revision in place, for ten minutes.
func (n *node) ensure(want ...string) content.EnsureAnswer {
	n.T.Helper()
	return mustCall[content.EnsureAnswer](n, "ensure", content.EnsureRequest{Source: "course", Want: want, Lease: content.LeaseTTL})
}

// newCourse generates a repository.
func newCourse(t testing.TB, o coursegen.Options) *coursegen.Course {
	t.Helper()
	course, err := coursegen.Generate(t.Context(), filepath.Join(t.TempDir(), "course"), o)
	if err != nil {
		t.Fatal(err)
	}
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

// eventually polls until the condition holds.
func eventually(t testing.TB, limit time.Duration, holds func() error) {
	t.Helper()
	deadline, tick := time.Now().Add(limit), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", limit, err)
		}
		<-tick.C
	}
}
