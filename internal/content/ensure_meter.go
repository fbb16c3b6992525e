package content

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meters are the numbers of the consuming half that Prometheus sees.
type meters struct {
	ensure *prometheus.HistogramVec
}

// ensureBuckets reach from a call that finds everything to the first touch of a large course, in seconds.
func ensureBuckets() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}
}

// register makes the numbers of a reader known.
func (r *reader) register(to prometheus.Registerer) error {
	r.meters.ensure = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "holdfast_content_ensure_seconds", Help: "Time of calls of ensure, by how they ended: warm, linked (nothing was downloaded), cold, error.",
		Buckets: ensureBuckets(),
	}, []string{"result"})
	if to == nil {
		return nil
	}
	counter := func(name, help string, value func() int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
	}
	gauge := func(name, help string, value func() int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
	}
	for _, c := range []prometheus.Collector{
		r.meters.ensure,
		counter("holdfast_content_stale_total", "Answers of ensure that were flagged stale.", r.count.stale.Load),
		counter("holdfast_content_fetches_total", "Requests to the store for indexes and parts.", r.count.fetches.Load),
		counter("holdfast_content_fetched_bytes_total", "Bytes read from the store.", r.count.fetched.Load),
		counter("holdfast_content_prefetched_chunks_total", "Chunks put in place ahead of their use.", r.count.prefetched.Load),
		counter("holdfast_content_files_served_total", "Files given to browsers.", r.count.served.Load),
		counter("holdfast_content_evicted_bytes_total", "Bytes evicted from the cache.", func() int64 { return r.cache.Stats().EvictedBytes }),
		gauge("holdfast_content_cache_bytes", "Bytes that the cache takes on disk.", func() int64 { return r.cache.Stats().Bytes }),
		gauge("holdfast_content_cache_inodes", "Inodes that the cache takes.", func() int64 { return r.cache.Stats().Inodes }),
		gauge("holdfast_content_leases", "Leases held by callers of the API.", func() int64 { return int64(r.leases.count()) }),
		gauge("holdfast_content_stale", "1 while PostgreSQL is silent, so that something may have been published unheard.", r.staleNumber),
		gauge("holdfast_content_desired_machines",
			"Machines that the present load asks for: leases on all of them, on the average of a minute, by content.leases_per_machine; 0 without that.",
			r.machines.desired.Load),
	} {
		if err := to.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) staleNumber() int64 {
	if r.stale() {
		return 1
	}
	return 0
}

// observe counts a call of ensure.
func (r *reader) observe(a EnsureAnswer, err error, took time.Duration) {
	result := "warm"
	switch {
	case err != nil:
		result = "error"
		r.count.failed.Add(1)
	case a.Bytes > 0:
		result = "cold"
		r.count.cold.Add(1)
	case len(a.Cold) > 0:
		result = "linked"
		r.count.warm.Add(1)
	default:
		r.count.warm.Add(1)
	}
	if a.Stale && err == nil {
		r.count.stale.Add(1)
	}
	r.meters.ensure.WithLabelValues(result).Observe(took.Seconds())
}

// baseURL is scheme and host of addresses, "" when they are paths only.
func (c *Content) baseURL() string {
	if c.opts.BaseURL == nil {
		return ""
	}
	return strings.TrimSuffix(c.opts.BaseURL(), "/")
}
