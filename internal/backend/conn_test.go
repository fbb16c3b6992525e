package backend_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/backend"
	"holdfast/internal/fault"
	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
)

// both runs a test over a Unix socket and inside TLS.
func both(t *testing.T, f func(t *testing.T, target backend.Target, s *pgtest.PG)) {
	t.Helper()
	s := pgtest.Cluster(t, pgtest.TLS())
	t.Run("plain", func(t *testing.T) { f(t, socketOf(s), s) })
	t.Run("TLS", func(t *testing.T) { f(t, tcpOf(s, &backend.TLSConfig{Mode: backend.TLSRequire}), s) })
}

func TestStatementsByBothProtocols(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, target backend.Target, _ *pgtest.PG) {
		c := dial(t, target, superuser("postgres"))
		if err := c.Exec(within(t), "CREATE TEMP TABLE t (a int); INSERT INTO t SELECT generate_series(1, 1000)"); err != nil {
			t.Fatal(err)
		}
		if got := one(t, c, "SELECT a FROM t ORDER BY a DESC"); got != "1000" {
			t.Errorf("first row: %q", got)
		}
		if got := one(t, c, "SELECT $1::text || $2::text", "it's", ` "x"`); got != `it's "x"` {
			t.Errorf("with arguments: %q", got)
		}
		row, err := c.QueryRow(within(t), "SELECT NULL, ''")
		if err != nil || len(row) != 2 || row[0] != nil || row[1] == nil {
			t.Errorf("NULL and empty: %q, %v", row, err)
		}
		if _, err := c.QueryRow(within(t), "SELECT 1 WHERE $1 = 'y'", "x"); !errors.Is(err, backend.ErrNoRow) {
			t.Errorf("no row: %v", err)
		}
		if row, err := c.QueryRow(within(t), "SELECT"); err != nil || len(row) != 0 {
			t.Errorf("a row without columns: %q, %v", row, err)
		}
	})
}

func TestAnErrorOfAStatementLeavesTheSessionWhole(t *testing.T) {
	t.Parallel()
	c := dial(t, socketOf(pgtest.Server(t)), superuser("postgres"))
	var e *backend.Error
	if err := c.Exec(within(t), "SELECT 1/0"); !errors.As(err, &e) || e.SQLSTATE != "22012" || e.Message != "division by zero" {
		t.Errorf("division by zero: %v", err)
	}
	if _, err := c.QueryRow(within(t), "SELECT $1::int", "x"); !errors.As(err, &e) || e.SQLSTATE != "22P02" {
		t.Errorf("bad argument: %v", err)
	}
	if err := c.Exec(within(t), "COPY pg_class TO STDOUT"); err != nil {
		t.Errorf("COPY TO: %v", err)
	}
	if c.Dead() || c.Err() != nil || one(t, c, "SELECT 1") != "1" {
		t.Errorf("the session is lost: %v", c.Err())
	}
	if err := c.Exec(within(t), "COPY pg_class FROM STDIN"); fault.CodeOf(err) != "backend_protocol" || !c.Dead() {
		t.Errorf("COPY FROM: %v", err)
	}
}

func TestResetMakesASessionAsGoodAsNew(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, target backend.Target, _ *pgtest.PG) {
		l := superuser("postgres")
		l.Params = []pgwire.Param{{Name: "application_name", Value: "mine"}}
		c := dial(t, target, l)
		for _, sql := range []string{"", "BEGIN", "BEGIN; SELECT 1/0"} {
			_ = c.Exec(within(t), "SET application_name = 'other'; CREATE TEMP TABLE left_behind (a int)")
			_ = c.Exec(within(t), sql)
			c.SetStatus(pgwire.Idle) // what we think does not count: the server is asked
			if err := c.Reset(within(t)); err != nil {
				t.Fatalf("after %q: %v", sql, err)
			}
			name, _ := c.Param("application_name")
			if gone := one(t, c, "SELECT to_regclass('left_behind') IS NULL"); gone != "t" || name != "mine" || c.Status() != pgwire.Idle {
				t.Errorf("after %q: table gone %s, application_name %q, status %c", sql, gone, name, c.Status())
			}
		}
	})
}

// A relay that lost count must not hand on a session whose next answer belongs to somebody else.
func TestResetGivesUpASessionThatHasAnswersLeft(t *testing.T) {
	t.Parallel()
	c := dial(t, socketOf(pgtest.Server(t)), superuser("postgres"))
	if _, err := c.NetConn().Write(pgwire.AppendQuery(nil, "SELECT 1")); err != nil {
		t.Fatal(err)
	}
	if err := c.Reset(within(t)); fault.CodeOf(err) != "backend_protocol" || !c.Dead() {
		t.Errorf("Reset: %v", err)
	}
}

