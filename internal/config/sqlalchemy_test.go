package config

import (
	"strings"
	"testing"
	"time"
)

// S1-08, S1-10, S1-11: the engine options of the guide paste in, as numbers for the one pool that all processes share.
func TestNamesOfSQLAlchemyAreAliases(t *testing.T) {
	t.Parallel()
	c := oneFile(t, "[database.options.pool]\npool_recycle = 300\npool_pre_ping = true\npool_size = 20\nmax_overflow = 10\npool_timeout = 7\n"+key).mustLoad(t)
	if p := c.Database.Options.Pool; p.MaxSize != 30 || p.MaxLifetime.D() != 5*time.Minute || p.Timeout.D() != 7*time.Second {
		t.Errorf("pool is %+v", p)
	}
	if o := c.Origin("database.options.pool.max_size"); o.Line != 4 {
		t.Errorf("max_size comes from %s, want line 4", o)
	}
	c = oneFile(t, "[database.options.pool]\nrecycle = -1\npool_size = 12\n"+key).mustLoad(t)
	if p := c.Database.Options.Pool; p.MaxSize != 12 || p.MaxLifetime != 0 {
		t.Errorf("pool is %+v", p)
	}
}

func TestMistakesInNamesOfSQLAlchemyAreTold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"pool_size = 20\nmax_size = 30":        "database.options.pool.pool_size: is set besides database.options.pool.max_size",
		"max_overflow = 10":                    "database.options.pool.max_overflow: it is added to pool_size",
		"pool_size = 20\nmax_overflow = -1":    "database.options.pool.max_overflow: -1 is not a number of connections",
		"pool_size = 0":                        "database.options.pool.pool_size: 0 is not a number of connections",
		"pool_pre_ping = false":                "always checked",
		"pool_recycle = \"soon\"":              "database.options.pool.pool_recycle: soon is not a number of seconds",
		"recycle = 300\nmax_lifetime = \"5m\"": "database.options.pool.recycle: is set besides database.options.pool.max_lifetime",
	} {
		_, err := oneFile(t, "[database.options.pool]\n"+text+"\n"+key).load()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngave %v\nwant %s", text, err, want)
		}
	}
}
