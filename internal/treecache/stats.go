package treecache

import "sync/atomic"

// counters are those of a cache since it was opened.
type counters struct {
	warm, cold, failed              atomic.Int64
	downloads, bytes                atomic.Int64
	views, chunks, objects, evicted atomic.Int64
}

func (n *counters) ensured(warm bool, err error) {
	switch {
	case err != nil:
		n.failed.Add(1)
	case warm:
		n.warm.Add(1)
	default:
		n.cold.Add(1)
	}
}

func (n *counters) loaded(bytes int64) {
	n.downloads.Add(1)
	n.bytes.Add(bytes)
}

// Stats is a moment of a cache: the use of the root by all processes, and counters of this one.
type Stats struct {
	Bytes, Inodes                 int64 // used, trash included
	ReservedBytes, ReservedInodes int64 // on top of that, in flight
	Limits                        Limits
	Processes                     int   // that use the root
	Views, Leases                 int   // in use by this process
	Era                           int64 // grows with each unclean boot
	Warm, Cold, Failed            int64 // calls of Ensure
	Downloads, DownloadedBytes    int64
	DroppedViews                  int64 // superseded or empty ones
	EvictedChunks, EvictedObjects int64
	EvictedBytes                  int64
	Finding                       string // what went wrong in the background last; "" when nothing
}

// Stats returns what the cache holds and did.
func (c *Cache) Stats() Stats {
	n := &c.count
	s := Stats{
		Limits: c.o.Limits,
		Warm:   n.warm.Load(), Cold: n.cold.Load(), Failed: n.failed.Load(),
		Downloads: n.downloads.Load(), DownloadedBytes: n.bytes.Load(),
		DroppedViews: n.views.Load(), EvictedChunks: n.chunks.Load(), EvictedObjects: n.objects.Load(), EvictedBytes: n.evicted.Load(),
	}
	p := c.live.Load()
	if p == nil || !p.admit() {
		return s
	}
	defer p.ops.Done()
	p.addTo(&s)
	return s
}

func (p *process) addTo(s *Stats) {
	p.mu.Lock()
	s.Finding = p.finding
	seen := map[View]bool{}
	for h := range p.held {
		if h.leases > 0 {
			s.Leases += h.leases
			seen[h.view] = true
		}
	}
	p.mu.Unlock()
	s.Views = len(seen)
	l, err := p.ledger.read()
	if err != nil {
		s.Finding = err.Error()
		return
	}
	held := l.total().minus(l.Used)
	s.Bytes, s.Inodes, s.Era = l.Used.Bytes, l.Used.Inodes, l.Era
	s.ReservedBytes, s.ReservedInodes = held.Bytes, held.Inodes
	for _, slot := range l.Slots {
		if slot.Live {
			s.Processes++
		}
	}
}
