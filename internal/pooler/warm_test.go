package pooler_test

import (
	"maps"
	"strings"
	"testing"

	"holdfast/internal/fault"
	"holdfast/internal/pgauth"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// ready returns how many connections each pool of the application's database has, by its class and host.
func (s *site) ready() map[string]int {
	all := map[string]int{}
	for _, p := range s.pooler.Status().Pools {
		if p.Size > 0 || p.MinSize > 0 {
			all[strings.TrimPrefix(p.Name, s.db.Name+"/"+s.role())] = p.Idle
		}
	}
	return all
}

// has waits until the pools have exactly these connections.
func (s *site) has(t *testing.T, want map[string]int) {
	t.Helper()
	var got map[string]int
	defer func() {
		if t.Failed() {
			t.Logf("they have %v, want %v", got, want)
		}
	}()
	eventually(t, "connections are ready", func() bool {
		got = s.ready()
		return maps.Equal(got, want)
	})
}

// S0-17: right after the start, with no client, the pool that the application will use has its connections: that of the class which the rules give
// its role. No other pool has any, and a reload that gives the role another class takes them along.
func TestThePoolOfTheApplicationsClassIsReadyBeforeItComes(t *testing.T) {
	t.Parallel()
	var c pooler.Config
	var pg postgres.Config
	s := setup{auth: byName{"postgres"}, change: func(given *pooler.Config, db *postgres.Config) {
		given.Rules = []pgauth.Rule{{Users: []string{"nobody"}, Class: "other"}, {Class: "people"}}
		given.Endpoints[1].MinSize = 1
		db.Options.Pool.MinSize, db.Options.Pool.MaxSize = 3, 4
		c, pg = *given, *db
	}}.start(t)
	first := map[string]int{"/people@127.0.0.1:0": 3, "/people@127.0.0.2:0": 1}
	if got := s.ready(); !maps.Equal(got, first) {
		t.Fatalf("after the start: %v, want %v", got, first)
	}
	if n := s.super(t, "SELECT count(*) FROM pg_stat_activity WHERE usename = $1", s.role()); n != "4" {
		t.Errorf("the server has %s sessions of the application's role, want 4", n)
	}
	c.Rules = []pgauth.Rule{{Class: "staff"}}
	pg.Options.Pool.MinSize = 2
	if err := s.pooler.Reload(c, pg); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new class is ready, and of the old one nothing is kept", func() bool {
		sizes := map[string]int{}
		for _, p := range s.pooler.Status().Pools {
			sizes[p.Class] += p.MinSize
		}
		got := s.ready()
		return got["/staff@127.0.0.1:0"] == 2 && got["/staff@127.0.0.2:0"] == 1 && sizes["people"] == 0
	})
}

// S0-17: so has the pool of a further database, if its route says so, and that of each replica, if the endpoint says so.
func TestRoutesAndReplicasAreReadyBeforeTheApplicationComes(t *testing.T) {
	t.Parallel()
	f := herd(t, 1, func(c *pooler.Config, pg *postgres.Config) {
		c.Routes = map[string]pooler.Route{"archive": {Database: pg.Name, MinSize: 2}, "rest": {Database: pg.Name}}
		c.Endpoints = []pooler.Endpoint{c.Endpoints[0], c.Endpoints[2]}
		c.Endpoints[1].MinSize = 3
	})
	replica := "/" + socketOf(f.replicas[0]) + "@127.0.0.3:0"
	f.has(t, map[string]int{
		"@127.0.0.1:0": 1, "archive/" + f.role() + "@127.0.0.1:0": 2, replica: 3, "archive/" + f.role() + replica: 2,
	})
	if got := ask(t, f.replicas[0], "SELECT count(*) FROM pg_stat_activity WHERE usename = '"+f.role()+"' AND application_name = 'holdfast'"); got != "5" {
		t.Errorf("the replica has %s sessions, want 5", got)
	}
}

// What can do nothing is refused.
func TestAPatternHasNoConnectionsBeforehand(t *testing.T) {
	t.Parallel()
	c := pooler.DefaultConfig()
	c.Routes = map[string]pooler.Route{"shop_*": {MinSize: 2}, "archive": {MinSize: 2}}
	if err := c.Validate().Err(); fault.KindOf(err) != fault.Config || strings.Count(err.Error(), "min_size") == 0 || strings.Contains(err.Error(), "archive") {
		t.Errorf("%v", err)
	}
}
