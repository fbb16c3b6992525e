package node

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/secret"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// database returns a connection to a database with our tables.
func database(t *testing.T) *postgres.DB {
	t.Helper()
	return postgrestest.Connect(t, postgrestest.Migrated(t, "node", Migrations).URL())
}

// machine is a node that answers over HTTP.
type machine struct {
	*Node
	t      *testing.T
	url    string
	bundle Bundle
	said   *lines // its log

	mu     sync.Mutex // protects events
	events []Event
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex // protects text
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func sample() Bundle {
	return Bundle{
		Config: "/etc/holdfast/holdfast.toml", Version: "1.2.3", Variables: []string{"DATABASE_URL"},
		Notes: []Note{{"edge.listen", "an address of the machine that invited", "give this machine its own"}},
		Files: []File{
			{Name: "", Mode: 0o644, Data: []byte("[files]\nmaster_key_file = \"secrets/master_key\"\n")},
			{Name: "secrets/master_key", Key: "files.master_key", Mode: 0o600, Data: []byte("the master key of the site\n")},
		},
	}
}

// newMachine starts a node on a database.
func newMachine(t *testing.T, db *postgres.DB) *machine {
	t.Helper()
	m := &machine{t: t, bundle: sample(), said: &lines{}}
	n, err := New(Options{
		DB: db, MasterKey: secret.New("the master key of the site"), Version: "1.2.3",
		Bundle:    func() (Bundle, error) { return m.bundle, nil },
		Addresses: func() ([]string, bool) { return []string{m.url}, true },
		State:     func() State { return State{"http://edge", "http://admin", StateReady, ""} },
		Record: func(e Event) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.events = append(m.events, e)
		},
		Log: slog.New(slog.NewTextHandler(m.said, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Node = n
	mux := http.NewServeMux()
	for pattern, h := range n.Routes() {
		mux.Handle(pattern, h)
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	m.url = srv.URL
	return m
}

// invite makes an invite and returns its token.
func (m *machine) invite(uses int, ttl time.Duration) Token {
	m.t.Helper()
	q := InviteRequest{Uses: uses}
	if err := q.TTL.UnmarshalText([]byte(ttl.String())); err != nil {
		m.t.Fatal(err)
	}
	a, err := m.Invite(m.t.Context(), q)
	if err != nil {
		m.t.Fatal(err)
	}
	tok, err := ParseToken(a.Token)
	if err != nil {
		m.t.Fatal(err)
	}
	return tok
}

// joiner is a new machine that does not wait between its tries.
func joiner(t *testing.T, tok Token) *Fetcher {
	t.Helper()
	f, err := NewFetcher(tok, "new-machine")
	if err != nil {
		t.Fatal(err)
	}
	f.pause = 20 * time.Millisecond
	t.Cleanup(f.Close)
	return f
}

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("%s: %v (code %s), want code %s", what, err, fault.CodeOf(err), code)
	}
}

func count(t *testing.T, db *postgres.DB, sql string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// below returns a path below a fresh directory.
func below(t *testing.T, name string) string { t.Helper(); return filepath.Join(t.TempDir(), name) }
