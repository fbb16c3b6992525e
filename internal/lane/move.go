package lane

import "sync/atomic"

// large is the length from which a file's bytes are worth a move: copying them costs more than ten times as much.
const large = 256 << 10

// homes are the loops for small answers: half of them, because small answers cost little besides being awake, and few loops
// that are busy are cheaper than many that fall asleep after each request. Copying the bytes of large files is work for all.
func (a *Lane) homes() []*worker { return a.workers[:(len(a.workers)+1)/2] }

// inTurn returns the loops one after the other.
func inTurn(all []*worker, next *atomic.Uint32) *worker {
	return all[int(next.Add(1)-1)%len(all)]
}

// loopFor returns the loop for an answer with so many bytes of a file.
func (c *conn) loopFor(bytes int64) *worker {
	if bytes < large {
		return c.home
	}
	if c.far == nil {
		c.far = inTurn(c.worker.lane.workers, &c.worker.lane.nextFar)
	}
	return c.far
}

// move gives the connection to another loop, with an answer that has not begun. Nobody moves from a loop that drains, and all
// loops are told to before the first of them looks at what it has; so no connection is between two of them then.
func (c *conn) move(to *worker) {
	w := c.worker
	c.state = moving
	c.timer.Stop()
	if c.watch != nil {
		_ = c.watch.Remove()
		c.watch = nil
	}
	w.conns.remove(c)
	w.lane.moved.Add(1)
	to.loop.Post(func() { // it has not ended: Stop comes after draining
		to.adopt(c)
		c.write()
	})
}
