package pool

import (
	"container/heap"
	"time"
)

// waiter is a request that waits. The fields but ready and timer are protected by Pool.mu until ready was sent to.
type waiter[C Conn] struct {
	owner   *owner[C]
	admin   bool
	seq     uint64  // order of arrival
	began   instant // when the client began to wait
	timeout time.Duration
	trial   bool // waits for the dial that it caused while the pool was down

	in         *queue[C] // where it waits, or nil
	prev, next *waiter[C]

	lease *Lease[C]     // what it got,
	err   error         // or why it got none
	wake  func()        // tells that it has either
	ready chan struct{} // what wake sends to; nil for a Ticket
	timer *time.Timer
}

// queue is the waiters of one owner, or the administrators, in their order of arrival.
type queue[C Conn] struct {
	first, last *waiter[C]
	n           int
}

// add puts w where its number belongs: at the end, unless it had its turn already and got a dead connection.
func (q *queue[C]) add(w *waiter[C]) {
	after := q.last
	for after != nil && after.seq > w.seq {
		after = after.prev
	}
	w.in, w.prev = q, after
	if after != nil {
		w.next, after.next = after.next, w
	} else {
		w.next, q.first = q.first, w
	}
	if w.next != nil {
		w.next.prev = w
	} else {
		q.last = w
	}
	q.n++
}

func (q *queue[C]) remove(w *waiter[C]) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.last = w.prev
	}
	w.in, w.prev, w.next = nil, nil, nil
	q.n--
}

// owner is somebody on whose behalf connections are lent.
type owner[C Conn] struct {
	name  string
	held  int
	queue queue[C]
	aside int // requests that wait as administrators, not in queue
	index int // in turns, or -1
}

// isKnown says whether o holds or waits for anything.
func (o *owner[C]) isKnown() bool { return o.held > 0 || o.queue.n > 0 || o.aside > 0 }

// turns is a heap of the owners who wait and may get a connection. The one who holds least comes first (max-min
// fairness: nobody can get more but at the cost of somebody who has less); among equals who has waited longest.
type turns[C Conn] []*owner[C]

func (t turns[C]) Len() int { return len(t) }

func (t turns[C]) Less(i, j int) bool {
	if t[i].held != t[j].held {
		return t[i].held < t[j].held
	}
	return t[i].queue.first.seq < t[j].queue.first.seq
}

func (t turns[C]) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}

// Push is heap.Interface.
func (t *turns[C]) Push(x any) {
	o := x.(*owner[C]) //nolint:forcetypeassert // only place calls it
	o.index = len(*t)
	*t = append(*t, o)
}

// Pop is heap.Interface.
func (t *turns[C]) Pop() any {
	last := len(*t) - 1
	o := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	o.index = -1
	return o
}

// place gives o its place after anything about it changed. eligible: whether it waits and may get a connection.
func (t *turns[C]) place(o *owner[C], eligible bool) {
	switch {
	case eligible && o.index < 0:
		heap.Push(t, o)
	case eligible:
		heap.Fix(t, o.index)
	case o.index >= 0:
		heap.Remove(t, o.index)
	}
}
