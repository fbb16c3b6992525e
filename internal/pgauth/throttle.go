package pgauth

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const (
	firstWait    = time.Second
	maxThrottled = 10_000           // pairs of address and user that are remembered
	forgetAfter  = 10 * time.Minute // after the end of the last wait
)

// throttle makes those wait who failed too often. It counts by user and address together: by user alone a stranger could
// lock people out, and by address alone one person would lock out everybody behind the same router. Of IPv6 addresses the
// first 64 bits count, because the rest is the client's to choose.
type throttle struct {
	seed maphash.Seed
	now  func() time.Time

	mu    sync.Mutex // protects the following
	pairs map[pair]*failures
}

// pair is a user at an address. The user is hashed with a secret seed, so that long names cost no memory.
type pair struct {
	address netip.Addr
	user    uint64
}

// failures are those of a pair in a row.
type failures struct {
	count int
	until time.Time // when the next attempt is looked at
}

func newThrottle() *throttle {
	return &throttle{seed: maphash.MakeSeed(), now: time.Now, pairs: map[pair]*failures{}}
}

func (t *throttle) pairOf(at Attempt) pair {
	address := at.Address.Unmap().WithZone("")
	if address.Is6() {
		p, _ := address.Prefix(64) // never fails: 64 is within bounds
		address = p.Addr()
	}
	return pair{address, maphash.String(t.seed, at.User)}
}

// wait returns how long the attempt has to wait, 0 if not at all.
func (t *throttle) wait(at Attempt) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.pairs[t.pairOf(at)]
	if f == nil {
		return 0
	}
	return max(0, f.until.Sub(t.now()))
}

// failed counts a failure. After the allowed number each one imposes a wait, twice as long as the last.
func (t *throttle) failed(at Attempt, c Auth) {
	if c.MaxFailures == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key, now := t.pairOf(at), t.now()
	f := t.pairs[key]
	if f == nil || now.Sub(f.until) > forgetAfter {
		t.makeRoom(now)
		f = &failures{until: now}
		t.pairs[key] = f
	}
	f.count++
	if over := f.count - c.MaxFailures; over >= 0 {
		wait := c.FailureWait.D()
		if over < 30 {
			wait = min(wait, firstWait<<over)
		}
		f.until = now.Add(wait)
	} else {
		f.until = now
	}
}

// passed forgets the failures of a pair.
func (t *throttle) passed(at Attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pairs, t.pairOf(at))
}

// makeRoom keeps the memory bounded: it forgets pairs whose time has passed, and if there are none, any one: whoever
// fills the table to be forgotten has failed ten thousand times for it. Callers must hold mu.
func (t *throttle) makeRoom(now time.Time) {
	if len(t.pairs) < maxThrottled {
		return
	}
	for key, f := range t.pairs {
		if now.Sub(f.until) > forgetAfter {
			delete(t.pairs, key)
		}
	}
	for key := range t.pairs {
		if len(t.pairs) < maxThrottled {
			return
		}
		delete(t.pairs, key)
	}
}
