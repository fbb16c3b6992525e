package pooler

import (
	"context"
	"time"

	"holdfast/internal/lifecycle"
)

// fastEdge is what a fast query takes at most: most are to be (S0-21). It is one of edges.
const fastEdge = int64(100 * time.Millisecond)

// fastPeriod is how often the window of what is told moves on: it is of the last one to two periods.
const fastPeriod = time.Minute

// speed is how many queries were answered, and how many of them within fastEdge.
type speed struct{ all, fast uint64 }

func (a speed) sub(b speed) speed { return speed{a.all - b.all, a.fast - b.fast} }

// speed reads what was counted since the start. A query that is counted meanwhile may be in one number and not yet in the other.
func (h *histogram) speed() (s speed) {
	for i := range h.counts {
		n := h.counts[i].Load()
		s.all += n
		if i < len(edges) && edges[i] <= fastEdge {
			s.fast += n
		}
	}
	return s
}

// recent returns what was answered in the last one to two minutes.
func (g *group) recent() speed {
	now := g.totals.queryTimes.speed()
	g.mu.Lock()
	defer g.mu.Unlock()
	return now.sub(g.marks[0])
}

// mark begins a new minute.
func (g *group) mark() {
	now := g.totals.queryTimes.speed()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.marks = [2]speed{g.marks[1], now}
}

// markMinutes lets each pool begin a new minute until its context ends.
func (p *Pooler) markMinutes(ctx context.Context) {
	lifecycle.Every(ctx, fastPeriod, nil, func(context.Context) {
		for _, g := range p.pools("") {
			g.mark()
		}
	})
}

// FastWanted returns how many of a hundred queries of a class are to be fast; 0: nobody asks.
func (c Config) FastWanted(class string) int {
	return max(0, firstOf(c.Limits[class].FastPercent, c.FastPercent))
}
