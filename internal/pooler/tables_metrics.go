package pooler

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/metrics"
	"holdfast/internal/pool"
)

// maxSeries is how many pairs of a database and a user have numbers of their own; those of all others are added up under
// "other" and "other".
const maxSeries = 100

// groupMeters collects the numbers of all pools when somebody asks for them. Pools of classes and of replicas are added up.
type groupMeters struct {
	pooler atomic.Pointer[Pooler] // nil: none yet
	bound  *metrics.Bound
	counts []countMeter
	times  []timeMeter
	used   *prometheus.Desc // servers by state
	size   *prometheus.Desc
	who    *prometheus.Desc // clients by state
	closed *prometheus.Desc
}

// countMeter is a number that only grows.
type countMeter struct {
	desc *prometheus.Desc
	get  func(*tally) float64
}

// timeMeter is a histogram.
type timeMeter struct {
	desc *prometheus.Desc
	get  func(*tally) *times
}

// pair is what series are told apart by.
type pair struct{ endpoint, database, user string }

// tally is the sum of the numbers of some groups.
type tally struct {
	transactions, queries, errors, received, sent, pins, logins float64
	parses, serverParses, binds, lent, waited, waitTime         float64
	transactionTimes, queryTimes                                times
	servers, clients, closed                                    map[string]float64 // by state, or reason
	maxServers                                                  float64
}

// times is a histogram that was read.
type times struct {
	counts [len(edges) + 1]uint64
	sum    float64 // seconds
}

func newGroupMeters() *groupMeters {
	labels := []string{"endpoint", "database", "user"}
	desc := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc("holdfast_pooler_"+name, help, append(labels[:len(labels):len(labels)], more...), nil)
	}
	count := func(name, help string, get func(*tally) float64) countMeter { return countMeter{desc(name, help), get} }
	return &groupMeters{
		bound: metrics.NewBound(maxSeries),
		counts: []countMeter{
			count("transactions_total", "Transactions that clients ended.", func(t *tally) float64 { return t.transactions }),
			count("queries_total", "Queries of clients.", func(t *tally) float64 { return t.queries }),
			count("errors_total", "Errors that clients got.", func(t *tally) float64 { return t.errors }),
			count("received_bytes_total", "Bytes that clients sent.", func(t *tally) float64 { return t.received }),
			count("sent_bytes_total", "Bytes that clients were sent.", func(t *tally) float64 { return t.sent }),
			count("pins_total", "How often a client in transaction mode kept its server beyond a transaction.", func(t *tally) float64 { return t.pins }),
			count("sessions_total", "Clients that logged in.", func(t *tally) float64 { return t.logins }),
			count("parses_total", "Statements that clients prepared.", func(t *tally) float64 { return t.parses }),
			count("server_parses_total", "Statements that servers were given to prepare.", func(t *tally) float64 { return t.serverParses }),
			count("binds_total", "How often clients bound a prepared statement.", func(t *tally) float64 { return t.binds }),
			count("assignments_total", "How often a server was lent.", func(t *tally) float64 { return t.lent }),
			count("waits_total", "Requests that had to wait for a server.", func(t *tally) float64 { return t.waited }),
			count("wait_seconds_total", "How long requests waited for a server, together.", func(t *tally) float64 { return t.waitTime }),
		},
		times: []timeMeter{
			{desc("transaction_seconds", "Times of transactions, waits for a server not included."), func(t *tally) *times { return &t.transactionTimes }},
			{desc("query_seconds", "Times from a query to the end of its answer, waits for a server not included."), func(t *tally) *times { return &t.queryTimes }},
		},
		used:   desc("servers", "Server connections by state.", "state"),
		size:   desc("servers_max", "Server connections that there may be."),
		who:    desc("clients", "Clients by state.", "state"),
		closed: desc("servers_closed_total", "Server connections that were closed, by the reason why.", "reason"),
	}
}

// of says whose numbers they are.
func (m *Meters) of(p *Pooler) { m.groups.pooler.Store(p) }

// Describe implements prometheus.Collector.
func (m *groupMeters) Describe(to chan<- *prometheus.Desc) {
	for _, c := range m.counts {
		to <- c.desc
	}
	for _, t := range m.times {
		to <- t.desc
	}
	to <- m.used
	to <- m.size
	to <- m.who
	to <- m.closed
}

