package config

import (
	"fmt"
	"strconv"
	"time"

	"holdfast/internal/pgbouncer"
)

// sqlAlchemyNames are settings of SQLAlchemy's QueuePool (its manual, "Connection Pooling") that mean the same as ours, by the
// names that create_engine and SQLALCHEMY_ENGINE_OPTIONS have for them. Times are seconds there.
func sqlAlchemyNames() []pgbouncer.Alias {
	return []pgbouncer.Alias{
		{Name: "pool_recycle", Key: "max_lifetime", Convert: recycleTime},
		{Name: "recycle", Key: "max_lifetime", Convert: recycleTime},
		{Name: "pool_timeout", Key: "timeout", Convert: wholeSeconds},
	}
}

// applySQLAlchemy gives settings in the table [database.options.pool] that have SQLAlchemy's names their own.
func (d *decoder) applySQLAlchemy(root *node) {
	const at = "database.options.pool"
	pool := root.at([]string{"database", "options", "pool"})
	if pool == nil || pool.table == nil {
		return
	}
	for _, a := range sqlAlchemyNames() {
		d.rename(pool, at, a, a.Key)
	}
	if ping := pool.table["pool_pre_ping"]; ping != nil {
		delete(pool.table, "pool_pre_ping")
		if fmt.Sprint(ping.value) != "true" {
			d.problem(join(at, "pool_pre_ping"), ping.origin, "connections that lay idle are always checked before they are lent", "leave it out")
		}
	}
	d.addOverflow(pool, at)
}

// addOverflow makes max_size of pool_size and max_overflow. Without max_overflow nothing is added, where SQLAlchemy adds 10:
// who writes one number means one number.
func (d *decoder) addOverflow(pool *node, at string) {
	size, over := pool.table["pool_size"], pool.table["max_overflow"]
	if size == nil && over == nil {
		return
	}
	sum := 0
	for name, part := range map[string]*node{"pool_size": size, "max_overflow": over} {
		if part == nil {
			continue
		}
		n, err := strconv.Atoi(fmt.Sprint(part.value))
		if err != nil || n < 0 || name == "pool_size" && n == 0 {
			d.problem(join(at, name), part.origin, fmt.Sprintf("%v is not a number of connections", part.value), "a pool has a largest size: see max_size")
			delete(pool.table, name)
			return
		}
		sum += n
	}
	if size == nil {
		d.problem(join(at, "max_overflow"), over.origin, "it is added to pool_size, which is not written", "write max_size, which is both together")
		delete(pool.table, "max_overflow")
		return
	}
	delete(pool.table, "max_overflow")
	d.rename(pool, at, pgbouncer.Alias{Name: "pool_size", Convert: func(string) (any, error) { return int64(sum), nil }}, "max_size")
}

func recycleTime(value string) (any, error) {
	if value == "-1" { // never
		return "0s", nil
	}
	return wholeSeconds(value)
}

func wholeSeconds(value string) (any, error) {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("%s is not a number of seconds", value)
	}
	return (time.Duration(n) * time.Second).String(), nil
}
