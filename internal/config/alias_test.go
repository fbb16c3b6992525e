package config

import (
	"strings"
	"testing"
	"time"
)

// The names that administrators of PgBouncer know are settings, with PgBouncer's way to write values.
func TestNamesOfPgBouncerAreAliases(t *testing.T) {
	t.Parallel()
	s := oneFile(t, `
[database]
host = "db.local"
name = "journal"
username = "journal"
default_pool_size = 40
server_lifetime = 3600
max_client_conn = 500
admin_users = "ann, ben"
pool_mode = "transaction"
tcp_keepidle = 25
tcp_user_timeout = 1500
[database.options.pool]
min_pool_size = 7
[[database.endpoints]]
listen = "127.0.0.1:7001"
query_wait_timeout = "2.5"
default_pool_size = 12
[[database.endpoints]]
listen = "127.0.0.1:7002"
mode = "session"
`+key)
	s.env = []string{"HOLDFAST_DATABASE__SERVER_IDLE_TIMEOUT=90"}
	c := s.mustLoad(t)
	pool, endpoints := c.Database.Options.Pool, c.Database.Pooling.Endpoints
	if pool.MaxSize != 40 || pool.MinSize != 7 || pool.MaxLifetime.D() != time.Hour || pool.MaxIdle.D() != 90*time.Second {
		t.Errorf("pool is %+v", pool)
	}
	if c.Database.Pooling.MaxClients != 500 || strings.Join(c.Database.Pooling.Admins, " ") != "ann ben" {
		t.Errorf("max_clients %d, admins %q", c.Database.Pooling.MaxClients, c.Database.Pooling.Admins)
	}
	if p := c.Database.Pooling; p.KeepAlive.D() != 25*time.Second || p.UserTimeout.D() != 1500*time.Millisecond {
		t.Errorf("keepalive %v, user_timeout %v", p.KeepAlive, p.UserTimeout)
	}
	if e := endpoints[0]; e.Mode != "transaction" || e.MaxSize != 12 || e.Timeout.D() != 2500*time.Millisecond {
		t.Errorf("first endpoint is %+v", e)
	}
	if e := endpoints[1]; e.Mode != "session" || e.MaxSize != 0 {
		t.Errorf("second endpoint is %+v: what it says itself is stronger", e)
	}
	if o := c.Origin("database.options.pool.max_size"); o.Line != 6 {
		t.Errorf("max_size comes from %s, want line 6", o)
	}
}

func TestMistakesInNamesOfPgBouncerAreToldByTheNameThatWasWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"default_pool_size = 3\noptions.pool.max_size = 4": "database.default_pool_size: is set besides database.options.pool.max_size",
		"server_lifetime = \"soon\"":                       `database.server_lifetime: "soon" is not a number of seconds`,
		"pool_mode = \"transaction\"":                      "database.pool_mode: it is said of endpoints, and none is written",
		"reserve_pool_timeout = 3":                         "database.reserve_pool_timeout: no such key",
		"[[database.endpoints]]\nlisten = \"127.0.0.1:1\"\nmode = \"session\"\npool_mode = \"session\"": "is set besides database.endpoints[0].mode",
	} {
		_, err := oneFile(t, "[database]\n"+text+"\n"+key).load()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngave %v\nwant %s", text, err, want)
		}
	}
}
