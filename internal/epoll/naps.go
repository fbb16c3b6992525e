package epoll

import (
	"sync/atomic"
	"time"
)

// Naps are what the loops of a process have in common: how many of them may nap at once. See [Loop.MayNap].
type Naps struct {
	most int32
	now  atomic.Int32
}

// NewNaps returns Naps for so many loops at once. As many processors more than the machine has should runtime.GOMAXPROCS be, so
// that all of the machine's remain for other goroutines. More than are needed do harm: idle ones look for work.
func NewNaps(most int) *Naps { return &Naps{most: int32(most)} }

// begin reports whether one more loop may nap. If so it has to end.
func (n *Naps) begin() bool {
	if n == nil {
		return false
	}
	if n.now.Add(1) <= n.most {
		return true
	}
	n.end()
	return false
}

func (n *Naps) end() { n.now.Add(-1) }

// MayNap lets the loop nap, for so long at a time, as far as the others leave it room; a loop that is not told so sleeps. Before
// Start. 5 ms is half of what the scheduler lets a goroutine run before it interrupts it: who is asked 200 times in a second and
// more never sleeps then. How long is best has to be measured: setting a timer costs more the sooner it is due, and on a virtual
// machine a processor that has nothing to do for long is woken more slowly.
func (l *Loop) MayNap(n *Naps, longest time.Duration) { l.naps, l.longest = n, longest }
