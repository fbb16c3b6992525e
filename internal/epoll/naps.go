package epoll

import "sync/atomic"

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

// MayNap lets the loop nap as far as the others leave it room; a loop that is not told so sleeps. Before Start.
func (l *Loop) MayNap(n *Naps) { l.naps = n }
