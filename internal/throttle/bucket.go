package throttle

import (
	"context"
	"sync"
	"time"
)

// maxKeys bounds the keys that one rule knows.
const maxKeys = 1 << 16

// sample is how many keys are looked at to find one that makes room.
const sample = 16

// book is what one rule knows of those it counts.
type book struct {
	rule  Rule
	space time.Duration // between requests at the rate; 0: no rate
	burst time.Duration // how far ahead of its time a key may be
	most  int           // keys

	mu   sync.Mutex // protects the following
	keys map[string]*state
}

// state is a key. Its rate is kept as the time at which its next request would be on time (the generic cell rate
// algorithm, ITU-T I.371).
type state struct {
	due  time.Time
	busy int
	line []chan struct{} // those who wait for a place, the first come first
}

func newBook(r Rule) *book {
	b := &book{rule: r, most: maxKeys, keys: map[string]*state{}}
	if n, per, err := parseRate(r.Rate); err == nil {
		b.space = per / time.Duration(n)
		if r.Burst > 0 {
			n = r.Burst
		}
		b.burst = b.space * time.Duration(n-1)
	}
	return b
}

// spend takes one request from the rate of a key, or says when it may come again.
func (b *book) spend(key string, now time.Time) (retry time.Duration, ok bool) {
	if b.space == 0 {
		return 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.of(key, now)
	if s.due.Before(now) {
		s.due = now
	}
	if ahead := s.due.Sub(now); ahead > b.burst {
		return ahead - b.burst, false
	}
	s.due = s.due.Add(b.space)
	return 0, true
}

// refund gives back what a request cost that was refused elsewhere.
func (b *book) refund(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.keys[key]; s != nil && b.space > 0 {
		s.due = s.due.Add(-b.space)
	}
}

// of returns the state of a key, and makes room for it. Callers must hold mu.
func (b *book) of(key string, now time.Time) *state {
	if s := b.keys[key]; s != nil {
		return s
	}
	if len(b.keys) >= b.most {
		b.evict(now)
	}
	s := &state{}
	b.keys[key] = s
	return s
}

// evict forgets keys of a sample that have nothing to wait for, or the one that is due first. A key with requests under way
// stays, so the bound may be passed by the number of those. Callers must hold mu.
func (b *book) evict(now time.Time) {
	first, looked, freed := "", 0, false
	for key, s := range b.keys { // in random order
		if s.busy == 0 && len(s.line) == 0 {
			if !s.due.After(now) {
				delete(b.keys, key)
				freed = true
			} else if first == "" || s.due.Before(b.keys[first].due) {
				first = key
			}
		}
		if looked++; looked >= sample && (freed || first != "") || looked >= 100*sample {
			break
		}
	}
	if !freed && first != "" {
		delete(b.keys, first)
	}
}

// enter takes a place among those of the key that are under way. It reports false when there is none within the rule's
// wait.
func (b *book) enter(ctx context.Context, key string) bool {
	if b.rule.Concurrent == 0 {
		return true
	}
	b.mu.Lock()
	s := b.of(key, time.Now())
	if s.busy < b.rule.Concurrent {
		s.busy++
		b.mu.Unlock()
		return true
	}
	if b.rule.Wait == 0 || len(s.line) >= maxWaiting {
		b.mu.Unlock()
		return false
	}
	place := make(chan struct{}, 1)
	s.line = append(s.line, place)
	b.mu.Unlock()
	timer := time.NewTimer(b.rule.Wait.D())
	defer timer.Stop()
	select {
	case <-place:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return b.give(s, place)
}

// give takes a request out of the line. It reports whether its place came after all.
func (b *book) give(s *state, place chan struct{}) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, p := range s.line {
		if p == place {
			s.line = append(s.line[:i:i], s.line[i+1:]...)
			return false
		}
	}
	return true // it was handed over already, and is in place
}

// leave gives the place to the next in line.
func (b *book) leave(key string) {
	if b.rule.Concurrent == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.keys[key]
	if s == nil {
		return
	}
	if len(s.line) > 0 {
		s.line[0] <- struct{}{}
		s.line = s.line[1:]
		return
	}
	if s.busy--; s.busy == 0 && !s.due.After(time.Now()) {
		delete(b.keys, key)
	}
}
