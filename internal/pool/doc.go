// Package pool lends server connections: it opens them, hands them out fairly, checks them, and retires them. It knows
// nothing of clients, and of PostgreSQL's wire only what [Conn] asks.
//
// # Vocabulary
//
// A [Pool] holds connections to one server under one identity. A [Request] names an owner, the person or account on whose
// behalf it comes. What it gets is a [Lease], which ends with exactly one of Release (clean, the next may have it),
// ReleaseDirty (reset in the background first) and Discard. A connection that nobody holds is idle; idle ones form a
// stack. Whoever has no goroutine to wait in, such as an event loop, asks for a [Ticket] instead. A [Budget] is a number
// of connections that several pools share. A [Set] makes pools by key when they are wanted.
//
//	Acquire ──► idle, used lately ───────────────────────────────► lease
//	   │        idle for long ──► Check, in the background ──┐        │
//	   └─ waits ◄────────────── opened, in the background ───┤        │ Release, ReleaseDirty ─► Reset
//	        └──────── handed over directly, in fair order ◄──┴────────┘
//
// # Guarantees
//
//   - There are never more than MaxSize connections, and Reserved more only while administrators hold or want them. A
//     connection counts from before it is dialled until Close returned.
//   - A connection that is free goes to who waits: to administrators first, then to the waiting owner who holds least, and
//     within an owner in order of arrival. Nobody overtakes by asking at the right moment.
//   - A connection is lent to one at a time. Ending a lease twice does no harm: the second end does nothing.
//   - Every wait is bounded: for a connection by Timeout, HoldDown or HoldPaused; of opening, check and reset by their own.
//   - Before each lending Dead is asked. What lay idle for longer than CheckAfter must answer a Check. Whoever waits never
//     sees the difference.
//   - Ages never end a lease: what is too old is closed when it comes back.
//
// # Failure
//
// When an opening fails and connections exist, the pool goes on with those: requests wait for one to come back. When
// none exists, the pool is down: requests fail at once with the cause, or wait while HoldDown lasts. One opening at a time
// is tried, with growing pauses, as long as somebody wants a connection or MinSize is not reached; [Pool.Retry] and
// [Pool.Reconnect] cut the pause short. An error whose Permanent method returns true is not worth waiting for.
//
// # Budgets
//
// A pool that wants to grow when its budget is used up makes the pool with the connection that was idle for longest close
// it. If none is idle anywhere, the next one that comes back is closed instead, provided that its pool has more connections
// than the one that wants: so pools converge to equal shares of what they want. No pool goes below its MinSize for another,
// so the sum of all minimums must be less than the budget, or pools without one starve.
//
// # Locks
//
// One mutex per pool, held for tens of nanoseconds and never while a connection is used; one per budget, taken under that
// of a pool. A Set's is taken before both. Who waits is woken when they are free again. No goroutine belongs to a waiter;
// dials, checks, resets and closings have one each, and Stop waits for them.
package pool
