package pooler_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// enterAs logs in to a database as the role of the site.
func (s *site) enterAs(t *testing.T, endpoint int, database string) (*wire, error) {
	t.Helper()
	w := s.dial(t, endpoint)
	start := []pgwire.Param{{Name: "user", Value: s.role()}, {Name: "database", Value: database}}
	return w, w.enter(pgwire.AppendStartup(nil, pgwire.Version30, start), password)
}

// S2-16: databases on two servers, one of them a primary with a replica, behind one port.
func TestDatabasesOnSeveralServersBehindOnePort(t *testing.T) {
	t.Parallel()
	other := pgtest.Cluster(t)
	replica := pgtest.Replica(t, other)
	there := other.Database(t)
	s := setup{change: func(c *pooler.Config, pg *postgres.Config) {
		c.Routes = map[string]pooler.Route{
			"archive":  {Hosts: []string{socketOf(other)}, Database: there.Name, MaxConnections: 2},
			"arch*":    {Hosts: []string{socketOf(replica), socketOf(other)}, Database: there.Name},
			pg.Name:    {MaxSize: 3},
			"local_*":  {Database: pg.Name},
			"archived": {Database: pg.Name},
		}
		pg.Options.Pool.Timeout = unit.Duration(time.Second)
	}}.prepare(t)
	there.Exec(t, "CREATE ROLE "+s.role()+" LOGIN", "GRANT ALL ON SCHEMA public TO "+s.role())
	if err := s.pooler.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	here, far := s.super(t, who), ask(t, other, who)
	for database, want := range map[string]struct{ server, name string }{
		s.db.Name:   {here, s.db.Name},
		"archive":   {far, there.Name},
		"archives":  {far, there.Name},
		"archived":  {here, s.db.Name},
		"local_one": {here, s.db.Name},
	} {
		for endpoint := range 2 {
			w, err := s.enterAs(t, endpoint, database)
			if err != nil {
				t.Errorf("%s: %v", database, err)
				continue
			}
			got := w.must("SELECT extract(epoch FROM pg_postmaster_start_time())::text, current_database(), pg_is_in_recovery()")
			if want := fmt.Sprintf("%s|%s|f", epoch(t, s, want.server), want.name); got != want {
				t.Errorf("endpoint %d, %s: %s, want %s", endpoint, database, got, want)
			}
			_ = w.conn.Close()
		}
	}
	var refused *refusedError
	if _, err := s.enterAs(t, 0, "elsewhere"); !errors.As(err, &refused) || refused.Code != "3D000" {
		t.Errorf("an unknown database: %v", err)
	}
	s.limitsARoute(t)
}

// epoch writes a time as the queries above do.
func epoch(t *testing.T, s *site, at string) string {
	t.Helper()
	at, _, _ = strings.Cut(at, " m=")
	parsed, err := time.Parse("2006-01-02 15:04:05.999999 -0700 MST", at)
	if err != nil {
		t.Fatal(err)
	}
	return s.super(t, "SELECT extract(epoch FROM $1::timestamptz)::text", parsed)
}

// limitsARoute checks that max_connections of a route counts both endpoints.
func (s *site) limitsARoute(t *testing.T) {
	t.Helper()
	for endpoint := range 2 {
		w, err := s.enterAs(t, endpoint, "archive")
		if err != nil {
			t.Fatal(err)
		}
		w.must("BEGIN")
	}
	w, err := s.enterAs(t, 1, "archive")
	if err == nil {
		if a := w.query("SELECT 1"); a.code() != "53300" {
			t.Errorf("beyond max_connections: %+v", a)
		}
	} else if refused := (*refusedError)(nil); !errors.As(err, &refused) || refused.Code != "53300" {
		t.Errorf("beyond max_connections: %v", err)
	}
	free, err := s.enterAs(t, 1, s.db.Name)
	if err != nil {
		t.Fatal(err)
	}
	free.must("SELECT 1")
}

