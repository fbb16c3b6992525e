package pooler

import (
	"maps"
	"sync/atomic"
	"time"

	"holdfast/internal/console"
)

// totals are what the clients of one group did. They only grow.
type totals struct {
	transactions, queries atomic.Uint64
	parses, serverParses  atomic.Uint64
	binds, errors         atomic.Uint64
	received, sent        atomic.Uint64 // bytes from and to clients
	logins                atomic.Uint64
	pins                  atomic.Uint64
	transactionTimes      histogram
	queryTimes            histogram
}

// histogram counts times. Its last place is for all that are above the highest edge.
type histogram struct {
	counts [len(edges) + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

// edges are the upper bounds of a histogram's places, in nanoseconds: 100 ms is what most requests should stay below (S0-21).
var edges = [...]int64{1e6, 25e5, 5e6, 1e7, 25e6, 5e7, 1e8, 25e7, 5e8, 1e9, 25e8, 1e10} //nolint:gochecknoglobals // a table

// add notes that n things took that long together.
func (h *histogram) add(together time.Duration, n uint64) {
	each, i := int64(together), 0
	if n > 1 {
		each /= int64(n) //nolint:gosec // it is small
	}
	for i < len(edges) && each > edges[i] {
		i++
	}
	h.counts[i].Add(n)
	h.sum.Add(int64(together))
}

// quiet is what a session's server had to do before a message of the client's.
type quiet uint8

const (
	busy    quiet = iota // it owed answers, or there was none
	between              // it was between two queries of a transaction
	idle                 // it was between two transactions
)

func (s *session) quiet() quiet {
	switch {
	case s.server == nil || s.server.relay.Owes() > 0:
		return busy
	case s.server.relay.Settled():
		return idle
	}
	return between
}

// asks notes when a query, and with it perhaps a transaction, begins. The time is that of the loop's round: it costs nothing.
func (s *session) asks(before quiet) {
	if before == busy || s.server.relay.Owes() == 0 {
		return
	}
	s.queried = s.worker.loop.Now()
	if before == idle {
		s.asked = s.queried
	}
}

// answers notes when all that the client has asked is answered.
func (s *session) answers(from *server) {
	if s.queried.IsZero() || from.relay.Owes() > 0 {
		return
	}
	s.group.totals.queryTimes.add(s.worker.loop.Now().Sub(s.queried), 1)
	s.queried = time.Time{}
}

// notePin notes that a server is settled and stays with its client all the same, though clients share servers here.
func (s *session) notePin() {
	switch {
	case s.relay.Pins() == 0:
		s.unpin()
	case s.pinned.IsZero() && s.isShared():
		s.pinned = s.worker.loop.Now()
		s.group.pinned.Add(1)
		s.group.totals.pins.Add(1)
	}
}

func (s *session) unpin() {
	if !s.pinned.IsZero() {
		s.pinned = time.Time{}
		s.group.pinned.Add(-1)
	}
}

// account adds to the group's totals what the session did since it was asked last.
func (s *session) account() {
	now, was, t := s.relay.Counters, s.counted, &s.group.totals
	s.counted = now
	if s.received+s.sent > 0 {
		t.received.Add(s.received)
		t.sent.Add(s.sent)
		s.received, s.sent = 0, 0
	}
	if now == was {
		return
	}
	t.queries.Add(now.Queries - was.Queries)
	if now.Parses != was.Parses || now.Binds != was.Binds || now.ServerParses != was.ServerParses {
		t.parses.Add(now.Parses - was.Parses)
		t.serverParses.Add(now.ServerParses - was.ServerParses)
		t.binds.Add(now.Binds - was.Binds)
	}
	if now.Errors != was.Errors {
		t.errors.Add(now.Errors - was.Errors)
		s.pooler.meters.failed(s.relay.LastError(), now.Errors-was.Errors)
	}
	if n := now.Transactions - was.Transactions; n > 0 {
		t.transactions.Add(n)
		t.transactionTimes.add(s.worker.loop.Now().Sub(s.asked), n)
	}
}

// counters returns what the group did, as the console shows it.
func (g *group) counters() console.Counters {
	t, stats := &g.totals, g.pool.Stats()
	n := func(v *atomic.Uint64) int64 { return int64(v.Load()) } //nolint:gosec // it will not come that far
	return console.Counters{
		ServerAssignments: int64(stats.Lent), //nolint:gosec // nor this
		Transactions:      n(&t.transactions), Queries: n(&t.queries), Received: n(&t.received), Sent: n(&t.sent),
		TransactionTime: time.Duration(t.transactionTimes.sum.Load()), QueryTime: time.Duration(t.queryTimes.sum.Load()),
		WaitTime: stats.WaitTime, ClientParses: n(&t.parses), ServerParses: n(&t.serverParses), Binds: n(&t.binds),
		ClientLogins: n(&t.logins),
	}
}

// totals returns what was done in each database.
func (p *Pooler) totals() map[string]console.Counters {
	p.mu.Lock()
	all := maps.Clone(p.departed)
	p.mu.Unlock()
	for _, g := range p.pools("") {
		all[g.key.database] = all[g.key.database].Add(g.counters())
	}
	return all
}
