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

// inDatabase logs the role of the site in to a database.
func (s *site) inDatabase(t *testing.T, endpoint int, name string) (*wire, error) {
	t.Helper()
	w := s.dial(t, endpoint)
	start := []pgwire.Param{{Name: "user", Value: s.role()}, {Name: "database", Value: name}}
	return w, w.enter(pgwire.AppendStartup(nil, pgwire.Version30, start), password)
}

// reloader changes the settings of a site, as a reload does.
func (u setup) reloader(t *testing.T) (*site, func(change func(*pooler.Config, *postgres.Config))) {
	t.Helper()
	var c pooler.Config
	var pg postgres.Config
	change := u.change
	u.change = func(given *pooler.Config, db *postgres.Config) {
		if change != nil {
			change(given, db)
		}
		c, pg = *given, *db
	}
	s := u.start(t)
	return s, func(change func(*pooler.Config, *postgres.Config)) {
		t.Helper()
		change(&c, &pg)
		if err := s.pooler.Reload(c, pg); err != nil {
			t.Fatal(err)
		}
	}
}

const whichDatabase = "SELECT current_database()"

// reporting is a site with the route "reports", its database of that name, and a function that changes the route.
func reporting(t *testing.T) (s *site, enter func(endpoint int) *wire, route func(pooler.Route)) {
	t.Helper()
	s, reload := setup{change: func(c *pooler.Config, pg *postgres.Config) {
		c.Routes = map[string]pooler.Route{"reports": {Database: pg.Name, MaxSize: 1}}
		pg.Options.Pool.Timeout = unit.Duration(time.Hour)
	}}.reloader(t)
	enter = func(endpoint int) *wire {
		t.Helper()
		w, err := s.inDatabase(t, endpoint, "reports")
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	return s, enter, func(r pooler.Route) {
		t.Helper()
		reload(func(c *pooler.Config, _ *postgres.Config) { c.Routes = map[string]pooler.Route{"reports": r} })
	}
}

// is fails the test when a client is in another database than it should be.
func (w *wire) is(name, want string) {
	w.t.Helper()
	if got := w.must(whichDatabase); got != want {
		w.t.Errorf("%s is in %s, want %s", name, got, want)
	}
}

// Issue 3, trap 19: a reload changes a route, as PgBouncer's does. Who has no server, or waits for one, goes on where the new route leads; who has
// one keeps it as long as the mode says; nobody gets an error, and the old pools end with their last server.
func TestAReloadChangesARoute(t *testing.T) {
	t.Parallel()
	other := pgtest.Database(t)
	s, enter, route := reporting(t)
	idle, busy, waits, session := enter(1), enter(1), enter(1), enter(0)
	idle.must("SET search_path = elsewhere")
	session.is("a session", s.db.Name)
	busy.must("BEGIN")
	busy.is("a transaction", s.db.Name)
	waits.send(pgwire.AppendQuery(nil, whichDatabase))
	s.waiting(t, 1)
	route(pooler.Route{Database: other.Name, MaxSize: 2})
	if a := waits.answer(); strings.Join(a.rows, "") != other.Name {
		t.Errorf("who waited: %+v", a)
	}
	idle.is("who was idle", other.Name)
	if got := idle.must("SHOW search_path"); got != "elsewhere" {
		t.Errorf("its settings stayed behind: %s", got)
	}
	busy.is("a transaction under way", s.db.Name)
	busy.must("COMMIT")
	busy.is("who was in a transaction", other.Name)
	session.is("who keeps a server", s.db.Name)
	enter(0).is("a new client", other.Name)
	pools := func(n int) func() bool {
		return func() bool {
			left := n
			for _, p := range s.pooler.Status().Pools {
				if p.Database == "reports" {
					left--
				}
			}
			return left == 0
		}
	}
	eventually(t, "the pool that nobody has a server of is gone", pools(3))
	_ = session.conn.Close()
	eventually(t, "the last old pool is gone with its last client", pools(2))
	if row := find(t, show(t, s.console(t), "DATABASES"), "name", "reports"); row["database"] != other.Name || row["pool_size"] != int32(2) {
		t.Errorf("SHOW DATABASES: %v", row)
	}
}

// Trap 19: a route may come to have several hosts, and may go; another may come.
func TestAReloadAddsAndRemovesRoutes(t *testing.T) {
	t.Parallel()
	s, reload := setup{change: func(c *pooler.Config, pg *postgres.Config) {
		c.Routes = map[string]pooler.Route{"reports": {Database: pg.Name}}
	}}.reloader(t)
	s.super(t, "GRANT pg_monitor TO "+s.role())
	route := func(name string, r pooler.Route) {
		t.Helper()
		reload(func(c *pooler.Config, _ *postgres.Config) { c.Routes = map[string]pooler.Route{name: r} })
	}
	idle, err := s.inDatabase(t, 1, "reports")
	if err != nil {
		t.Fatal(err)
	}
	idle.is("a client", s.db.Name)
	route("reports", pooler.Route{Hosts: []string{socketOf(s.db.Server), "127.0.0.1:1"}, Database: s.db.Name})
	idle.is("a client of a route with two hosts", s.db.Name)
	route("fresh", pooler.Route{Database: s.db.Name})
	w, err := s.inDatabase(t, 1, "fresh")
	if err != nil {
		t.Fatal(err)
	}
	w.is("a client of a new route", s.db.Name)
	if a := idle.query("SELECT 1"); a.code() != "3D000" {
		t.Errorf("a client of a route that is gone: %+v", a)
	}
	if _, err := s.inDatabase(t, 0, "reports"); err == nil || !strings.Contains(err.Error(), "3D000") {
		t.Errorf("a log-in by a route that is gone: %v", err)
	}
	s.wire(t, 1).must("SELECT 1")
}

// Readers leave the replicas of a route that has none any more: those who read them, and those who wait for one.
func TestAReloadTakesReplicasFromARoute(t *testing.T) {
	t.Parallel()
	var c pooler.Config
	var pg postgres.Config
	f := herd(t, 1, func(given *pooler.Config, db *postgres.Config) {
		given.Endpoints[strict].Timeout = unit.Duration(5 * time.Second)
		c, pg = *given, *db
	})
	route := func(hosts ...string) {
		t.Helper()
		c.Routes = map[string]pooler.Route{"reports": {Hosts: hosts, Database: f.db.Name}}
		if err := f.pooler.Reload(c, pg); err != nil {
			t.Fatal(err)
		}
	}
	enter := func(endpoint int) *wire {
		t.Helper()
		w, err := f.inDatabase(t, endpoint, "reports")
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	route(socketOf(f.primary), socketOf(f.replicas[0]))
	reader, waits := enter(readers), enter(strict)
	for _, w := range []*wire{reader, waits} {
		if got := w.must(isReplica); got != "t" {
			t.Errorf("a route with a replica: %s", got)
		}
	}
	waits.must("SET holdfast.min_lsn = 'FFFFFF/0'")
	waits.send(pgwire.AppendQuery(nil, isReplica))
	route(socketOf(f.primary))
	if got := reader.must(isReplica); got != "f" {
		t.Errorf("a route without replicas: %s", got)
	}
	if a := waits.answer(); strings.Join(a.rows, "") != "f" {
		t.Errorf("who waited for a replica: %+v", a)
	}
	route(socketOf(f.primary), socketOf(f.replicas[0]))
	if got := reader.must(isReplica); got != "t" {
		t.Errorf("a route with a replica again: %s", got)
	}
	if got := enter(readers).must(isReplica); got != "t" {
		t.Errorf("a new client of it: %s", got)
	}
}
