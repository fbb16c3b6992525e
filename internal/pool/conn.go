package pool

import "context"

// Conn is a server connection as the pool sees it. Close may be called while somebody else uses the connection, and
// twice; it returns soon. The other methods are called by one goroutine at a time, and never while the connection is lent.
type Conn interface {
	Check(ctx context.Context) error // whether the server answers
	Reset(ctx context.Context) error // makes the session as new
	Close() error
	Dead() bool // cheap: whether the server has closed it, as far as can be seen without waiting
}

// entry is a place in the pool: a connection, or one that is being made.
type entry[C Conn] struct {
	conn C // the zero value while opening
	id   uint64

	state   State
	since   instant // when it came into the state
	opened  instant
	expires instant // 0: never
	lends   uint64
	gen     uint64 // of the pool, when the opening began
	index   int    // in Pool.all

	older, newer *entry[C] // neighbours in Pool.idle
	peeked       bool      // idle, but the keeper asks just now whether it is dead

	owner *owner[C] // who holds it, while Active
	admin bool      // Active: held by an administrator; Opening: begun for one

	cancel  context.CancelFunc // Opening: ends it
	dropped bool               // Opening: was ended by us, which is no failure
	blocked *Budget            // Opening: waits for room in it
	places  int                // how many of Pool.shares it has a place in
	claim   *share             // where somebody waits for its place, while Closing
}

// stack is the idle connections: the one that was used last is lent first, so that what is not needed grows old and warm
// connections stay warm.
type stack[C Conn] struct {
	newest, oldest *entry[C]
}

func (s *stack[C]) push(e *entry[C]) {
	e.older, e.newer = s.newest, nil
	if s.newest != nil {
		s.newest.newer = e
	} else {
		s.oldest = e
	}
	s.newest = e
}

func (s *stack[C]) remove(e *entry[C]) {
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		s.newest = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		s.oldest = e.newer
	}
	e.older, e.newer = nil, nil
}
