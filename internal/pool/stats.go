package pool

import "time"

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
	Down                      bool  // no connection exists and the last opening failed
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

// ConnInfo is one connection as the console shows it.
type ConnInfo[C Conn] struct {
	ID       uint64 // unique within the pool
	Conn     C      // the zero value while it is being opened; only to be asked for what never changes
	State    State
	Since    time.Time // when it came into its state
	Owner    string    // who holds it
	Admin    bool      // held by an administrator
	Opened   time.Time
	Lends    uint64 // how often it was lent
	Outdated bool   // replaced as soon as it comes back
}

// OwnerInfo is one owner who holds or waits for connections.
type OwnerInfo struct {
	Owner         string
	Held, Waiting int
}
