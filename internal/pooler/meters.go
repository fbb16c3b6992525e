package pooler

import (
	"cmp"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/metrics"
	"holdfast/internal/pool"
)

// Meters are the pooler's numbers for Prometheus. Those that change with every transaction are kept by the pools themselves
// and collected when somebody asks.
type Meters struct {
	waits    *prometheus.HistogramVec
	logins   *prometheus.CounterVec
	errors   *prometheus.CounterVec
	cancels  *prometheus.CounterVec
	lost     prometheus.Counter
	desynced prometheus.Counter
	codes    *prometheus.CounterVec
	known    *metrics.Bound // codes that have numbers of their own: statements can make up their own
	named    *metrics.Bound // databases that have waits of their own: clients name them
	groups   *groupMeters
}

// NewMeters registers the numbers; nil registers none.
func NewMeters(r prometheus.Registerer) *Meters {
	m := &Meters{
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "holdfast_pooler_wait_seconds", Help: "How long requests waited for a server connection when they had to.",
			Buckets: []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
		}, []string{"endpoint", "database"}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_pooler_logins_total", Help: "Log-ins by outcome, and by how the client proved who it is.",
		}, []string{"outcome", "method"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_pooler_refusals_total", Help: "Requests that got no server connection, by code.",
		}, []string{"code"}),
		cancels: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_pooler_cancels_total", Help: "Cancel requests by what they met.",
		}, []string{"met"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_pooler_servers_lost_total", Help: "Server connections that broke while a client used them.",
		}),
		codes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_pooler_errors_by_code_total", Help: "Errors that clients got, by SQLSTATE; of several in one transaction the last one's.",
		}, []string{"code"}),
		known:  metrics.NewBound(maxSeries),
		named:  metrics.NewBound(maxSeries),
		groups: newGroupMeters(),
		desynced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "holdfast_pooler_out_of_step_total", Help: "Answers that nobody asked for; always 0 unless there is a bug.",
		}),
	}
	if r != nil {
		r.MustRegister(m.waits, m.logins, m.errors, m.cancels, m.lost, m.desynced, m.codes, m.groups)
	}
	return m
}

// waitsOf returns what counts the waits for a pool: those of replicas and of the primary are told apart by the endpoint (S2-14). A pool
// that nobody ever waited for has no series.
func (m *Meters) waitsOf(k groupKey) func(time.Duration) {
	return func(d time.Duration) {
		m.waits.WithLabelValues(k.endpoint, m.named.Value(k.database)).Observe(d.Seconds())
	}
}

func (m *Meters) loginFailed(method string) {
	m.logins.WithLabelValues("refused", cmp.Or(method, "none")).Inc()
}

func (m *Meters) loggedIn(method string) {
	m.logins.WithLabelValues("ok", cmp.Or(method, "none")).Inc()
}
func (m *Meters) cancelled(what string) { m.cancels.WithLabelValues(what).Inc() }
func (m *Meters) serverLost()           { m.lost.Inc() }
func (m *Meters) outOfStep()            { m.desynced.Inc() }

// failed counts errors of clients.
func (m *Meters) failed(code string, n uint64) {
	m.codes.WithLabelValues(m.known.Value(code)).Add(float64(n))
}

func (m *Meters) refused(err error) {
	code := "other"
	if e := (*pool.Error)(nil); errors.As(err, &e) {
		code = string(e.Code)
	}
	m.errors.WithLabelValues(code).Inc()
}
