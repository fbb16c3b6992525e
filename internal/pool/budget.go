package pool

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Budget is a number of connections that several pools share: those of one database, one user, one server or the
// whole process. It needs no start.
type Budget struct {
	name string
	// tight says that a pool should ask for claims before it keeps a connection; it is set under mu.
	tight atomic.Bool

	mu            sync.Mutex // protects the following, and held and leaving of its shares
	max, reserved int
	used          int
	leaving       int // of used: are being closed for those who wait
	admins        int // of used: held by administrators
	pools         map[*share]struct{}
	queue         []*applicant // in order of arrival
}

// share is what one pool has of a budget.
type share struct {
	budget        *Budget
	lender        lender
	held, leaving int // protected by Budget.mu
}

// lender is a pool as its budgets see it. It is called without the budget's lock.
type lender interface {
	// longestIdle is since when a connection that the pool could part with lies idle.
	longestIdle() (since time.Time, ok bool)
	// part closes that connection, provided that the budget wants it.
	part(s *share) bool
}

// applicant is an opening that waits for room.
type applicant struct {
	share   *share
	admin   bool
	granted bool
	ready   chan struct{} // closed when granted
}

// BudgetStats is how a budget is at one moment.
type BudgetStats struct {
	Name          string
	Max, Reserved int
	Used          int
	Waiting       int // openings that wait for room
	Pools         int // started ones that use it
}

// NewBudget returns a budget of limit connections, and reserved ones beyond for administrators.
func NewBudget(name string, limit, reserved int) *Budget {
	return &Budget{name: name, max: limit, reserved: reserved, pools: map[*share]struct{}{}}
}

// Name returns the budget's name.
func (b *Budget) Name() string { return b.name }

// Resize changes the numbers. Connections in excess are closed when they come back.
func (b *Budget) Resize(limit, reserved int) {
	b.mu.Lock()
	b.max, b.reserved = limit, reserved
	b.settle()
	b.mu.Unlock()
	b.evict(nil)
}

// Stats returns how the budget is.
func (b *Budget) Stats() BudgetStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return BudgetStats{b.name, b.max, b.reserved, b.used, len(b.queue), len(b.pools)}
}

func (s *share) join() {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	s.budget.pools[s] = struct{}{}
}

func (s *share) leave() {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	delete(s.budget.pools, s)
}

// try takes a place if there is room.
func (s *share) try(admin bool) bool {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.hasRoom(admin) {
		return false
	}
	b.used++
	s.held++
	return true
}

// acquire takes a place, and waits for it until ctx ends.
func (s *share) acquire(ctx context.Context, admin bool) error {
	b := s.budget
	a := &applicant{share: s, admin: admin, ready: make(chan struct{})}
	b.mu.Lock()
	b.queue = append(b.queue, a)
	b.settle()
	b.mu.Unlock()
	b.evict(s)
	select {
	case <-a.ready:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.granted {
		return nil
	}
	b.strike(a)
	b.settle()
	return context.Cause(ctx)
}

// release gives a place back. claimed: it was claimed before.
func (s *share) release(claimed bool) {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used--
	s.held--
	if claimed {
		b.leaving--
		s.leaving--
	}
	b.settle()
}

// lent notes that an administrator got a connection, or gave one back.
func (s *share) lent(delta int) {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.admins += delta
	b.settle()
}

// limit is how many connections may exist that no administrator asked for. Callers hold mu.
func (b *Budget) limit() int { return b.max + min(b.admins, b.reserved) }

// hasRoom says whether one more connection may exist. Callers hold mu.
func (b *Budget) hasRoom(admin bool) bool {
	if admin {
		return b.used < b.max+b.reserved
	}
	return b.used < b.limit()
}

// settle gives what room there is to those who wait. Callers hold mu.
func (b *Budget) settle() {
	for a := b.neediest(nil); a != nil && b.hasRoom(a.admin); a = b.neediest(nil) {
		b.strike(a)
		b.used++
		a.share.held++
		a.granted = true
		close(a.ready)
	}
	b.tight.Store(len(b.queue) > b.leaving || b.used-b.leaving > b.limit())
}

// neediest returns who gets the next place: an administrator, or an opening of the pool that has least; among equals
// who came first. Openings of one pool may be left out. Callers hold mu.
func (b *Budget) neediest(but *share) *applicant {
	var best *applicant
	for _, a := range b.queue {
		switch {
		case a.share == but:
		case a.admin:
			return a
		case best == nil || a.share.held < best.share.held:
			best = a
		}
	}
	return best
}

// strike takes an applicant off the queue. Callers hold mu.
func (b *Budget) strike(a *applicant) {
	for i, other := range b.queue {
		if other == a {
			b.queue = append(b.queue[:i], b.queue[i+1:]...)
			return
		}
	}
}

// claim says whether the pool is to close a connection for the sake of others, and counts on it then: release must be
// told. contested: somebody of the pool itself waits for it.
func (s *share) claim(contested bool) bool {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used-b.leaving <= b.limit() && !b.outranked(s, contested) {
		return false
	}
	b.leaving++
	s.leaving++
	b.settle()
	return true
}

// outranked says whether somebody of another pool should have the connection rather than s. Callers hold mu.
func (b *Budget) outranked(s *share, contested bool) bool {
	others := 0
	for _, a := range b.queue {
		if a.share != s {
			others++
		}
	}
	if others <= b.leaving {
		return false // those that leave already are enough
	}
	a := b.neediest(s)
	return !contested || a.admin || a.share.held+1 < s.held-s.leaving
}

// evict lets the pool, but not that of s, whose connection lies idle for longest close it, if there is one.
func (b *Budget) evict(s *share) {
	for b.tight.Load() {
		oldest := b.longestIdle(s)
		if oldest == nil || !oldest.lender.part(oldest) {
			return
		}
	}
}

// longestIdle returns the share of the pool with the connection that lies idle for longest.
func (b *Budget) longestIdle(but *share) *share {
	b.mu.Lock()
	shares := make([]*share, 0, len(b.pools))
	for s := range b.pools {
		if s != but {
			shares = append(shares, s)
		}
	}
	b.mu.Unlock()
	var oldest *share
	var since time.Time
	for _, s := range shares {
		if t, ok := s.lender.longestIdle(); ok && (oldest == nil || t.Before(since)) {
			oldest, since = s, t
		}
	}
	return oldest
}
