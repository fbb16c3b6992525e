// Package pool lends server connections.
package pool

import (
	"context"
	"time"
)

// Conn is a server connection as the pool sees it. Close may be called while somebody else uses the connection, and twice;
// it returns soon. The other methods are called by one goroutine at a time, only while nobody holds the connection.
type Conn interface {
	Check(ctx context.Context) error // whether the server answers
	Reset(ctx context.Context) error // makes it as new
	Close() error
	Dead() bool // cheap: whether the server has closed it, as far as can be seen without waiting
}

// Request is a wish for a connection.
type Request struct {
	// Owner is on whose behalf: connections are shared fairly between owners.
	Owner string
	// Admin requests are served first, may use the reserved connections, and know neither MaxPerOwner nor MaxWaiting.
	Admin bool
	// Timeout is used instead of the pool's when it is not 0; less than 0: do not wait at all.
	Timeout time.Duration
	// Since is when the client began to wait, if that was before the call: log-in included. Zero: now.
	Since time.Time
}

// Pool is a set of connections to one server with one identity.
type Pool[C Conn] struct{ open func(context.Context) (C, error) }

// New returns a pool that is not started, or what is wrong with cfg. open dials and logs in. Each connection takes a place
// in every one of budgets, which may be nil; all pools must name the budgets that they share in the same order.
func New[C Conn](cfg Config, open func(ctx context.Context) (C, error), budgets ...*Budget) (*Pool[C], error) {
	panic("in work")
}

// Start opens MinSize connections; it returns when they are open, or why they are not.
func (p *Pool[C]) Start(ctx context.Context) error { panic("in work") }

// Stop refuses what waits, waits until everything that is held came back, or closes it when ctx ends.
func (p *Pool[C]) Stop(ctx context.Context) error { panic("in work") }

// Acquire lends a connection. The error is a *fault.Error around an *Error, or the end of ctx.
func (p *Pool[C]) Acquire(ctx context.Context, r Request) (*Lease[C], error) { panic("in work") }

// Lease is the right to use a connection until it is given back. The first of Release, ReleaseDirty and Discard
// counts; more of them do nothing.
type Lease[C Conn] struct {
	Conn C
}

// Release gives the connection back clean.
func (l *Lease[C]) Release() { panic("in work") }

// ReleaseDirty gives back a connection that must be reset first, which happens in the background, with the values of
// ctx but not its end.
func (l *Lease[C]) ReleaseDirty(ctx context.Context) { panic("in work") }

// Discard closes the connection, in the background.
func (l *Lease[C]) Discard() { panic("in work") }

// ID is the connection's number, as in ConnInfo.
func (l *Lease[C]) ID() uint64 { panic("in work") }

// Outdated says whether the connection is to be replaced: a session that can part with it at a good moment should.
func (l *Lease[C]) Outdated() bool { panic("in work") }

// Name returns the pool's name.
func (p *Pool[C]) Name() string { panic("in work") }

// Configure changes the settings of a running pool; the name stays.
func (p *Pool[C]) Configure(cfg Config) error { panic("in work") }

// Pause lends nothing any more, and closes all connections as they come back; it returns when none is left. The pool
// stays paused when ctx ends first, until Resume.
func (p *Pool[C]) Pause(ctx context.Context) error { panic("in work") }

// Resume ends Pause.
func (p *Pool[C]) Resume() { panic("in work") }

// Disable refuses new requests. Enable ends it.
func (p *Pool[C]) Disable() { panic("in work") }

// Enable ends Disable.
func (p *Pool[C]) Enable() { panic("in work") }

// Reconnect replaces all connections: idle ones now, held ones when they come back.
func (p *Pool[C]) Reconnect() { panic("in work") }

// WaitClose waits until the connections that were to be replaced by the last Reconnect are gone.
func (p *Pool[C]) WaitClose(ctx context.Context) error { panic("in work") }

// Retry dials now instead of after the pause: something changed.
func (p *Pool[C]) Retry() { panic("in work") }

// Stats returns how the pool is.
func (p *Pool[C]) Stats() Stats { panic("in work") }

// Each calls f with every connection.
func (p *Pool[C]) Each(f func(ConnInfo[C])) { panic("in work") }

// Owners calls f with everybody who holds or waits.
func (p *Pool[C]) Owners(f func(OwnerInfo)) { panic("in work") }

// Budget is a number of connections that several pools share.
type Budget struct{}

// NewBudget returns a budget of max connections, and reserved ones beyond for administrators.
func NewBudget(name string, max, reserved int) *Budget { panic("in work") }

// Resize changes the numbers.
func (b *Budget) Resize(max, reserved int) { panic("in work") }

// Stats returns how the budget is.
func (b *Budget) Stats() BudgetStats { panic("in work") }

// BudgetStats is how a budget is.
type BudgetStats struct {
	Name          string
	Max, Reserved int
	Used          int
	Waiting       int // openings that wait for room
	Pools         int // that use it
}

// Key says which pool of a Set.
type Key struct{ Endpoint, Database, User, Target string }

// SetConfig is how a set makes its pools.
type SetConfig[C Conn] struct {
	// Pool returns settings and budgets of a pool; Start of such a pool never blocks (Lazy).
	Pool func(Key) (Config, []*Budget)
	Open func(ctx context.Context, key Key) (C, error)
	// Keep is how long a pool stays that nobody joined or used and that has shrunk to its MinSize.
	Keep time.Duration
	// MaxPools bounds the number of pools. 0: no limit.
	MaxPools int
}

// Set is pools by key, made when they are first wanted.
type Set[C Conn] struct{}

// NewSet returns a set that is not started.
func NewSet[C Conn](cfg SetConfig[C]) *Set[C] { panic("in work") }

// Start begins to remove pools that are not used.
func (s *Set[C]) Start(ctx context.Context) error { panic("in work") }

// Stop stops all pools at once.
func (s *Set[C]) Stop(ctx context.Context) error { panic("in work") }

// Join returns the pool of key, made if need be, and keeps it in the set until leave is called: a client session
// joins for as long as it lives.
func (s *Set[C]) Join(key Key) (p *Pool[C], leave func(), err error) { panic("in work") }

// Acquire is Join, Acquire and leave, for a single use.
func (s *Set[C]) Acquire(ctx context.Context, key Key, r Request) (*Lease[C], error) { panic("in work") }

// Each calls f with every pool.
func (s *Set[C]) Each(f func(Key, *Pool[C])) { panic("in work") }

// Configure asks for the settings of every pool anew.
func (s *Set[C]) Configure() error { panic("in work") }
