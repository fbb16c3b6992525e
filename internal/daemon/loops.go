package daemon

import (
	"cmp"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/lane"
)

// laneLoops returns how many event loops the edge shall have: one for each processor, because the copying of large files is
// work that any of them can do. Go's scheduler gets one processor more than there are loops, the pooler's included: a loop that
// sleeps in the kernel keeps one for a while, and all others would wait for Go's monitor to take it away (package epoll). Not
// more than that: idle ones look for work, which others pay for.
func (d *Daemon) laneLoops() int {
	n := runtime.NumCPU()
	if most := n + cmp.Or(d.cfg.Database.Pooling.Loops, max(1, n/2)) + 1; runtime.GOMAXPROCS(0) < most {
		runtime.GOMAXPROCS(most)
	}
	return n
}

// laneMeters show what the edge's lane does; stats are asked when somebody looks.
func laneMeters(stats func() lane.Stats) []prometheus.Collector {
	count := func(name, help string, value func(lane.Stats) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(value(stats())) })
	}
	return []prometheus.Collector{
		count("holdfast_edge_lane_answered_total", "Requests that the edge answered on its event loops.",
			func(s lane.Stats) int64 { return s.Answered }),
		count("holdfast_edge_lane_handed_over_total", "Connections that the event loops handed over to net/http.",
			func(s lane.Stats) int64 { return s.HandedOver }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "holdfast_edge_connections", Help: "Connections of the edge without TLS, whoever serves them.",
		}, func() float64 { return float64(stats().Conns) }),
	}
}
