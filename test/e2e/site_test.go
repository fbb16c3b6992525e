package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// site is a machine.
type site struct{ *program.Site }

// newSite makes a site whose database is attached, or, when db is nil, private.
func newSite(t testing.TB, db *pgtest.DB) *site {
	t.Helper()
	url := ""
	if db != nil {
		url = db.URL()
	}
	s := &site{program.NewSite(t, url)}
	return s.set("database.options.pool.max_size", "8")
}

// twin is another machine of the same site.
func (s *site) twin() *site {
	s.T.Helper()
	return &site{s.Twin()}
}

// set sets settings: key, value, key, value.
func (s *site) set(pairs ...string) *site {
	s.Set(pairs...)
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
	site            *site
	edge, s3, admin string // URLs
	postgres        string // address of the pooler
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
	return &node{process: s.Begin(), site: s}
}

// ready waits until the daemon says that it is ready, and learns where it listens.
func (n *node) ready() {
	n.T.Helper()
	a := n.Ready()
	n.edge, n.s3, n.admin, n.postgres = a.Edge, a.S3, a.Admin, a.Postgres
}

// refused starts a daemon that must refuse to start, with this exit code and these words, and returns what it said.
func (s *site) refused(code int, words ...string) string {
	s.T.Helper()
	p := program.Launch(s.T, program.Self(s.Env(), "serve"))
	got := p.Wait(program.StartLimit)
	said := p.Err.String()
	if got != code {
		s.T.Errorf("serve ends with %d, want %d; it said:\n%s", got, code, said)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			s.T.Errorf("serve does not say %q but:\n%s", w, said)
		}
	}
	return said
}

// credential is an access key.
type credential struct{ ID, Secret string }

// newKey makes an access key for all buckets.
func (s *site) newKey() credential {
	s.T.Helper()
	return ask[credential](s, "files", "key", "create", "test", "--bucket", "*", "--action", "read", "--action", "list",
		"--action", "write", "--action", "delete", "--action", "admin")
}

// link returns a signed link to a file, on this node's own edge.
func (n *node) link(name string) string {
	n.T.Helper()
	return n.edge + ask[struct{ Path string }](n.site, "files", "url", name).Path
}

func (n *node) String() string { return fmt.Sprintf("node %d", n.PID) }
