package daemon

import (
	"cmp"
	"os"
	"runtime"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/epoll"
	"holdfast/internal/lane"
	"holdfast/internal/pooler"
)

// loops are the event loops of the process.
type loops struct {
	lane, pooler int
	naps         *epoll.Naps
}

// newLoops decides how many event loops there are: one for each processor at the edge, because the copying of large files is work
// that any of them can do, and half as many in the pooler, as package pooler advises. As many as the pooler has may nap, and one of
// the edge's, which is what most traffic needs. So many processors more does Go get, for all others as many as there are.
func newLoops(c pooler.Config) loops {
	n := processors()
	l := loops{lane: n, pooler: cmp.Or(c.Loops, max(1, n/2))}
	naps := l.pooler + 1
	l.naps = epoll.NewNaps(naps)
	runtime.GOMAXPROCS(n + naps)
	return l
}

// processors is how many Go would have: those of the machine, what the container's quota leaves of them, or what the variable says.
func processors() int {
	if n, err := strconv.Atoi(os.Getenv("GOMAXPROCS")); err == nil && n > 0 {
		return n
	}
	runtime.SetDefaultGOMAXPROCS()
	return runtime.GOMAXPROCS(0)
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
		count("holdfast_edge_lane_returned_total", "Connections that came back from net/http to the event loops.",
			func(s lane.Stats) int64 { return s.Returned }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "holdfast_edge_connections", Help: "Connections of the edge without TLS, whoever serves them.",
		}, func() float64 { return float64(stats().Conns) }),
	}
}