// Collect implements prometheus.Collector.
func (m *groupMeters) Collect(to chan<- prometheus.Metric) {
	p := m.pooler.Load()
	if p == nil {
		return
	}
	all := map[pair]*tally{}
	for _, g := range p.pools("") {
		k := m.pairOf(g)
		if all[k] == nil {
			all[k] = &tally{servers: map[string]float64{}, clients: map[string]float64{}, closed: map[string]float64{}}
		}
		all[k].add(g)
	}
	for k, t := range all {
		m.show(to, k, t)
	}
}

// pairOf returns the series of a group.
func (m *groupMeters) pairOf(g *group) pair {
	k := pair{g.front.name, g.key.database, g.key.user}
	if m.bound.Value(k.database+"\n"+k.user) == metrics.Other {
		k.database, k.user = metrics.Other, metrics.Other
	}
	return k
}

func (m *groupMeters) show(to chan<- prometheus.Metric, k pair, t *tally) {
	labels := []string{k.endpoint, k.database, k.user}
	for _, c := range m.counts {
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, c.get(t), labels...)
	}
	for _, h := range m.times {
		one := h.get(t)
		below, all := one.cumulated()
		to <- prometheus.MustNewConstHistogram(h.desc, all, one.sum, below, labels...)
	}
	by := func(desc *prometheus.Desc, kind prometheus.ValueType, values map[string]float64) {
		for name, v := range values {
			to <- prometheus.MustNewConstMetric(desc, kind, v, append(labels[:3:3], name)...)
		}
	}
	by(m.used, prometheus.GaugeValue, t.servers)
	by(m.who, prometheus.GaugeValue, t.clients)
	by(m.closed, prometheus.CounterValue, t.closed)
	to <- prometheus.MustNewConstMetric(m.size, prometheus.GaugeValue, t.maxServers, labels...)
}

// add adds the numbers of a group.
func (t *tally) add(g *group) {
	n := func(v *atomic.Uint64) float64 { return float64(v.Load()) }
	stats, s := g.pool.Stats(), &g.totals
	t.transactions += n(&s.transactions)
	t.queries += n(&s.queries)
	t.errors += n(&s.errors)
	t.received += n(&s.received)
	t.sent += n(&s.sent)
	t.pins += n(&s.pins)
	t.logins += n(&s.logins)
	t.parses += n(&s.parses)
	t.serverParses += n(&s.serverParses)
	t.binds += n(&s.binds)
	t.lent += float64(stats.Lent)
	t.waited += float64(stats.Waited)
	t.waitTime += stats.WaitTime.Seconds()
	t.transactionTimes.add(&s.transactionTimes)
	t.queryTimes.add(&s.queryTimes)
	linked, clients := float64(g.linked.Load()), float64(g.clients.Load())
	t.clients["active"] += linked
	t.clients["waiting"] += float64(stats.Waiting)
	t.clients["idle"] += max(0, clients-linked-float64(stats.Waiting))
	t.clients["pinned"] += float64(g.pinned.Load())
	t.servers["active"] += float64(stats.Active)
	t.servers["idle"] += float64(stats.Idle + stats.Used)
	t.servers["opening"] += float64(stats.Opening)
	t.servers["checking"] += float64(stats.Checking + stats.Resetting)
	t.maxServers += float64(stats.MaxSize)
	for reason, n := range stats.Closed {
		t.closed[reasonName(reason)] += float64(n)
	}
}

func (t *times) add(h *histogram) {
	for i := range h.counts {
		t.counts[i] += h.counts[i].Load()
	}
	t.sum += time.Duration(h.sum.Load()).Seconds()
}

// cumulated returns how many were at most as long as each edge, in seconds, and how many there were.
func (t *times) cumulated() (below map[float64]uint64, all uint64) {
	below = make(map[float64]uint64, len(edges))
	for i, n := range t.counts {
		all += n
		if i < len(edges) {
			below[time.Duration(edges[i]).Seconds()] = all
		}
	}
	return below, all
}

func reasonName(i int) string { return pool.Reason(i).String() } //nolint:gosec // few
