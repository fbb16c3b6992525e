package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/pgtest"
)

// site is a directory with a configuration and its secrets, as "holdfast init" makes it. Settings of the test come from
// the environment.
type site struct {
	t        testing.TB
	dir      string
	settings map[string]string // by key, as "media.root"
	extra    []string          // further variables of the environment
}

// anyPort is the pooler's one endpoint, on a port that the kernel chooses.
const anyPort = `[{listen = "127.0.0.1:0"}]`

// newSite makes a site whose database is attached, or, when db is nil, private.
func newSite(t testing.TB, db *pgtest.DB) *site {
	t.Helper()
	s := &site{t: t, dir: shortDir(t), settings: map[string]string{
		"edge.listen": "127.0.0.1:0", "s3.listen": "127.0.0.1:0", "admin.listen": "127.0.0.1:0",
		"database.endpoints": anyPort, "database.options.pool.max_size": "8",
	}}
	cmd := self(nil, "init", "--dir", s.dir)
	if db != nil {
		cmd.Env = append(cmd.Env, "DATABASE_URL="+db.URL())
	}
	if r := finish(t, cmd); r.Code != 0 {
		t.Fatalf("init ends with %d:\n%s", r.Code, r.Stderr)
	}
	return s
}

// shortDir returns a directory whose sockets have short paths, and that PostgreSQL's own account may pass through.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hfe-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// twin is another machine of the same site: the same configuration, secrets, database and media root, another state.
func (s *site) twin() *site {
	s.t.Helper()
	other := &site{t: s.t, dir: shortDir(s.t), settings: maps.Clone(s.settings), extra: slices.Clone(s.extra)}
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

func (s *site) env() []string {
	env := slices.Clone(s.extra)
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
	if err := json.Unmarshal([]byte(s.must(append(args, "--json")...)), &v); err != nil {
		s.t.Fatalf("holdfast %s: %v", strings.Join(args, " "), err)
	}
	return v
}

// node is a running daemon.
type node struct {
	*process
	site            *site
	edge, s3, admin string // URLs
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
	return &node{process: launch(s.t, self(s.env(), "serve")), site: s}
}

// ready waits until the daemon says that it is ready, and learns where it listens.
func (n *node) ready() {
	n.T.Helper()
	var line struct{ Edge, S3, Admin string }
	if err := json.Unmarshal([]byte(n.Line(`"msg":"ready"`, startLimit)), &line); err != nil {
		n.T.Fatal(err)
	}
	n.edge, n.s3, n.admin = line.Edge, line.S3, line.Admin
}

// refused starts a daemon that must refuse to start, with this exit code and these words, and returns what it said.
func (s *site) refused(code int, words ...string) string {
	s.t.Helper()
	p := launch(s.t, self(s.env(), "serve"))
	got := p.Wait(startLimit)
	said := p.Err.String()
	if got != code {
		s.t.Errorf("serve ends with %d, want %d; it said:\n%s", got, code, said)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			s.t.Errorf("serve does not say %q but:\n%s", w, said)
		}
	}
	return said
}

// credential is an access key.
type credential struct{ ID, Secret string }

// newKey makes an access key for all buckets.
func (s *site) newKey() credential {
	s.t.Helper()
	return ask[credential](s, "files", "key", "create", "test", "--bucket", "*", "--action", "read", "--action", "list",
		"--action", "write", "--action", "delete", "--action", "admin")
}

// link returns a signed link to a file, on this node's own edge.
func (n *node) link(name string) string {
	n.T.Helper()
	return n.edge + ask[struct{ Path string }](n.site, "files", "url", name).Path
}

func (n *node) String() string { return fmt.Sprintf("node %d", n.PID) }