// freeAddress returns an address of this machine that was free a moment ago.
func freeAddress(t *testing.T, ip string) string {
	t.Helper()
	l, err := net.Listen("tcp", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Trap 11: a cancel request that the balancer leads to another process finds its query all the same.
func TestTrap11ACancelArrivesAtAnotherProcess(t *testing.T) {
	t.Parallel()
	a, b := freeAddress(t, "127.0.0.1"), freeAddress(t, "127.0.0.1")
	peers := []pooler.Peer{{ID: 1, Address: a}, {ID: 2047, Address: b}}
	start := func(listen string) *site {
		return setup{change: func(c *pooler.Config, _ *postgres.Config) {
			c.Endpoints, c.Peers = []pooler.Endpoint{{Listen: listen, Mode: pooler.ModeTransaction}}, peers
		}}.start(t)
	}
	one, two := start(a), start(b)
	for _, c := range []struct{ has, gets *site }{{one, two}, {two, one}, {one, one}} {
		for _, version := range []pgwire.Version{pgwire.Version30, pgwire.Version32} {
			w, bystander := c.has.dial(t, 0), c.gets.wire(t, 0)
			if err := w.logIn(c.has, version); err != nil {
				t.Fatal(err)
			}
			if int32(w.pid) < 0 { //nolint:gosec // drivers read it as a signed number
				t.Errorf("process id %d", w.pid)
			}
			bystander.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(0.5), 'unharmed'"))
			w.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(60), 'cancel me'"))
			c.has.running(t, "cancel me", 1)
			wrong := append([]byte{w.key[0] + 1}, w.key[1:]...)
			c.gets.cancel(t, 0, w.pid, wrong)
			c.gets.cancel(t, 0, w.pid, w.key)
			if a := w.answer(); a.code() != "57014" {
				t.Errorf("%+v", a)
			}
			if a := bystander.answer(); a.code() != "" {
				t.Errorf("somebody else's query was hit: %+v", a)
			}
		}
	}
	stranger := one.wire(t, 0)
	one.cancel(t, 0, 77<<20|1, stranger.key) // of a process that nobody knows
	stranger.must("SELECT 1")
}

// Trap 11: a cancel request has a hop limit. Two processes that each take the other for number 9 pass one on once, and not in
// circles.
func TestTrap11ACancelDoesNotGoInCircles(t *testing.T) {
	t.Parallel()
	a, b := freeAddress(t, "127.0.0.1"), freeAddress(t, "127.0.0.1")
	start := func(listen, other string, own int) (*site, *prometheus.Registry) {
		seen := prometheus.NewPedanticRegistry()
		return setup{
			change: func(c *pooler.Config, _ *postgres.Config) {
				c.Endpoints = []pooler.Endpoint{{Listen: listen, Mode: pooler.ModeTransaction}}
				c.Peers = []pooler.Peer{{ID: own, Address: listen}, {ID: 9, Address: other}}
			},
			plug: func(o *pooler.Options) { o.Meters = pooler.NewMeters(seen) },
		}.start(t), seen
	}
	one, oneSeen := start(a, b, 1)
	_, twoSeen := start(b, a, 2)
	w := one.wire(t, 0)
	one.cancel(t, 0, 9<<20|1, w.key) // returns when it has been acted on, there as well
	if n := cancels(t, oneSeen, "peer"); n != 1 {
		t.Errorf("the first process passed it on %v times", n)
	}
	if passed, unknown := cancels(t, twoSeen, "peer"), cancels(t, twoSeen, "unknown"); passed != 0 || unknown != 1 {
		t.Errorf("the second process passed it on %v times, and knew nothing of it %v times", passed, unknown)
	}
	if n := cancels(t, oneSeen, "unknown"); n != 0 {
		t.Errorf("it came back %v times", n)
	}
	w.must("SELECT 1")
}

// cancels returns how many cancel requests met that.
func cancels(t *testing.T, r *prometheus.Registry, met string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var n float64
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "holdfast_pooler_cancels_total" && m.GetLabel()[0].GetValue() == met {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}