func TestCheckIsARoundTripWithALimit(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, target backend.Target, _ *pgtest.PG) {
		c := dial(t, target, superuser("postgres"))
		if err := c.Check(within(t)); err != nil {
			t.Errorf("Check: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		if err := c.Exec(ctx, "SELECT pg_sleep(10)"); fault.CodeOf(err) != "backend_timeout" || !c.Dead() {
			t.Errorf("a statement without end: %v", err)
		}
		if err := c.Check(within(t)); !errors.Is(err, c.Err()) {
			t.Errorf("Check of a lost session: %v", err)
		}
	})
	c := dial(t, socketOf(pgtest.Server(t)), superuser("postgres"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Check(ctx); fault.KindOf(err) != fault.Interrupted || c.Dead() {
		t.Errorf("Check after the end of its context: %v; it costs the session nothing, but %v", err, c.Err())
	}
}

// Trap 11: a cancel request goes the same way as the session, and is over when Cancel returns.
func TestCancelEndsTheStatementAndNoOther(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, target backend.Target, s *pgtest.PG) {
		c := dial(t, target, superuser("postgres"))
		watch := dial(t, socketOf(s), superuser("postgres"))
		for range 5 {
			failed := make(chan error, 1)
			go func() { failed <- c.Exec(within(t), "SELECT pg_sleep(60)") }() // waited for by the receive below
			eventually(t, "the statement runs", func() bool {
				return one(t, watch, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%sleep(60)%'") == "1"
			})
			if err := c.Cancel(within(t)); err != nil {
				t.Fatalf("Cancel: %v", err)
			}
			var e *backend.Error
			if err := <-failed; !errors.As(err, &e) || e.SQLSTATE != "57014" {
				t.Errorf("the statement: %v", err)
			}
			if err := c.Cancel(within(t)); err != nil { // of an idle session
				t.Fatalf("Cancel: %v", err)
			}
			if got := one(t, c, "SELECT 1"); got != "1" {
				t.Errorf("the next statement: %q", got)
			}
		}
	})
}

// Trap 17: FATAL 57P01 while idle is seen before the session is handed out.
func TestASessionThatTheServerEndedIsDead(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, target backend.Target, s *pgtest.PG) {
		c := dial(t, target, superuser("postgres"))
		if c.Dead() {
			t.Fatalf("dead from the start: %v", c.Err())
		}
		s.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
		eventually(t, "the session is dead", c.Dead)
		var e *backend.Error
		if !errors.As(c.Err(), &e) || e.SQLSTATE != "57P01" || e.Permanent() {
			t.Errorf("Err: %v", c.Err())
		}
	})
}

// Trap 9: notifications on an idle session are taken off it.
func TestNotificationsOnAnIdleSessionAreDropped(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, target backend.Target, s *pgtest.PG) {
		c := dial(t, target, superuser("postgres"))
		if err := c.Exec(within(t), "LISTEN ch"); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			s.Exec(t, "SELECT pg_notify('ch', repeat('x', 700)) FROM generate_series(1, 3)")
			if c.Dead() {
				t.Fatalf("dead: %v", c.Err())
			}
		}
		if got := one(t, c, "SELECT 1"); got != "1" {
			t.Errorf("SELECT 1: %q", got)
		}
	})
}

func TestAKilledServerLeavesDeadSessions(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t, pgtest.TLS())
	plain := dial(t, tcpOf(s, nil), superuser("postgres"))
	secure := dial(t, tcpOf(s, &backend.TLSConfig{Mode: backend.TLSRequire}), superuser("postgres"))
	s.Kill(t)
	eventually(t, "both are dead", func() bool { return plain.Dead() && secure.Dead() })
	for _, c := range []*backend.Conn{plain, secure} {
		if err := c.Check(within(t)); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("Check: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func TestASessionThatIsClosedSaysGoodBye(t *testing.T) {
	t.Parallel()
	heard := make(chan pgwire.FrontendType, 1)
	target := serve(t, func(p *peer) {
		p.greet()
		typ, _ := p.message()
		heard <- typ
	})
	if err := dial(t, target, backend.Login{User: "u"}).Close(); err != nil {
		t.Fatal(err)
	}
	if typ := <-heard; typ != pgwire.Terminate {
		t.Errorf("heard %s", typ)
	}
}

// E-18: keepalives and the user timeout reach the socket.
func TestTheSocketHasTheKeepalivesAndTheUserTimeout(t *testing.T) {
	t.Parallel()
	f := func(change func(*backend.Target), want string) {
		t.Helper()
		target := serve(t, func(p *peer) { p.greet(); p.rest() })
		change(&target)
		c := dial(t, target, backend.Login{User: "u"})
		if got := socketOptions(t, c); got != want {
			t.Errorf("options %s, want %s", got, want)
		}
	}
	f(func(*backend.Target) {}, "on 30 30 3 0")
	f(func(g *backend.Target) { g.KeepAlive, g.UserTimeout = time.Second, 5*time.Second }, "on 1 1 3 5000")
	f(func(g *backend.Target) { g.KeepAlive = -1 }, "off")
}

func socketOptions(t *testing.T, c *backend.Conn) string {
	t.Helper()
	sc, ok := c.NetConn().(unixSyscallConn)
	if !ok {
		t.Fatalf("%T has no socket", c.NetConn())
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	err = raw.Control(func(fd uintptr) {
		get := func(level, name int) int {
			v, err := unix.GetsockoptInt(int(fd), level, name)
			if err != nil {
				t.Error(err)
			}
			return v
		}
		if get(unix.SOL_SOCKET, unix.SO_KEEPALIVE) == 0 {
			out = []string{"off"}
			return
		}
		out = []string{"on"}
		for _, name := range []int{unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL, unix.TCP_KEEPCNT, unix.TCP_USER_TIMEOUT} {
			out = append(out, itoa(get(unix.IPPROTO_TCP, name)))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}
