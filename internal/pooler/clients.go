package pooler

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"sync"

	"holdfast/internal/pgauth"
)

// clients are the sessions of a pooler, by the process id that each was told for cancel requests.
type clients struct {
	mu      sync.Mutex // protects the following
	max     int
	beyond  int // places that only classes with reserved connections get
	byPID   map[uint32]*session
	serial  uint32
	peer    int           // number of this process in the ids, 0 for none
	places  int           // taken by those who log in, and by sessions
	empty   chan struct{} // closed when draining and nobody is left
	closing bool
}

func newClients(limit, beyond int) *clients {
	return &clients{max: limit, beyond: beyond, byPID: map[uint32]*session{}}
}

// enter takes a place for somebody who comes in, and reports whether there was one. Whether it may be one of those beyond is known
// later: see crowded.
func (c *clients) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.places >= c.max+c.beyond {
		return false
	}
	c.places++
	return true
}

// crowded reports whether those who have a place are more than there may be without the places beyond.
func (c *clients) crowded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.places > c.max
}

// leave gives a place back.
func (c *clients) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places--
	c.tellEmpty()
}

func (c *clients) tellEmpty() {
	if c.places == 0 && c.empty != nil {
		close(c.empty)
		c.empty = nil
	}
}

// keyFor returns a process id that no session has, and a secret of size bytes.
func (c *clients) keyFor(size int) (pid uint32, key []byte) {
	key = make([]byte, size)
	_, _ = rand.Read(key) // it never fails
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		c.serial++
		pid = c.serial &^ forwarded
		if c.peer > 0 {
			pid = uint32(c.peer)<<peerShift | c.serial&(1<<peerShift-1) //nolint:gosec // at most maxPeer
		}
		if _, taken := c.byPID[pid]; !taken && pid != 0 {
			return pid, key
		}
	}
}

func (c *clients) add(s *session) {
	c.mu.Lock()
	c.byPID[s.who.pid] = s
	closing := c.closing
	c.mu.Unlock()
	switch {
	case closing:
		s.end(errStopping)
	case s.who.decision.Outdated(): // it changed before the session could be found
		s.cut(errEvicted(s.who.user, pgauth.PasswordChanged))
	}
}

func (c *clients) remove(s *session) {
	c.mu.Lock()
	delete(c.byPID, s.who.pid)
	c.mu.Unlock()
	c.leave()
}

// find returns the session that a cancel request means, nil for none.
func (c *clients) find(pid uint32, key []byte) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.byPID[pid]
	if s == nil || subtle.ConstantTimeCompare(s.who.key, key) != 1 {
		return nil
	}
	return s
}

// all returns the sessions of this moment.
func (c *clients) all() []*session {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*session, 0, len(c.byPID))
	for _, s := range c.byPID {
		all = append(all, s)
	}
	return all
}

var errStopping = errors.New("the pooler stops")

// drain ends each session as soon as it is between transactions, and returns when all have ended or ctx has.
func (c *clients) drain(ctx context.Context) {
	c.mu.Lock()
	c.closing = true
	var empty chan struct{}
	if c.places > 0 {
		empty = make(chan struct{})
		c.empty = empty
	}
	c.mu.Unlock()
	for _, s := range c.all() {
		s.worker.loop.Post(s.leaveSoon)
	}
	if empty == nil {
		return
	}
	select {
	case <-empty:
	case <-ctx.Done():
	}
}

// closeAll ends all sessions at once.
func (c *clients) closeAll() {
	for _, s := range c.all() {
		done := make(chan struct{})
		if s.worker.loop.Post(func() { s.leaveNow(); close(done) }) {
			<-done
		}
	}
}
