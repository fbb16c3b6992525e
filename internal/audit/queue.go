package audit

import (
	"sync"
	"sync/atomic"
)

// queue holds encoded lines until the writer takes them. Callers append on one side; one goroutine takes groups on the
// other.
type queue struct {
	limit  int
	queued atomic.Int64  // bytes in buffer and in the group that is being written; changed under mu
	wake   chan struct{} // holds a token when there is something to do after a while
	hurry  chan struct{} // holds a token when there is something to do now

	mu        sync.Mutex // protects the following
	open      bool
	buffer    []byte
	spare     []byte        // the buffer's other half, empty
	room      chan struct{} // closed when there is room again; nil when nobody waits
	congested bool          // somebody waited in vain; nobody waits until there is room
	lost      uint64        // lines dropped that the stream does not tell of yet
	appended  uint64        // bytes ever put in
	settled   uint64        // bytes of those that are on disk
	progress  chan struct{} // closed when settled or the count of failures changes; nil when nobody waits
	stats     Stats
}

// groupSize is the number of bytes in the buffer that are written at once instead of after the linger.
const groupSize = 256 << 10

func newQueue(limit int) *queue {
	return &queue{limit: limit, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
}

// isFull reports whether there is more in the queue than its limit.
func (q *queue) isFull() bool { return q.queued.Load() > int64(q.limit) }

// put appends a line. Callers must hold mu.
func (q *queue) put(line []byte) {
	first := len(q.buffer) == 0
	q.buffer = append(q.buffer, line...)
	q.queued.Add(int64(len(line)))
	q.appended += uint64(len(line))
	q.stats.Records++
	if first {
		signal(q.wake)
	}
	if len(q.buffer) >= groupSize {
		signal(q.hurry)
	}
}

// take returns everything in the buffer, which the caller hands back by done.
func (q *queue) take() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	group := q.buffer
	q.buffer, q.spare = q.spare, nil
	return group
}

// written notes that bytes of the group went to the file, and lets those in who waited for room.
func (q *queue) written(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Bytes += uint64(n)
	if q.queued.Add(-int64(n)) <= int64(q.limit)*3/4 {
		q.congested = false
		if q.room != nil {
			close(q.room)
			q.room = nil
		}
	}
}

// done takes the empty group back.
func (q *queue) done(group []byte) {
	if cap(group) > 4*groupSize {
		group = nil // a burst is over
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = group[:0]
}

// waitRoom returns a channel that is closed once there is room. Callers must hold mu.
func (q *queue) waitRoom() <-chan struct{} {
	if q.room == nil {
		q.room = make(chan struct{})
	}
	return q.room
}

// waitProgress returns a channel that is closed when something was synced, or failed. Callers must hold mu.
func (q *queue) waitProgress() <-chan struct{} {
	if q.progress == nil {
		q.progress = make(chan struct{})
	}
	return q.progress
}

// settle notes that everything written so far is on disk.
func (q *queue) settle() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if settled := q.appended - uint64(q.queued.Load()); settled != q.settled {
		q.settled = settled
		q.tell()
	}
}

// isAwaited reports whether somebody waits for what was written to be on disk.
func (q *queue) isAwaited() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.progress != nil
}

// setOpen lets lines in, or keeps them out.
func (q *queue) setOpen(open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open = open
}

// rotated counts a file that was set aside.
func (q *queue) rotated() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Rotations++
}

// failed counts a failure.
func (q *queue) failed() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Failures++
	q.tell()
}

// tell wakes whoever waits for progress. Callers must hold mu.
func (q *queue) tell() {
	if q.progress != nil {
		close(q.progress)
		q.progress = nil
	}
}

// signal leaves a token unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
