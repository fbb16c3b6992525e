package pooler

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/pool"
)

// Meters are the pooler's numbers for Prometheus. Those that change with every transaction are kept by the pools themselves
// and collected when somebody asks.
type Meters struct {
	waits    prometheus.Histogram
	logins   *prometheus.CounterVec
	errors   *prometheus.CounterVec
	cancels  *prometheus.CounterVec
	lost     prometheus.Counter
	desynced prometheus.Counter
}

// NewMeters registers the numbers; nil registers none.
func NewMeters(r prometheus.Registerer) *Meters {
	m := &Meters{
		waits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "holdfast_pooler_wait_seconds", Help: "How long requests waited for a server connection when they had to.",
			Buckets: []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
		}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_pooler_logins_total", Help: "Log-ins by outcome.",
		}, []string{"outcome"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_pooler_refusals_total", Help: "Requests that got no server connection, by code.",
		}, []string{"code"}),
		cancels: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_pooler_cancels_total", Help: "Cancel requests by what they met.",
		}, []string{"met"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_pooler_servers_lost_total", Help: "Server connections that broke while a client used them.",
		}),
		desynced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_pooler_out_of_step_total", Help: "Answers that nobody asked for; always 0 unless there is a bug.",
		}),
	}
	if r != nil {
		r.MustRegister(m.waits, m.logins, m.errors, m.cancels, m.lost, m.desynced)
	}
	return m
}

func (m *Meters) wait(d time.Duration)  { m.waits.Observe(d.Seconds()) }
func (m *Meters) loginFailed()          { m.logins.WithLabelValues("refused").Inc() }
func (m *Meters) loggedIn()             { m.logins.WithLabelValues("ok").Inc() }
func (m *Meters) cancelled(what string) { m.cancels.WithLabelValues(what).Inc() }
func (m *Meters) serverLost()           { m.lost.Inc() }
func (m *Meters) outOfStep()            { m.desynced.Inc() }

func (m *Meters) refused(err error) {
	code := "other"
	if e := (*pool.Error)(nil); errors.As(err, &e) {
		code = string(e.Code)
	}
	m.errors.WithLabelValues(code).Inc()
}

// totals are what the clients of one group did. They only grow.
type totals struct {
	transactions, queries      atomic.Uint64
	parses, serverParses       atomic.Uint64
	binds, errors              atomic.Uint64
	received, sent             atomic.Uint64 // bytes from and to clients
	assignments                atomic.Uint64
	transactionTime, queryTime atomic.Int64 // nanoseconds
	logins                     atomic.Uint64
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
	t.transactions.Add(now.Transactions - was.Transactions)
	t.queries.Add(now.Queries - was.Queries)
	if now.Parses != was.Parses || now.Binds != was.Binds || now.ServerParses != was.ServerParses {
		t.parses.Add(now.Parses - was.Parses)
		t.serverParses.Add(now.ServerParses - was.ServerParses)
		t.binds.Add(now.Binds - was.Binds)
	}
	if now.Errors != was.Errors {
		t.errors.Add(now.Errors - was.Errors)
	}
	if r := s.group.route; now.Writes != was.Writes && r.locator != nil {
		r.locator.wrote(s.who.person, s.worker.loop.Now())
	}
	if now.Transactions != was.Transactions {
		t.transactionTime.Add(int64(s.worker.loop.Now().Sub(s.asked)))
	}
}
