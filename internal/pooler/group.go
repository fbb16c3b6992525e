package pooler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"holdfast/internal/backend"
	"holdfast/internal/pgwire"
	"holdfast/internal/pool"
	"holdfast/internal/postgres"
	"holdfast/internal/relay"
	"holdfast/internal/scram"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// groupKey tells pools apart: their servers are logged in as one role, to one database, on one kind of server, with the limits
// of one class.
type groupKey struct {
	endpoint, database, user, class string
	host                            string // of the replica; empty: the primary, wherever it is
	replication                     string // the parameter of that name: such a connection is logged in for one client
	serial                          uint32 // tells those apart
}

func (k groupKey) String() string {
	name := k.database + "/" + k.user
	if k.class != "" {
		name += "/" + k.class
	}
	if k.host != "" {
		name += "/" + k.host
	}
	return name + "@" + k.endpoint
}

// group is one pool and what its servers have in common.
type group struct {
	key    groupKey
	front  *endpoint
	route  *route
	limit  Limit
	pool   *pool.Pool[*server]
	late   bool                  // made while the pooler runs, in place of another
	next   atomic.Pointer[group] // that took its place, because the route of its database changed; nil: none
	linked atomic.Int64
	old    atomic.Bool // its servers refuse to talk about newer protocols
	// clients that would draw from it, and those of them that keep a server beyond their transactions.
	clients, pinned atomic.Int64
	totals          totals

	mu         sync.Mutex // protects the following
	credential scram.Credential
	params     []pgwire.Param            // as its first server reported them
	known      map[string][]pgwire.Param // what servers made of start-up parameters, by their text
	wanted     []pgwire.Param            // with which a replication connection is logged in
	own        *pool.Lease[*server]      // of a replication connection, until its client takes it
	marks      [2]speed                  // of the beginnings of the minute before this one, and of this one
}

// maxKnown is how many combinations of start-up parameters a group remembers.
const maxKnown = 256

// setLimit changes the limits of the group's class. Servers that are open keep theirs until they are replaced.
func (g *group) setLimit(l Limit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = l
}

// limits returns the limits of the group's class.
func (g *group) limits() Limit {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.limit
}

// setCredential notes with what the group's role logs in. The keys of the latest log-in are the ones that are right.
func (g *group) setCredential(c scram.Credential) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.credential = c
}

// setPassword notes that the configuration has another password for the group's role, if it has one.
func (g *group) setPassword(password secret.String) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !password.IsZero() && !g.credential.Password.IsZero() {
		g.credential.Password = password
	}
}

// passwordOf returns the password that the configuration has for a role of the server.
func passwordOf(role string, c Config, db postgres.Config) secret.String {
	if known := c.Auth.ServerUsers[role].Password; !known.IsZero() || role != db.Username {
		return known
	}
	return db.Password
}

func (g *group) login() backend.Login {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := backend.Login{
		User: g.key.user, Database: g.route.databaseFor(g.key.database), Credential: g.credential, Minor: g.minor(), ChannelBinding: g.route.binding,
		Params: append([]pgwire.Param{{Name: "application_name", Value: "holdfast"}}, g.limit.params()...),
	}
	if g.front.config.Target == TargetReplica { // also where the primary answers for want of a replica
		l.Params = append(l.Params, pgwire.Param{Name: "default_transaction_read_only", Value: "on"})
	}
	if g.key.replication != "" {
		l.Replication = g.key.replication
		l.Params = g.wanted
	}
	return l
}

// params are the limits as start-up parameters: so they are the session's defaults, to which RESET and DISCARD lead back.
func (l Limit) params() []pgwire.Param {
	var options []string
	add := func(name string, d unit.Duration) {
		if ms := d.D().Milliseconds(); ms > 0 {
			options = append(options, fmt.Sprintf("-c %s=%d", name, ms))
		}
	}
	add("statement_timeout", l.StatementTimeout)
	add("lock_timeout", l.LockTimeout)
	add("idle_in_transaction_session_timeout", l.IdleInTransactionTimeout)
	if len(options) == 0 {
		return nil
	}
	return []pgwire.Param{{Name: "options", Value: strings.Join(options, " ")}}
}

// open opens one server for the pool.
func (g *group) open(ctx context.Context) (*server, error) {
	p := g.front.pooler
	timeline := g.route.timeline() // at least, of whoever answers
	target, err := g.route.target(ctx, g)
	if err != nil {
		return nil, err
	}
	c := relay.ServerConfig{Registry: p.statements, Params: p.params, Statements: p.tuned.Load().statements}
	s, err := openServer(ctx, p.worker(), target, g.login(), c, p.ids.Add(1))
	if isOld(err) && !g.old.Swap(true) {
		s, err = openServer(ctx, p.worker(), target, g.login(), c, p.ids.Add(1))
	}
	if err != nil {
		g.route.failed(target.Address)
		return nil, err
	}
	s.timeline, s.pooler = timeline, p
	g.mu.Lock()
	g.params = s.backend.Params()
	g.mu.Unlock()
	return s, nil
}

// minor is the version of the protocol to ask servers for.
func (g *group) minor() uint16 {
	if g.old.Load() {
		return 0
	}
	return 2 // long keys for cancel requests
}

// isOld reports whether an error is that of a server that does not negotiate the protocol: PgBouncer before 1.20, for one.
func isOld(err error) bool {
	e := (*backend.Error)(nil)
	return errors.As(err, &e) && (e.SQLSTATE == "08P01" || e.SQLSTATE == "0A000")
}

// reported returns the parameters of the group's servers, asking for one if there was none yet.
func (g *group) reported(ctx context.Context, r pool.Request) ([]pgwire.Param, error) {
	g.mu.Lock()
	params := g.params
	g.mu.Unlock()
	if params != nil {
		return slices.Clone(params), nil
	}
	lease, err := g.pool.Acquire(ctx, r)
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	return slices.Clone(lease.Conn.backend.Params()), nil
}

// try lets a server say what it makes of a client's start-up parameters: their values as it reports them, or its error.
func (g *group) try(ctx context.Context, r pool.Request, probe *relay.Client) ([]pgwire.Param, error) {
	lease, err := g.pool.Acquire(ctx, r)
	if err != nil {
		return nil, err
	}
	srv := lease.Conn
	type outcome struct {
		params []pgwire.Param
		err    error
	}
	done := make(chan outcome, 1)
	posted := srv.post(func() {
		sql := probe.Settle(srv.relay)
		srv.ask(sql, func(err error) {
			if err == nil {
				probe.Attach(srv.relay)
				probe.Detach()
			}
			done <- outcome{slices.Clone(srv.relay.Params().All()), err}
		})
	})
	if !posted {
		lease.Discard()
		return nil, errServerClosed
	}
	select {
	case o := <-done:
		if said := (*refusal)(nil); errors.As(o.err, &said) {
			lease.Release() // the server did nothing of it
			return nil, o.err
		}
		if o.err != nil {
			lease.Discard()
			return nil, o.err
		}
		lease.Release()
		return o.params, nil
	case <-ctx.Done():
		lease.Discard()
		return nil, context.Cause(ctx)
	}
}
