package upstream

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// meter counts for Prometheus. Servers come from the configuration, so their number is bounded.
type meter struct {
	isUp     *prometheus.GaugeVec
	retries  *prometheus.CounterVec
	failures *prometheus.CounterVec
}

func newMeter(r prometheus.Registerer) *meter {
	m := &meter{
		isUp: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "holdfast_upstream_up", Help: "Whether a server of the application is up.",
		}, []string{"server"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_upstream_retries_total", Help: "Requests that went to another server after this one failed.",
		}, []string{"server"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_upstream_failures_total", Help: "Requests that Holdfast answered for the application, by reason.",
		}, []string{"code"}),
	}
	if r != nil {
		m.isUp, m.retries, m.failures = shared(r, m.isUp), shared(r, m.retries), shared(r, m.failures)
	}
	return m
}

// shared registers a collector, or returns the one that another pool registered: servers are told apart by their labels.
func shared[C prometheus.Collector](r prometheus.Registerer, c C) C {
	err := r.Register(c)
	var there prometheus.AlreadyRegisteredError
	if errors.As(err, &there) {
		if other, ok := there.ExistingCollector.(C); ok {
			return other
		}
	}
	if err != nil {
		panic(err) // two different metrics of one name: found by the first test
	}
	return c
}

func (m *meter) up(server string, up bool) {
	value := 0.0
	if up {
		value = 1
	}
	m.isUp.WithLabelValues(server).Set(value)
}

// forget takes a server out that is not there any more.
func (m *meter) forget(server string) {
	m.isUp.DeleteLabelValues(server)
	m.retries.DeleteLabelValues(server)
}

func (m *meter) retry(server string) { m.retries.WithLabelValues(server).Inc() }

func (m *meter) failure(code string) { m.failures.WithLabelValues(code).Inc() }
