package pooler

import (
	"testing"

	"holdfast/internal/pgauth"
	"holdfast/internal/postgres"
)

// S0-22, S0-29: what may be opened is known before, and written out.
func TestTheSumOfAllPoolsIsWrittenOut(t *testing.T) {
	t.Parallel()
	f := func(want string, change func(*Config)) {
		t.Helper()
		c, db := DefaultConfig(), postgres.DefaultConfig()
		db.Options.Pool.MinSize, db.Options.Pool.MaxSize = 50, 150
		change(&c)
		if got := c.Demand(db).String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	f("150 for endpoint 127.0.0.1:6432 + 8 for Holdfast (database.max_connections) = 158", func(*Config) {})
	f("2 processes × (150 for endpoint 127.0.0.1:6432 + 8 for Holdfast (database.max_connections)) = 316", func(c *Config) {
		c.Peers = []Peer{{ID: 1}, {ID: 2, Address: "10.0.0.2:6432"}}
	})
	f("150 for the application (database.options.pool) + 8 for Holdfast (database.max_connections) = 158", func(c *Config) { c.Pooler = false })
	f("10 for endpoint a:1 + 150 for endpoint b:1 + 8 for Holdfast (database.max_connections) = 168", func(c *Config) {
		c.Endpoints = []Endpoint{{Listen: "a:1", MinSize: 5, MaxSize: 10}, {Listen: "b:1", Target: "replica"}, {Listen: "c:1", Target: "replica", NoReplica: "error"}}
	})
	f("150 for endpoint 127.0.0.1:6432 + 155 for endpoint 127.0.0.1:6432 for class admin + 8 for Holdfast (database.max_connections) = 313", func(c *Config) {
		c.Rules = []pgauth.Rule{{Class: "admin"}, {}}
		c.Limits = map[string]Limit{"admin": {Reserved: 5}}
	})
}

func TestDoorsAreThereWithoutBeingNamed(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	if d := c.Doors(); len(d) != 1 || d[0].Listen != "127.0.0.1:6432" || d[0].Mode != "session" || d[0].Target != "primary" {
		t.Errorf("got %+v", d)
	}
	c.Replicas = []string{"10.0.0.2:5432"}
	if d := c.Doors(); len(d) != 2 || d[1].Target != "replica" || d[1].Mode != "session" {
		t.Errorf("got %+v", d)
	}
	c.Pooler = false
	if d := c.Doors(); d != nil {
		t.Errorf("got %+v", d)
	}
}
