package pooler_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"holdfast/internal/health"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
	"holdfast/internal/secret"
)

// doorOf starts the real authenticator, which knows one user.
func doorOf(t *testing.T, user string) *pgauth.Authenticator {
	t.Helper()
	c := pgauth.DefaultConfig()
	c.Auth.MaxFailures = 0
	a, err := pgauth.New(c, pgauth.Options{
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Findings: health.New(), Users: []pgauth.User{{Name: user, Password: secret.New(password)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return a
}

// transcript is what a client sees that tries to log in: types and lengths of messages, and the error as it came.
func (s *site) transcript(t *testing.T, user, word string) (kinds string, refused []byte) {
	t.Helper()
	w := s.dial(t, 0)
	var seen recorder
	w.in = pgwire.NewReader(io.TeeReader(w.conn, &seen), 1<<20)
	start := []pgwire.Param{{Name: "user", Value: user}, {Name: "database", Value: s.db.Name}}
	var e *refusedError
	if err := w.enter(pgwire.AppendStartup(nil, pgwire.Version30, start), word); !errors.As(err, &e) {
		t.Fatalf("%s: %v", user, err)
	}
	_, _ = io.Copy(&seen, w.conn)
	for b := seen.Bytes(); len(b) > 0; {
		typ, size, err := pgwire.Header(b)
		if err != nil {
			t.Fatal(err)
		}
		kinds += string(typ)
		refused, b = b[:size], b[size:]
	}
	return kinds, refused
}

type recorder struct{ bytes.Buffer }

// A client cannot find out who exists: an unknown user and a wrong password get the same bytes.
func TestAnUnknownUserAndAWrongPasswordLookTheSame(t *testing.T) {
	t.Parallel()
	s := setup{auth: doorOf(t, "somebody_known")}.start(t)
	knownKinds, known := s.transcript(t, "somebody_known", "wrong")
	strangeKinds, strange := s.transcript(t, "somebody_novel", "wrong")
	known = bytes.ReplaceAll(known, []byte("somebody_known"), []byte("somebody_novel"))
	if knownKinds != strangeKinds || !bytes.Equal(known, strange) {
		t.Errorf("known: %s %q\nstrange: %s %q", knownKinds, known, strangeKinds, strange)
	}
	if n, _ := pgwire.ParseNotice(strange[pgwire.HeaderSize:]); n.Code != "28P01" || n.Severity != "FATAL" {
		t.Errorf("%+v; want FATAL 28P01", n)
	}
}

// What a start-up message may ask for, and what comes of it, is as PostgreSQL has it (trap 14, S0-15).
func TestTrap14StartupParametersMeanWhatTheyMeanToPostgreSQL(t *testing.T) {
	t.Parallel()
	s := sized(3).start(t)
	for endpoint := range 2 {
		for name, c := range map[string]struct{ name, value, show, want string }{
			"of its own":        {"TimeZone", "Asia/Tokyo", "TimeZone", "Asia/Tokyo"},
			"unreported":        {"work_mem", "7MB", "work_mem", "7MB"},
			"application":       {"application_name", "a 'quoted' \\ name", "application_name", `a 'quoted' \ name`},
			"empty application": {"application_name", "", "application_name", ""},
			"option -c":         {"options", "-c work_mem=8MB", "work_mem", "8MB"},
			"option -cname":     {"options", "-cwork_mem=9MB -c  lock_timeout=5s", "lock_timeout", "5s"},
			"option --name":     {"options", "--statement-timeout=6s", "statement_timeout", "6s"},
			"escaped":           {"options", `-c my.tenant=a\ b,\\c`, "my.tenant", `a b,\c`},
			"custom":            {"options", "-c my.tenant=seven", "my.tenant", "seven"},
			"encoding":          {"client_encoding", "LATIN1", "client_encoding", "LATIN1"},
			"encoding, as UTF8": {"client_encoding", "UTF-8", "client_encoding", "UTF8"},
			"date style":        {"datestyle", "ISO, DMY", "DateStyle", "ISO, DMY"},
		} {
			w := s.wire(t, endpoint, pgwire.Param{Name: c.name, Value: c.value})
			direct := s.wire(t, endpoint)
			for range 3 {
				if got := w.must("SHOW " + c.show); got != c.want && !(name == "encoding, as UTF8" && got == "UTF-8") {
					t.Errorf("endpoint %d, %s: %q, want %q", endpoint, name, got, c.want)
				}
				if got := direct.must("SELECT coalesce(current_setting('" + c.show + "', true), '')"); got == c.want && c.want != "UTF8" && c.want != "" {
					t.Errorf("endpoint %d, %s: somebody else has %q", endpoint, name, got)
				}
			}
			_, _ = w.conn.Close(), direct.conn.Close()
		}
	}
}

func TestABadStartupParameterIsPostgreSQLsOwnError(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	for endpoint := range 2 {
		for _, c := range []struct{ name, value, code, message string }{
			{"options", "-c work_mem=many", "22023", "work_mem"},
			{"options", "-c no_such_thing=1", "42704", "no_such_thing"},
			{"TimeZone", "Nowhere/City", "22023", "TimeZone"},
			{"client_encoding", "KLINGON", "22023", "client_encoding"},
			{"options", "-c shared_buffers=1GB", "55P02", "shared_buffers"},
			{"options", "-c session_authorization=" + s.db.Server.User, "42501", "session authorization"},
			{"is_superuser", "on", "55P02", "is_superuser"},
		} {
			var refused *refusedError
			err := s.dial(t, endpoint).logIn(s, pgwire.Version30, pgwire.Param{Name: c.name, Value: c.value})
			if !errors.As(err, &refused) || refused.Code != c.code || refused.Severity != "FATAL" || !strings.Contains(refused.Message, c.message) {
				t.Errorf("endpoint %d, %s=%s: %v; want FATAL %s", endpoint, c.name, c.value, err, c.code)
			}
		}
	}
	var refused *refusedError
	err := s.dial(t, 1).logIn(s, pgwire.Version30, pgwire.Param{Name: "search_path", Value: "a b"})
	if !errors.As(err, &refused) || refused.Code != "22023" || refused.Detail != "List syntax is invalid." {
		t.Errorf("%v; want PostgreSQL's detail, too", err)
	}
	pid := s.wire(t, 1).must("SELECT pg_backend_pid()")
	for range 5 {
		_ = s.dial(t, 1).logIn(s, pgwire.Version30, pgwire.Param{Name: "options", Value: "-c work_mem=lots"})
	}
	if got := s.wire(t, 1).must("SELECT pg_backend_pid()"); got != pid {
		t.Error("a client's mistake cost a server connection")
	}
}

func TestAnUnknownDatabaseIsPostgreSQLsOwnError(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	var refused *refusedError
	start := []pgwire.Param{{Name: "user", Value: s.role()}, {Name: "database", Value: "nowhere"}}
	err := s.dial(t, 0).enter(pgwire.AppendStartup(nil, pgwire.Version30, start), password)
	if !errors.As(err, &refused) || refused.Code != "3D000" || refused.Severity != "FATAL" {
		t.Errorf("%v; want FATAL 3D000", err)
	}
}

// Trap 14: the start-up message may come in pieces of any size.
func TestTrap14AStartupMessageMayComeByteByByte(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	w := s.dial(t, 0)
	start := pgwire.AppendStartup(nil, pgwire.Version30, s.startup(pgwire.Param{Name: "application_name", Value: strings.Repeat("a", 5000)}))
	for _, b := range start[:len(start)-1] {
		w.send([]byte{b})
	}
	if err := w.enter(start[len(start)-1:], password); err != nil {
		t.Fatal(err)
	}
	if got := w.must("SELECT 1"); got != "1" {
		t.Error(got)
	}
}

// Traps 14 and 16: what is too long, or is no start-up message, ends the connection before anything is kept of it.
func TestTrap14NonsenseInsteadOfALogInEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := sized(1).start(t)
	for name, b := range map[string][]byte{
		"oversized":          pgwire.AppendStartup(nil, pgwire.Version30, s.startup(pgwire.Param{Name: "x", Value: strings.Repeat("x", 11_000)})),
		"a length of 2 GB":   {0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0},
		"a negative length":  {0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0},
		"a length of 0":      {0, 0, 0, 0, 0, 3, 0, 0},
		"HTTP":               []byte("GET / HTTP/1.1\r\nHost: here\r\n\r\n"),
		"version 2":          pgwire.AppendStartup(nil, 2<<16, s.startup()),
		"version 4":          pgwire.AppendStartup(nil, 4<<16, s.startup()),
		"no user":            pgwire.AppendStartup(nil, pgwire.Version30, []pgwire.Param{{Name: "database", Value: "x"}}),
		"SSLRequest twice":   pgwire.AppendSSLRequest(pgwire.AppendSSLRequest(nil)),
		"GSSENC twice":       pgwire.AppendGSSENCRequest(pgwire.AppendGSSENCRequest(nil)),
		"nothing terminated": {0, 0, 0, 12, 0, 3, 0, 0, 'u', 's', 'e', 'r'},
	} {
		w := s.dial(t, 0)
		w.send(b)
		rest, err := io.ReadAll(w.conn)
		if isTimeout(err) {
			t.Errorf("%s: the connection stays open", name)
		}
		if len(rest) > 0 && rest[0] == 'R' {
			t.Errorf("%s: asked for a password", name)
		}
	}
	s.wire(t, 0).must("SELECT 1")
}

// After the log-in, too: a message of a kind or length that is none ends this connection and no other.
func TestNonsenseAfterTheLogInEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := sized(2).start(t)
	for endpoint := range 2 {
		for name, b := range map[string][]byte{
			"unknown kind":     {'?', 0, 0, 0, 4},
			"length too short": {'Q', 0, 0, 0, 3},
			"negative length":  {'Q', 0xff, 0xff, 0xff, 0xff},
			"password again":   pgwire.AppendPassword(nil, "x"),
		} {
			w := s.wire(t, endpoint)
			w.must("SELECT 1")
			w.send(b)
			if n := w.end(); n.Severity != "FATAL" || n.Code != "08P01" {
				t.Errorf("endpoint %d, %s: %+v", endpoint, name, n)
			}
		}
		s.wire(t, endpoint).must("SELECT 1")
	}
}
