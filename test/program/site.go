package program

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
)

// Limits of waiting. What takes longer hangs: even a loaded machine is faster.
const (
	StartLimit = 90 * time.Second // a private PostgreSQL may be made first
	CallLimit  = 120 * time.Second
)

// Site is a directory with a configuration and its secrets, as "holdfast init" makes it: one machine. Settings of the test come
// from the environment.
type Site struct {
	T        testing.TB
	Dir      string
	Settings map[string]string // by key, as "media.root"
	Extra    []string          // further variables of the environment
	Init     Result            // what "holdfast init" said
}

// NewSite makes a site that listens on ports of the kernel's choice. Its database is that of the URL, or, when there is none, private.
func NewSite(t testing.TB, database string) *Site {
	t.Helper()
	s := &Site{T: t, Dir: ShortDir(t), Settings: map[string]string{
		"edge.listen": "127.0.0.1:0", "s3.listen": "127.0.0.1:0", "admin.listen": "127.0.0.1:0",
		"database.endpoints": `[{listen = "127.0.0.1:0"}]`,
	}}
	cmd := Self(nil, "init", "--dir", s.Dir)
	if database != "" {
		cmd.Env = append(cmd.Env, "DATABASE_URL="+database)
	}
	if s.Init = Finish(t, cmd); s.Init.Code != 0 {
		t.Fatalf("init ends with %d:\n%s", s.Init.Code, s.Init.Stderr)
	}
	return s
}

// ShortDir returns a directory whose sockets have short paths, and that PostgreSQL's own account may pass through.
func ShortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hft-")
	if err == nil {
		err = os.Chmod(dir, 0o711) //nolint:gosec // what is private in it has modes of its own
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // a private PostgreSQL whose Holdfast was killed ends a moment later, and writes until then
		lifecycletest.Eventually(t, CallLimit, func() error { return os.RemoveAll(dir) })
	})
	return dir
}

// Twin is another machine of the same site: the same configuration, secrets, database and media root, another state.
func (s *Site) Twin() *Site {
	s.T.Helper()
	other := &Site{T: s.T, Dir: ShortDir(s.T), Settings: maps.Clone(s.Settings), Extra: slices.Clone(s.Extra)}
	err := errors.Join(os.CopyFS(other.Path("secrets"), os.DirFS(s.Path("secrets"))), os.Chmod(other.Path("secrets"), 0o700))
	text, readErr := os.ReadFile(s.Path("holdfast.toml"))
	if err := errors.Join(err, readErr, os.WriteFile(other.Path("holdfast.toml"), text, 0o600)); err != nil {
		s.T.Fatal(err)
	}
	if s.Settings["media.root"] == "" {
		other.Settings["media.root"] = s.Path("data/media")
	}
	return other
}

// Path returns the path of something in the site's directory.
func (s *Site) Path(rel string) string { return filepath.Join(s.Dir, rel) }

// Set sets settings: key, value, key, value.
func (s *Site) Set(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		s.Settings[pairs[i]] = pairs[i+1]
	}
}

// Env returns the environment of the site's processes.
func (s *Site) Env() []string {
	env := slices.Clone(s.Extra)
	for _, key := range slices.Sorted(maps.Keys(s.Settings)) {
		env = append(env, "HOLDFAST_"+strings.ToUpper(strings.ReplaceAll(key, ".", "__"))+"="+s.Settings[key])
	}
	return append(env, "HOLDFAST_CONFIG="+s.Path("holdfast.toml"))
}

// Command prepares a command on the site.
func (s *Site) Command(args ...string) *exec.Cmd { return Self(s.Env(), args...) }

// Run runs a command to its end.
func (s *Site) Run(args ...string) Result {
	s.T.Helper()
	return Finish(s.T, s.Command(args...))
}

// Must runs a command that has to succeed and returns what it printed.
func (s *Site) Must(args ...string) string {
	s.T.Helper()
	r := s.Run(args...)
	if r.Code != 0 {
		s.T.Fatalf("holdfast %s ends with %d:\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Ask runs a command with --json and decodes its answer into v.
func (s *Site) Ask(v any, args ...string) {
	s.T.Helper()
	text := s.Must(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), v); err != nil {
		s.T.Fatalf("holdfast %s: %v in:\n%s", strings.Join(args, " "), err, text)
	}
}

// Begin starts the daemon.
func (s *Site) Begin() *Process {
	s.T.Helper()
	return Launch(s.T, s.Command("serve"))
}

// Addresses are the URLs at which a daemon says that it listens, and the address of the pooler.
type Addresses struct{ Edge, S3, Admin, Postgres string }

// Ready waits until a daemon says that it is ready, and returns where it listens.
func (p *Process) Ready() Addresses {
	p.T.Helper()
	var a Addresses
	if err := json.Unmarshal([]byte(p.Line(`"msg":"ready"`, StartLimit)), &a); err != nil {
		p.T.Fatal(err)
	}
	return a
}
