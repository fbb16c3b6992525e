package content_test

import (
	"maps"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/content"
	"holdfast/internal/control"
	"holdfast/internal/coursegen"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/internal/s3test"
	"holdfast/test/program"
)

// site is a machine of a platform.
type site struct {
	*program.Site
	db *pgtest.DB
}

// newSite makes the first machine of a platform. Nothing happens by itself on it: no polls, no collections.
func newSite(t testing.TB) *site {
	t.Helper()
	return newSiteOn(t, pgtest.Database(t))
}

// newSiteOn is newSite with a database of the test's choice.
func newSiteOn(t testing.TB, db *pgtest.DB) *site {
	t.Helper()
	s := &site{program.NewSite(t, db.URL()), db}
	s.ownSocket()
	return s.set("database.options.pool.max_size", "6",
		"content.poll", "0", "content.gc_every", "0", "content.scrub_every", "0", "content.free_bytes", "0", "content.free_inodes", "0")
}

// ownSocket gives content a socket with a short path in the machine's directory.
func (s *site) ownSocket() { s.set("content.socket", s.Path("s")) }

// twin is another machine of the same platform: the same configuration, secrets, database and store, another state and cache.
func (s *site) twin() *site {
	s.T.Helper()
	other := &site{s.Twin(), s.db}
	other.ownSocket()
	return other
}

// blank is a machine with the same settings of the test, but without a configuration and secrets.
func (s *site) blank() *site {
	s.T.Helper()
	other := &site{&program.Site{T: s.T, Dir: program.ShortDir(s.T), Settings: maps.Clone(s.Settings)}, s.db}
	other.ownSocket()
	return other
}

// set sets settings: key, value, key, value.
func (s *site) set(pairs ...string) *site {
	s.Set(pairs...)
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
	s.Must("check", "--create")
	return s
}

// ask runs a command with --json and decodes its answer.
func ask[T any](s *site, args ...string) (v T) {
	s.T.Helper()
	s.Ask(&v, args...)
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
	s.T.Helper()
	n := s.begin()
	n.ready()
	return n
}

// begin starts the daemon.
func (s *site) begin() *node {
	s.T.Helper()
	return &node{process: s.Begin(), site: s, socket: s.Path("s")}
}

// ready waits until the daemon says that it is ready, and learns where it listens.
func (n *node) ready() {
	n.T.Helper()
	a := n.Ready()
	n.edge, n.admin = a.Edge, a.Admin
}

// call asks a node through its content socket.
func call[R any](n *node, verb string, req any) (R, error) {
	client := control.NewClient(n.socket)
	defer client.Close()
	ctx, cancel := contextFor(program.CallLimit)
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
	lifecycletest.Eventually(t, limit, holds)
}
