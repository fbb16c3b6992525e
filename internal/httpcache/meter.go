package httpcache

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/cache"
)

// meter counts for people and for Prometheus.
type meter struct {
	requests map[Result]*counter
}

type counter struct {
	n    atomic.Int64
	prom prometheus.Counter
}

func newMeter(r prometheus.Registerer, c *Cache) *meter {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "holdfast_page_cache_requests_total", Help: "Requests for the application, by what the page cache did.",
	}, []string{"result"})
	m := &meter{requests: map[Result]*counter{}}
	for _, result := range results() {
		m.requests[result] = &counter{prom: vec.WithLabelValues(string(result))}
	}
	if r == nil {
		return m
	}
	gauge := func(name, help string, value func(Stats) int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value(c.Stats())) })
	}
	r.MustRegister(
		vec,
		gauge("holdfast_page_cache_memory_bytes", "Memory of stored answers.", func(s Stats) int64 { return s.Memory.Bytes }),
		gauge("holdfast_page_cache_memory_entries", "Stored answers in memory.", func(s Stats) int64 { return int64(s.Memory.Entries) }),
		gauge("holdfast_page_cache_disk_bytes", "Disk of stored answers.", func(s Stats) int64 { return s.disk().Bytes }),
		gauge("holdfast_page_cache_disk_entries", "Stored answers on disk.", func(s Stats) int64 { return int64(s.disk().Entries) }),
		gauge("holdfast_page_cache_flights", "Requests to the application for which visitors wait.", func(s Stats) int64 { return int64(s.Flights) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "holdfast_page_cache_evictions_total", Help: "Stored answers that made room for others, in memory and on disk.",
		}, func() float64 { s := c.Stats(); return float64(s.Memory.Evictions + s.disk().Evictions) }),
	)
	return m
}

func (m *meter) count(r Result) {
	m.requests[r].n.Add(1)
	m.requests[r].prom.Inc()
}

// Stats are what the cache holds, and what it did since it was made.
type Stats struct {
	Requests map[Result]int64 `json:"requests"`
	Memory   cache.Stats      `json:"memory"`
	Disk     *cache.DiskStats `json:"disk,omitempty"`
	Flights  int              `json:"flights"` // requests to the application for which visitors wait
	Inflight int64            `json:"inflight_bytes"`
	Rules    []RuleStats      `json:"rules"`
}

// RuleStats are the requests under one rule.
type RuleStats struct {
	Path   string `json:"path"`
	Hits   int64  `json:"hits"`
	Misses int64  `json:"misses"`
	Passes int64  `json:"passes"`
}

func (s Stats) disk() cache.DiskStats {
	if s.Disk == nil {
		return cache.DiskStats{}
	}
	return *s.Disk
}

// Stats returns the numbers.
func (c *Cache) Stats() Stats {
	s := Stats{Requests: map[Result]int64{}, Memory: c.store.memory.Stats(), Inflight: c.budget.used.Load()}
	for result, of := range c.meter.requests {
		s.Requests[result] = of.n.Load()
	}
	if disk := c.store.files(); disk != nil {
		d := disk.Stats()
		s.Disk = &d
	}
	c.mu.Lock()
	s.Flights = len(c.flying)
	c.mu.Unlock()
	for _, r := range c.settings.Load().rules {
		s.Rules = append(s.Rules, RuleStats{r.path, r.count.hits.Load(), r.count.misses.Load(), r.count.passes.Load()})
	}
	return s
}
