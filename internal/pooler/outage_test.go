package pooler_test

import (
	"strings"
	"testing"
	"time"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// S1-09: a server that dies while nobody uses it is replaced before anybody notices.
func TestAServerThatDiesIdleIsReplacedUnseen(t *testing.T) {
	t.Parallel()
	s := sized(2).start(t)
	w := s.wire(t, 1)
	for range 20 {
		pid := w.must("SELECT pg_backend_pid()")
		s.super(t, "SELECT pg_terminate_backend($1::text::int)", pid)
		eventually(t, "the server session is gone", func() bool {
			return s.super(t, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1::text::int", pid) == "0"
		})
		if got := w.must("SELECT pg_backend_pid()"); got == pid {
			t.Fatal("the dead answer")
		}
	}
}

// A client whose transaction or session is lost reads why, and is not left hanging.
func TestAClientWhoseServerDiesReadsWhy(t *testing.T) {
	t.Parallel()
	s := sized(4).start(t)
	for name, ask := range map[string]func(*wire){
		"idle":           func(*wire) {},
		"in transaction": func(w *wire) { w.must("BEGIN") },
		"running":        func(w *wire) { w.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(60)")); s.running(t, "pg_sleep", 1) },
		"in pipeline":    func(w *wire) { w.must("BEGIN"); w.send(asked("", "SELECT 1")) },
	} {
		for endpoint := range 2 {
			if name == "idle" && endpoint == 1 {
				continue // has no server
			}
			w := s.wire(t, endpoint)
			pid := w.must("BEGIN; SELECT pg_backend_pid()")
			w.must("COMMIT")
			if endpoint == 1 { // it keeps its server only inside of a transaction
				w.must("BEGIN")
				pid = w.must("SELECT pg_backend_pid()")
			}
			if name != "in transaction" && name != "in pipeline" || endpoint == 0 {
				ask(w)
			}
			s.super(t, "SELECT pg_terminate_backend($1::text::int)", pid)
			if n := w.end(); n.Severity != "FATAL" || n.Code != "57P01" {
				t.Errorf("endpoint %d, %s: %+v", endpoint, name, n)
			}
			w.gone()
		}
	}
	s.wire(t, 1).must("SELECT 1")
	s.wire(t, 0).must("SELECT 1")
}

// private makes a site on a PostgreSQL of its own, which the test may stop.
func private(t *testing.T, hold time.Duration) (*site, *pgtest.PG) {
	t.Helper()
	server := pgtest.Cluster(t, pgtest.Durable()) // a crash must not lose the role of the test
	s := setup{server: server, change: func(c *pooler.Config, pg *postgres.Config) {
		c.Hold = unit.Duration(hold)
		pg.Options.Pool.MinSize, pg.Options.Pool.MaxSize = 2, 4
	}}.start(t)
	return s, server
}

// A restart of PostgreSQL: clients that have nothing on the server wait and go on; those that had are told.
func TestClientsWaitWhilePostgreSQLRestarts(t *testing.T) {
	t.Parallel()
	s, server := private(t, 25*time.Second)
	idle, open, session := s.wire(t, 1), s.wire(t, 1), s.wire(t, 0)
	idle.must("SELECT 1")
	open.must("BEGIN")
	session.must("SET work_mem = '7MB'")
	fresh := s.wire(t, 0) // a session that has asked for nothing yet
	server.Stop(t)
	for name, w := range map[string]*wire{"transaction": open, "session": session} {
		if n := w.end(); n.Severity != "FATAL" || n.Code != "57P01" {
			t.Errorf("%s: %+v", name, n)
		}
	}
	idle.send(pgwire.AppendQuery(nil, "SELECT 'waited'"))
	fresh.send(pgwire.AppendSync(asked("", "SELECT 'waited, too'")))
	late := make(chan error, 1)
	go func() { // its log-in ends before the test does
		late <- s.dial(t, 1).logIn(s, pgwire.Version30)
	}()
	s.waiting(t, 2)
	server.Start(t)
	if a := idle.answer(); strings.Join(a.rows, "") != "waited" {
		t.Errorf("%+v", a)
	}
	if a := fresh.answer(); strings.Join(a.rows, "") != "waited, too" {
		t.Errorf("%+v", a)
	}
	if err := <-late; err != nil {
		t.Errorf("log-in while PostgreSQL was down: %v", err)
	}
}

// When nobody is to wait, a database that is down is an error at once, with PostgreSQL's code, and the connection goes on.
func TestADatabaseThatIsDownIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	s, server := private(t, 0)
	w := s.wire(t, 1)
	w.must("SELECT 1")
	server.Stop(t)
	eventually(t, "the pool is down", func() bool { return w.query("SELECT 1").code() == "57P03" })
	for range 5 {
		began := time.Now()
		if a := w.query("SELECT 1"); a.types != "EZ" || a.code() != "57P03" || time.Since(began) > 3*time.Second {
			t.Errorf("%+v after %v", a, time.Since(began))
		}
	}
	server.Start(t)
	eventually(t, "the pool is up again", func() bool { return w.query("SELECT 1").code() == "" })
}

// S0-16: psycopg's reconnect_timeout bounds the wait for a server that is away, and is stronger than hold.
func TestTheReconnectTimeoutBoundsTheWait(t *testing.T) {
	t.Parallel()
	server := pgtest.Cluster(t, pgtest.Durable())
	s := setup{server: server, change: func(c *pooler.Config, pg *postgres.Config) {
		c.Hold = unit.Duration(time.Hour)
		pg.Options.Pool.ReconnectTimeout = unit.Duration(300 * time.Millisecond)
	}}.start(t)
	w := s.wire(t, 1)
	w.must("SELECT 1")
	server.Stop(t)
	eventually(t, "the request is told", func() bool { return w.query("SELECT 1").code() == "57P03" })
	server.Start(t)
	eventually(t, "the pool is up again", func() bool { return w.query("SELECT 1").code() == "" })
}

// A crash of PostgreSQL leaves no client hanging.
func TestAKilledPostgreSQLLeavesNobodyHanging(t *testing.T) {
	t.Parallel()
	s, server := private(t, 20*time.Second)
	running, idle := s.wire(t, 0), s.wire(t, 1)
	running.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(60)"))
	s.running(t, "pg_sleep", 1)
	server.Kill(t)
	if n := running.end(); n.Severity != "FATAL" {
		t.Errorf("%+v", n)
	}
	server.Start(t)
	if got := idle.must("SELECT 'goes on'"); got != "goes on" {
		t.Error(got)
	}
}

// S1-08: connections turn over, and nobody notices.
func TestServersOfAnAgeAreReplacedUnseen(t *testing.T) {
	t.Parallel()
	s := setup{change: func(_ *pooler.Config, pg *postgres.Config) {
		pg.Options.Pool.MaxLifetime = unit.Duration(300 * time.Millisecond)
	}}.start(t)
	seen := map[string]bool{}
	one, two := s.wire(t, 1), s.wire(t, 1)
	two.must("BEGIN")
	pid := two.must("SELECT pg_backend_pid()")
	eventually(t, "servers are replaced", func() bool {
		seen[one.must("SELECT pg_backend_pid()")] = true
		return len(seen) > 4
	})
	if got := two.must("SELECT pg_backend_pid()"); got != pid {
		t.Error("a transaction changed its server")
	}
	two.must("COMMIT")
}

// S0-17, S0-18: MinSize servers are there before anybody is let in; a burst makes more of them, and they go again.
func TestThePoolGrowsWithABurstAndShrinksAfterIt(t *testing.T) {
	t.Parallel()
	s := setup{change: func(c *pooler.Config, pg *postgres.Config) {
		c.Endpoints = c.Endpoints[1:]
		o := &pg.Options.Pool
		o.MinSize, o.MaxSize, o.MaxIdle = 2, 12, unit.Duration(500*time.Millisecond)
	}}.start(t)
	count := func() string {
		return s.super(t, "SELECT count(*) FROM pg_stat_activity WHERE usename = $1", s.role())
	}
	if got := count(); got != "2" {
		t.Errorf("%s servers at the start, want 2", got)
	}
	var burst []*wire
	for range 24 {
		w := s.wire(t, 0)
		w.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(0.3)"))
		burst = append(burst, w)
	}
	eventually(t, "the pool has grown", func() bool { return count() == "12" })
	for _, w := range burst {
		if a := w.answer(); a.code() != "" {
			t.Error(a)
		}
	}
	eventually(t, "the pool has shrunk", func() bool { return count() == "2" })
}
