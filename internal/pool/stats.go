package pool

import (
	"cmp"
	"slices"
	"time"
)

// State is what a connection is doing.
type State uint8

// The states of a connection.
const (
	Opening   State = iota // being dialled and logged in, or waiting for room in a budget
	Idle                   // ready to be lent
	Active                 // lent
	Checking               // asked whether it lives, because it lay idle for long
	Resetting              // being cleaned after somebody gave it back dirty
	Closing                // on its way out; it still counts
	states                 // how many there are
)

// String returns the state's lower-case name.
func (s State) String() string {
	return [...]string{"opening", "idle", "active", "checking", "resetting", "closing", "unknown"}[min(s, states)]
}

// Stats is how a pool is at one moment, and what happened since it was made.
type Stats struct {
	Name                                    string
	MinSize, MaxSize, Reserved, MaxPerOwner int

	Size        int // all connections: the sum of the seven below
	Active      int
	Idle        int // lent unchecked
	Used        int // idle for longer than CheckAfter: checked before they are lent
	Checking    int
	Resetting   int
	Opening     int
	Closing     int
	ActiveAdmin int // of Active: held by administrators

	Waiting      int // administrators included
	WaitingAdmin int
	LongestWait  time.Duration // among those that wait now
	Owners       int           // that hold or wait

	Paused, Disabled, Stopped bool
	Down                      bool // no connection exists and the last opening failed
	DownSince                 time.Time
	LastError                 error     // of the last opening, nil if it succeeded
	RetryAt                   time.Time // when the next opening is tried, if the last one failed

	Counters
}

// Counters only grow.
type Counters struct {
	Lent      uint64        // requests that got a connection
	Waited    uint64        // of those and the refused: that had to wait
	WaitTime  time.Duration // all waits together
	TimedOut  uint64        // refused after a wait
	Rejected  uint64        // refused at once
	Cancelled uint64        // whose context ended while they waited

	Opened     uint64
	OpenFailed uint64
	// Closed counts closed connections by the reason why.
	Closed [reasons]uint64
}

// Reason is why a connection was closed.
type Reason uint8

// The reasons.
const (
	Discarded   Reason = iota // by whoever held it
	Died                      // the server closed it while it lay idle
	CheckFailed               // it did not answer
	ResetFailed               // it could not be cleaned
	Expired                   // older than MaxLifetime
	Unused                    // idle for longer than MaxIdle, or beyond what may exist
	Evicted                   // another pool of the budget needed the room
	Renewed                   // Reconnect or Pause
	Shutdown                  // the pool stopped
	reasons                   // how many there are
)

// String returns the reason's name as it stands in metrics.
func (r Reason) String() string {
	return [...]string{
		"discarded", "died", "check_failed", "reset_failed", "expired", "unused", "evicted", "renewed", "shutdown", "unknown",
	}[min(r, reasons)]
}

// Stats returns how the pool is.
func (p *Pool[C]) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	s := Stats{
		Name: p.name, MinSize: p.cfg.MinSize, MaxSize: p.cfg.MaxSize, Reserved: p.cfg.Reserved, MaxPerOwner: p.cfg.MaxPerOwner,
		Size: p.size(), Active: p.count[Active], ActiveAdmin: p.activeA,
		Checking: p.count[Checking], Resetting: p.count[Resetting], Opening: p.count[Opening], Closing: p.count[Closing],
		Waiting: p.waiting + p.admins.n, WaitingAdmin: p.admins.n, LongestWait: p.longest(now),
		Paused: p.paused, Disabled: p.disabled, Stopped: !p.running,
		Down: p.outage.down, LastError: p.outage.err, Counters: p.counters,
	}
	for e := p.idle.oldest; e != nil && p.stale(e, now); e = e.newer {
		s.Used++
	}
	s.Idle = p.count[Idle] - s.Used
	for _, o := range p.owners {
		if o.isKnown() {
			s.Owners++
		}
	}
	if s.Down {
		s.DownSince = p.epoch.Add(p.outage.since)
	}
	if s.LastError != nil {
		s.RetryAt = p.epoch.Add(p.outage.retryAt)
	}
	s.Waited, s.WaitTime = p.waits.number.Load(), time.Duration(p.waits.total.Load())
	return s
}

// ConnInfo is one connection as the console shows it.
type ConnInfo[C Conn] struct {
	ID       uint64 // unique within the pool
	Conn     C      // the zero value while Opening; only to be asked for what may be read while it is used
	State    State
	Since    time.Time // when it came into its state
	Owner    string    // who holds it
	Admin    bool      // held by an administrator
	Opened   time.Time // zero while Opening
	Expires  time.Time // zero: never
	Lends    uint64    // how often it was lent
	Outdated bool      // closed when it comes back
}

// Each calls f with every connection, in the order of their numbers and without a lock.
func (p *Pool[C]) Each(f func(ConnInfo[C])) {
	for _, c := range p.conns() {
		f(c)
	}
}

func (p *Pool[C]) conns() []ConnInfo[C] {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	conns := make([]ConnInfo[C], 0, len(p.all))
	for _, e := range p.all {
		c := ConnInfo[C]{
			ID: e.id, Conn: e.conn, State: e.state, Since: p.epoch.Add(e.since), Admin: e.admin, Lends: e.lends,
		}
		if e.owner != nil {
			c.Owner = e.owner.name
		}
		if e.state != Opening {
			c.Opened = p.epoch.Add(e.opened)
		}
		if e.expires > 0 {
			c.Expires = p.epoch.Add(e.expires)
		}
		_, c.Outdated = p.outdated(e, now)
		conns = append(conns, c)
	}
	slices.SortFunc(conns, func(a, b ConnInfo[C]) int { return cmp.Compare(a.ID, b.ID) })
	return conns
}

// OwnerInfo is one owner who holds or waits for connections.
type OwnerInfo struct {
	Owner         string
	Held, Waiting int
}

// Owners calls f with everybody who holds or waits, by name and without a lock.
func (p *Pool[C]) Owners(f func(OwnerInfo)) {
	p.mu.Lock()
	owners := make([]OwnerInfo, 0, len(p.owners))
	for _, o := range p.owners {
		if o.isKnown() {
			owners = append(owners, OwnerInfo{o.name, o.held, o.queue.n + o.aside})
		}
	}
	p.mu.Unlock()
	slices.SortFunc(owners, func(a, b OwnerInfo) int { return cmp.Compare(a.Owner, b.Owner) })
	for _, o := range owners {
		f(o)
	}
}
