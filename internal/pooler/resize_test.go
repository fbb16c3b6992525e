package pooler_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// Issue 3, "reload": the sizes of an endpoint's pools and its wait, the limits of roles and of routes change under those who are connected,
// and what is shown is what counts. A limit that was not there at the start counts for the pools that are there already.
func TestAReloadChangesSizesAndLimitsInPlace(t *testing.T) {
	t.Parallel()
	s, change := setup{auth: byUser{"postgres"}, change: func(c *pooler.Config, pg *postgres.Config) {
		c.Routes = map[string]pooler.Route{pg.Name: {}}
		c.Endpoints[1].MaxSize, c.Endpoints[1].Timeout = 1, unit.Duration(time.Hour)
		pg.Options.Pool.MinSize, pg.Options.Pool.MaxSize, pg.Options.Pool.Timeout = 0, 9, unit.Duration(time.Second)
	}}.reloader(t)
	reload := func(to func(c *pooler.Config)) {
		t.Helper()
		change(func(c *pooler.Config, _ *postgres.Config) {
			c.Endpoints = slices.Clone(c.Endpoints)
			to(c)
		})
	}
	f := func(endpoint int, in bool) {
		t.Helper()
		wait := unit.Duration(patience) // no longer than a test may take, and short when there is nothing to wait for
		if !in {
			wait = unit.Duration(300 * time.Millisecond)
		}
		change(func(c *pooler.Config, pg *postgres.Config) {
			c.Endpoints = slices.Clone(c.Endpoints)
			c.Endpoints[1].Timeout, pg.Options.Pool.Timeout = wait, wait
		})
		if _, err := s.as(t, endpoint, "ada"); in && err != nil || !in && !isFull(err) {
			t.Errorf("endpoint %d: %v; gets in: %v", endpoint, err, in)
		}
	}
	f(1, true)
	f(1, false)
	reload(func(c *pooler.Config) { c.Endpoints[1].MaxSize = 2 })
	f(1, true)
	f(1, false)
	reload(func(c *pooler.Config) { c.Users = map[string]pooler.User{"postgres": {MaxConnections: 2}} })
	f(0, false)
	reload(func(c *pooler.Config) { c.Users, c.MaxUserConnections = nil, 3 })
	f(0, true)
	f(0, false)
	reload(func(c *pooler.Config) {
		c.MaxUserConnections, c.Routes = 0, map[string]pooler.Route{s.db.Name: {MaxConnections: 4}}
	})
	f(0, true)
	f(0, false)
	admin := dialConsole(t, s.consoleURL(0, s.role(), password))
	database := find(t, show(t, admin, "DATABASES"), "name", s.db.Name)
	size := find(t, show(t, admin, "CONFIG"), "key", "database.endpoints[1].max_size")
	if database["max_connections"] != int32(4) || size["value"] != "2" {
		t.Errorf("shown are %v and %v", database, size)
	}
	reload(func(c *pooler.Config) { c.Routes = map[string]pooler.Route{s.db.Name: {MinSize: 2, MaxSize: 7}} })
	f(0, true)
	var sizes []string
	for _, p := range s.pooler.Status().Pools {
		sizes = append(sizes, fmt.Sprint(p.MaxSize))
	}
	if got := strings.Join(sizes, " "); got != "7 7" && got != "7 7 7" && got != "7 7 7 7" {
		t.Errorf("the pools may have %s connections, want 7 each", got)
	}
}
