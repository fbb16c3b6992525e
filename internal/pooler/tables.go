package pooler

import (
	"math"
	"time"

	"holdfast/internal/pool"
)

// What sessions and servers hold belongs to their workers. Whoever wants to look at it posts a function there, and waits.

const (
	// lookTime is how long tables wait for workers. One that is that slow is left out of them.
	lookTime = 2 * time.Second
	// lookAtOnce is how many things are looked at in one round of a worker, so that its sockets do not wait for tables.
	lookAtOnce = 256
)

// fold looks at things on the workers that they belong to: on each of them, add puts one after the other into the same
// value. Complete means that all workers answered in time.
func fold[T, R any](things map[*worker][]T, add func(*R, T)) (results []R, complete bool) {
	answers := make(chan R, len(things))
	asked := 0
	for w, all := range things {
		var (
			sum R
			go1 func()
		)
		go1 = func() {
			n := min(len(all), lookAtOnce)
			for _, t := range all[:n] {
				add(&sum, t)
			}
			if all = all[n:]; len(all) == 0 || !w.loop.Post(go1) {
				answers <- sum
			}
		}
		if w.loop.Post(go1) {
			asked++
		}
	}
	limit := time.NewTimer(lookTime)
	defer limit.Stop()
	for range asked {
		select {
		case r := <-answers:
			results = append(results, r)
		case <-limit.C:
			return results, false
		}
	}
	return results, true
}

// sessions returns all sessions by worker: they never change that.
func (p *Pooler) sessions() map[*worker][]*session {
	all := map[*worker][]*session{}
	for _, s := range p.clients.all() {
		all[s.worker] = append(all[s.worker], s)
	}
	return all
}

// leased is a server as its pool sees it.
type leased struct {
	pool.ConnInfo[*server]
	group *group
	at    *worker // the one that it is believed to be on
}

// servers returns all servers by worker. A server may move to another one before it is looked at: see look.
func (p *Pooler) servers() map[*worker][]leased {
	all := map[*worker][]leased{}
	for _, g := range p.pools("") {
		g.pool.Each(func(c pool.ConnInfo[*server]) {
			if c.Conn != nil && c.State != pool.Closing {
				w := c.Conn.worker.Load()
				all[w] = append(all[w], leased{c, g, w})
			}
		})
	}
	return all
}

// look calls f if the server is on this worker, which is the caller's, and alive. One that moves is left out: it is being
// lent at this moment.
func (l leased) look(f func(*server)) {
	if s := l.Conn; s.worker.Load() == l.at && s.watch != nil {
		f(s)
	}
}

// idOf makes an id what drivers read into a signed number of 32 bits. It repeats after two thousand million connections.
func idOf(n uint32) int32 { return int32(n & math.MaxInt32) } //nolint:gosec // the sign is masked
