package pool

import (
	"fmt"
	"time"

	"holdfast/internal/fault"
)

// Code is why no connection was lent. It is also the code of the [fault.Error] that wraps an [Error].
type Code string

// The codes, and the SQLSTATE of each.
const (
	CodeTimeout    Code = "pool_timeout"     // 53300: none came free in time
	CodeQueueFull  Code = "pool_queue_full"  // 53300: too many wait already
	CodeOwnerLimit Code = "pool_owner_limit" // 53300: the owner held as many as one owner may, all the time
	CodeDown       Code = "pool_down"        // 57P03: no connection can be opened
	CodePaused     Code = "pool_paused"      // 57P03: paused for longer than requests wait
	CodeDisabled   Code = "pool_disabled"    // 57P03: closed to new requests
	CodeStopped    Code = "pool_stopped"     // 57P01: not started, or stopped
)

// Error says why no connection was lent, and how the pool was at that moment. Every error of Acquire that is not the end
// of its context is a *fault.Error that wraps one.
type Error struct {
	Code    Code
	Pool    string
	Owner   string        // who asked
	Size    int           // connections that exist
	MaxSize int           // connections that may exist
	Limit   int           // what was reached, where it is another limit than MaxSize: MaxWaiting, MaxPerOwner
	Queue   int           // requests that wait, without this one
	Waited  time.Duration // by this one
	Longest time.Duration // wait among all that wait, this one included
	Budget  string        // name of the budget that kept the pool from growing, or ""
	DownFor time.Duration // how long no connection can be opened
	Err     error         // why none can be opened: the last error of opening, or nil
}

// SQLSTATE returns the five characters of the code that PostgreSQL would send.
func (e *Error) SQLSTATE() string {
	switch e.Code {
	case CodeDown, CodePaused, CodeDisabled:
		return "57P03" // cannot_connect_now
	case CodeStopped:
		return "57P01" // admin_shutdown
	case CodeTimeout, CodeQueueFull, CodeOwnerLimit:
	}
	return "53300" // too_many_connections
}

// Error says in one sentence what happened.
func (e *Error) Error() string {
	switch e.Code {
	case CodeTimeout:
		return fmt.Sprintf("pool %q: no connection came free within %v", e.Pool, round(e.Waited))
	case CodeQueueFull:
		return fmt.Sprintf("pool %q: %d requests wait already, which is the limit", e.Pool, e.Limit)
	case CodeOwnerLimit:
		return fmt.Sprintf("pool %q: %q held all of the %d connections allowed to one for %v", e.Pool, e.Owner, e.Limit, round(e.Waited))
	case CodePaused:
		return fmt.Sprintf("pool %q: paused", e.Pool)
	case CodeDisabled:
		return fmt.Sprintf("pool %q: disabled", e.Pool)
	case CodeStopped:
		return fmt.Sprintf("pool %q: stopped", e.Pool)
	case CodeDown:
	}
	return fmt.Sprintf("pool %q: no connection to the server: %v", e.Pool, e.Err)
}

// Detail says how the pool was, for the field DETAIL of PostgreSQL's error.
func (e *Error) Detail() string {
	wait := fmt.Sprintf("%d requests wait, the longest for %v", e.Queue, round(e.Longest))
	switch e.Queue {
	case 0:
		wait = "no other request waits"
	case 1:
		wait = fmt.Sprintf("1 request waits, the longest for %v", round(e.Longest))
	}
	s := fmt.Sprintf("Pool %q has %d of %d connections open; %s; this one waited %v.",
		e.Pool, e.Size, e.MaxSize, wait, round(e.Waited))
	if e.Budget != "" {
		s += fmt.Sprintf(" The budget %q that it shares with other pools is used up.", e.Budget)
	}
	if e.DownFor > 0 {
		s += fmt.Sprintf(" The server has been away for %v.", round(e.DownFor))
	}
	if e.Err != nil && e.Code != CodeDown {
		s += fmt.Sprintf(" The last try to open a connection failed: %v.", e.Err)
	}
	return s
}

// Unwrap returns why no connection can be opened, if that is known.
func (e *Error) Unwrap() error { return e.Err }

// fault wraps e in the shape that people and programs read. The text is made when somebody reads it.
func (e *Error) fault() *fault.Error {
	f := &fault.Error{Kind: fault.Unavailable, Code: string(e.Code), Err: e}
	switch e.Code {
	case CodeTimeout, CodeQueueFull:
		f.Kind, f.Hint = fault.Full, "look for long transactions, or raise max_size"
	case CodeOwnerLimit:
		f.Kind, f.Hint = fault.Full, "close connections of the same person, or raise max_per_person"
	case CodeDown:
		f.Hint = "see whether the server runs and accepts the pool's login; it is tried again in the background"
	case CodePaused:
		f.Hint = "resume the pool"
	case CodeDisabled:
		f.Hint = "enable the pool"
	case CodeStopped:
	}
	return f
}

// round makes a duration readable.
func round(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
