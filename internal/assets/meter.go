package assets

import (
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// outcome is how the last build went.
type outcome struct {
	report Report
	err    error
	at     time.Time
}

// meters count answers and builds. The counters of answers are looked up once: serving allocates nothing.
type meters struct {
	answers                                               *prometheus.CounterVec
	whole, partial, unchanged, missing, refused, fromDisk prometheus.Counter
	builds                                                *prometheus.CounterVec
	buildTime                                             prometheus.Gauge
	gauges                                                []prometheus.Collector
}

func newMeters(a *Assets) *meters {
	m := &meters{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_assets_answers_total", Help: "Answers to requests for assets, by what was answered.",
		}, []string{"answer"}),
		builds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_assets_builds_total", Help: "Builds of the assets by this process, by result.",
		}, []string{"result"}),
		buildTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "holdfast_assets_build_seconds", Help: "Time that the last build took.",
		}),
	}
	for name, c := range map[string]*prometheus.Counter{
		"whole": &m.whole, "disk": &m.fromDisk, "range": &m.partial, "not_modified": &m.unchanged, "not_found": &m.missing, "refused": &m.refused,
	} {
		*c = m.answers.WithLabelValues(name)
	}
	for _, g := range []struct {
		name, help string
		value      func(*set) int64
	}{
		{"holdfast_assets_served", "Paths that are answered: logical names, hashed ones, and those of former releases.", func(s *set) int64 { return int64(len(s.resources)) }},
		{"holdfast_assets_retired", "Hashed names of former releases.", func(s *set) int64 { return int64(s.retired) }},
		{"holdfast_assets_memory_bytes", "Bytes of assets held in memory.", func(s *set) int64 { return s.bytes }},
		{"holdfast_assets_damaged", "Assets that are not served because their files are damaged.", func(s *set) int64 { return int64(len(s.damaged)) }},
	} {
		m.gauges = append(m.gauges, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help},
			func() float64 { return float64(g.value(a.set.Load())) }))
	}
	return m
}

func (m *meters) register(r prometheus.Registerer) error {
	var all []error
	for _, c := range append(m.gauges, m.answers, m.builds, m.buildTime) {
		all = append(all, r.Register(c))
	}
	return errors.Join(all...)
}

func (m *meters) count(a *Answer) {
	switch a.Status {
	case http.StatusOK:
		if a.Variant.memory == nil {
			m.fromDisk.Inc()
		} else {
			m.whole.Inc()
		}
	case http.StatusPartialContent:
		m.partial.Inc()
	case http.StatusNotModified:
		m.unchanged.Inc()
	case http.StatusNotFound:
		m.missing.Inc()
	default:
		m.refused.Inc()
	}
}

func (m *meters) built(r Report, err error) {
	result := "ok"
	if err != nil {
		result = "failed"
	}
	m.builds.WithLabelValues(result).Inc()
	m.buildTime.Set(r.Took.Seconds())
}
