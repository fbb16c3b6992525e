package pooler

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/pgauth"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
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

// C-01: a role that comes past the pooler counts once for all processes, when it has a limit of its own.
func TestTheSumCountsThoseWhoComePastThePooler(t *testing.T) {
	t.Parallel()
	c, db := DefaultConfig(), postgres.DefaultConfig()
	db.Name, db.Username = "journal", "journal"
	db.Options.Pool.MinSize, db.Options.Pool.MaxSize = 5, 15
	c.Peers = []Peer{{ID: 1}, {ID: 2, Address: "10.0.0.2:6432"}}
	c.Endpoints = []Endpoint{{Listen: "a:1"}, {Mode: "direct", MaxSize: 40, Class: "web"}, {Mode: "direct", Username: "reports", MaxSize: 3}}
	c.Limits = map[string]Limit{"web": {StatementTimeout: unit.Duration(5 * time.Second)}}
	const want = "2 processes × (15 for endpoint a:1 + 8 for Holdfast (database.max_connections)) + 40 for the application, direct + 3 for the role reports, direct = 89"
	if got := c.Demand(db).String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// The role that Holdfast shares with the application has room for both, and for what stands outside of the sum.
	limits := c.RoleLimits(db)
	if len(limits) != 2 || limits[0].Connections != 89+postgres.ConnectionReserve || limits[1].Connections != 3 || limits[1].Role != "reports" {
		t.Errorf("got %+v", limits)
	}
	if got := strings.Join(limits[0].Words(), ", "); got != "statement_timeout = 5000ms, connection limit = 101" {
		t.Errorf("got %s", got)
	}
	c.Pooler = false
	if limits := c.RoleLimits(db); len(limits) != 0 {
		t.Errorf("a direct way of which nothing is said has no limits: %+v", limits)
	}
}

// C-01: what a direct endpoint cannot have is refused, setting by setting.
func TestADirectEndpointHasNoListenerAndNoPool(t *testing.T) {
	t.Parallel()
	f := func(want string, endpoints ...Endpoint) {
		t.Helper()
		c := DefaultConfig()
		c.Endpoints = endpoints
		var keys []string
		for _, p := range c.Validate() {
			keys = append(keys, p.Key)
		}
		slices.Sort(keys)
		if got := strings.Join(keys, " "); got != want {
			t.Errorf("%+v: got %q, want %q", endpoints, got, want)
		}
	}
	direct := Endpoint{Mode: ModeDirect}
	f("", direct)
	f("", direct, Endpoint{Listen: "127.0.0.1:6432"}, Endpoint{Mode: ModeDirect, Username: "reports", MaxSize: 3})
	f("endpoints[0].listen endpoints[0].min_size endpoints[0].timeout endpoints[0].tls",
		Endpoint{Mode: ModeDirect, Listen: "127.0.0.1:6432", TLS: "require", MinSize: 2, Timeout: 5})
	f("endpoints[0].target", Endpoint{Mode: ModeDirect, Target: TargetReplica})
	f("endpoints[0].max_size", Endpoint{Mode: ModeDirect, MaxSize: -1})
	f("endpoints[0].class", Endpoint{Mode: ModeDirect, Class: "nowhere"})
	f("endpoints[1].username", direct, direct)
	f("endpoints[0].mode", Endpoint{Listen: "127.0.0.1:6432", Class: "web"})
	f("endpoints[0].mode", Endpoint{Listen: "127.0.0.1:6432", Mode: "straight"})
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
	if d := c.Doors(); len(d) != 0 {
		t.Errorf("got %+v", d)
	}
	if d := c.Direct(); len(d) != 1 {
		t.Errorf("a pooler that is switched off leaves the direct way: %+v", d)
	}
	c.Pooler, c.Endpoints = true, []Endpoint{{Mode: ModeDirect}, {Listen: "127.0.0.1:1"}}
	if d := c.Doors(); len(d) != 1 || d[0].Listen != "127.0.0.1:1" || len(c.Direct()) != 1 {
		t.Errorf("got %+v and %+v", d, c.Direct())
	}
}
