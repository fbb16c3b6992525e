package pooler

import (
	"fmt"
	"maps"
	"slices"

	"holdfast/internal/limit"
	"holdfast/internal/pgauth"
	"holdfast/internal/pool"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// Waits are the waits of clients of PostgreSQL; keys are relative to the table [database]. Of a class whose limits are not set, the
// server's own settings have the last word.
func (c Config) Waits(db postgres.Config) limit.Waits {
	if len(c.Doors()) == 0 {
		return c.classLimits()
	}
	return slices.Concat(c.doorLimits(db), c.outageLimits(db), c.peerLimits(), c.Config.Waits(), c.Audit.Waits().Under("audit"), c.classLimits())
}

// doorLimits are the waits for a connection of a pool, and for room in its queue.
func (c Config) doorLimits(db postgres.Config) limit.Waits {
	pool := db.Options.Pool
	all := limit.Waits{limit.After("a log-in, from the first byte to the first answer", "login_timeout", c.LoginTimeout.D(), "connection closed").At("all endpoints")}
	for i, e := range c.Ways() {
		if e.isDirect() {
			continue
		}
		key, wait, where := "options.pool.timeout", pool.Timeout, "endpoint "+e.Listen
		if e.Timeout > 0 {
			key, wait = fmt.Sprintf("endpoints[%d].timeout", i), e.Timeout
		}
		all = append(all, limit.After("a connection of the pool", key, wait.D(), "53300, pool_timeout").At(where))
		if e.Target == TargetReplica {
			all = append(all, limit.After("a replica that has what was written (holdfast.min_lsn)", key, wait.D(), "57P03").At(where))
		}
	}
	all = append(all, limit.After("clients of a process that another one has taken over from", "takeover_linger", c.TakeoverLinger.D(), "57P01").
		OrAtOnce().At("takeover"))
	queue := limit.Queue("requests that wait for one pool", "options.pool.max_waiting", int64(pool.MaxWaiting), "53300, pool_queue_full")
	if pool.MaxWaiting <= 0 { // whoever waits is connected
		queue = limit.Queue(queue.Name, "max_clients", int64(c.MaxClients), "53300, too many clients")
	}
	return append(all, queue.At("all endpoints"))
}

// outageLimits are the waits for a server that is away, or whose peer vanished.
func (c Config) outageLimits(db postgres.Config) limit.Waits {
	away, key := db.Options.Pool.ReconnectTimeout, "options.pool.reconnect_timeout"
	if away <= 0 {
		away, key = c.Hold, "hold"
	}
	fixed := pool.Defaults("")
	all := limit.Waits{
		limit.After("a primary that is away: restart, failover", key, away.D(), "57P03, pool_down").OrAtOnce(),
		limit.After("a pool that is paused", "hold", c.Hold.D(), "57P03, pool_paused").OrAtOnce(),
		limit.After("a new connection of the pool", "", fixed.OpenTimeout, "57P03, pool_down"),
		limit.After("the check of a connection that was idle", "", fixed.CheckTimeout, "replaced, no error"),
		limit.After("the reset of a connection that was used", "", fixed.ResetTimeout, "replaced, no error"),
		limit.After("the cancelling of a statement", "", cancelTime, "connection dropped"),
		limit.After("the end of a statement whose client is gone", "", farewell, "statement cancelled"),
		limit.After("the other end of a silent connection (4 times keepalive)", "keepalive", probes*c.KeepAlive.D(), "08006"),
		limit.After("the receipt of what was sent", "user_timeout", c.UserTimeout.D(), "08006").OrTheirs("net.ipv4.tcp_retries2 of Linux"),
	}
	return all.At("all endpoints")
}

// probes is how many times keepalive passes until a silent peer is given up: the silence, and three probes.
const probes = 4

func (c Config) peerLimits() limit.Waits {
	if len(c.Peers) == 0 {
		return nil
	}
	return limit.Waits{limit.After("another process that a cancel request is for", "", peerTime, "request dropped").At("peers")}
}

// classLimits are what a statement may wait for, by class.
func (c Config) classLimits() limit.Waits {
	classes := slices.Concat(c.classes(), slices.Collect(maps.Keys(c.Limits)))
	slices.Sort(classes)
	if !c.hasClassless() {
		classes = slices.DeleteFunc(classes, func(class string) bool { return class == "" })
	}
	var all limit.Waits
	for _, class := range slices.Compact(classes) {
		all = append(all, c.Limits[class].waits(class)...)
	}
	return all
}

// hasClassless reports whether people without a class can come in.
func (c Config) hasClassless() bool {
	return len(c.Doors()) > 0 && len(c.Rules) == 0 ||
		slices.ContainsFunc(c.Rules, func(r pgauth.Rule) bool { return r.Class == "" && r.Method != string(pgauth.Reject) }) ||
		slices.ContainsFunc(c.Direct(), func(e Endpoint) bool { return e.Class == "" })
}

// waits are the waits of one class.
func (l Limit) waits(class string) limit.Waits {
	where, table := "class "+class, "limits."+class+"."
	if class == "" {
		where, table = "people without a class", ""
	}
	after := func(name, key string, d unit.Duration, ends string) limit.Wait {
		if table == "" {
			return limit.After(name, "", d.D(), ends).At(where)
		}
		return limit.After(name, table+key, d.D(), ends).At(where)
	}
	all := limit.Waits{
		after("the answer to a statement", "statement_timeout", l.StatementTimeout, "57014").OrTheirs("statement_timeout"),
		after("a lock", "lock_timeout", l.LockTimeout, "55P03").OrTheirs("lock_timeout"),
		after("the next statement of a transaction", "idle_in_transaction_timeout", l.IdleInTransactionTimeout, "25P03").
			OrTheirs("idle_in_transaction_session_timeout"),
	}
	if l.Timeout > 0 {
		all = append(all, after("a connection of the pool", "timeout", l.Timeout, "53300, pool_timeout"))
	}
	return all
}
