package pgauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"holdfast/internal/fault"
)

const (
	maxCached   = 10_000 // users of a source that are remembered, known and unknown ones
	maxLookups  = 4      // questions to a source at the same time
	lookupLimit = 5 * time.Second
	distrust    = time.Second // age from which an answer is asked for again after a failed log-in
)

// cache remembers what a source said, of users that it does not know as well: who asks twice must not learn from the time
// it takes which users exist. It asks once for many who ask the same, and finds out what changed.
type cache struct {
	source  Source
	name    string                                 // for errors
	hold    func() (context.Context, func(), bool) // makes a question count as the service's
	next    func() uint64
	publish func(Change)
	outcome func(error)
	flights singleflight.Group
	lookups chan struct{} // holds a token for each question that is being asked

	mu    sync.Mutex // protects the following
	users map[string]*cached
}

// cached is an answer.
type cached struct {
	entry
	asked    time.Time
	stale    bool
	sessions int // that were let in by it, or by an earlier one
}

// find returns what the source says of a user, or said less than ttl ago.
func (c *cache) find(ctx context.Context, user string, ttl time.Duration) (entry, error) {
	c.mu.Lock()
	if u := c.users[user]; u != nil && !u.stale && time.Since(u.asked) < ttl {
		defer c.mu.Unlock()
		return u.entry, nil
	}
	c.mu.Unlock()
	return c.ask(ctx, user)
}

// ask asks the source. Whoever asks the same meanwhile shares the answer. The question outlives who gives up waiting for
// it, but not the service.
func (c *cache) ask(ctx context.Context, user string) (entry, error) {
	select {
	case r := <-c.flights.DoChan(user, func() (any, error) { return c.lookup(user) }):
		e, _ := r.Val.(entry)
		return e, r.Err
	case <-ctx.Done():
		return entry{}, fault.New(fault.Unavailable, queryCondition.Code, "ask %s for a user: %w", c.name, context.Cause(ctx))
	}
}

func (c *cache) lookup(user string) (entry, error) {
	life, release, ok := c.hold()
	if !ok {
		return entry{}, fault.New(fault.Unavailable, queryCondition.Code, "ask %s for a user: log-ins are over", c.name)
	}
	defer release()
	ctx, cancel := context.WithTimeout(life, lookupLimit)
	defer cancel()
	select {
	case c.lookups <- struct{}{}:
	case <-ctx.Done():
		return entry{}, c.failed(ctx.Err())
	}
	defer func() { <-c.lookups }()
	login, err := c.source.Login(ctx, user)
	known := !errors.Is(err, ErrUnknownUser)
	if err != nil && known {
		return entry{}, c.failed(err)
	}
	c.outcome(nil)
	e, change := c.record(user, login, known)
	if change != nil {
		c.publish(*change)
	}
	return e, nil
}

// failed makes the error of a source that did not answer, and tells of it unless the service ends.
func (c *cache) failed(cause error) error {
	err := fault.New(fault.Unavailable, queryCondition.Code, "ask %s for a user: %w", c.name, cause).
		WithHint("%s", cmp.Or(fault.HintOf(cause), "look at the connection that asks, and at what database.auth.query says"))
	if !errors.Is(cause, context.Canceled) {
		c.outcome(err)
	}
	return err
}

// record takes an answer, and returns the change that it is, if it is one.
func (c *cache) record(user string, login Login, known bool) (entry, *Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	u := c.users[user]
	if u == nil {
		c.makeRoom()
		u = &cached{entry: entry{Login: login, known: known, generation: c.next(), expired: login.hasExpired(now)}}
		c.users[user] = u
	}
	u.asked, u.stale = now, false
	if u.known == known && u.same(login) {
		change := u.expire(user, now, c.next)
		return u.entry, change
	}
	old := u.entry
	u.entry = entry{Login: login, known: known, generation: c.next(), expired: login.hasExpired(now)}
	if !old.known {
		return u.entry, nil
	}
	return u.entry, &Change{user, u.generation, reasonOf(login, known, now)}
}

// expire returns the change that a password's end is, once.
func (u *cached) expire(user string, now time.Time, next func() uint64) *Change {
	if u.expired || !u.known || !u.hasExpired(now) {
		return nil
	}
	u.expired, u.generation = true, next()
	return &Change{user, u.generation, PasswordExpired}
}

// makeRoom forgets some user without a session. Callers must hold mu.
func (c *cache) makeRoom() {
	for name, u := range c.users {
		if len(c.users) < maxCached {
			return
		}
		if u.sessions == 0 {
			delete(c.users, name)
		}
	}
}

// doubt makes the next attempt ask again, after one that failed by an answer that is not new: the password may have
// changed a moment ago.
func (c *cache) doubt(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u := c.users[user]; u != nil && time.Since(u.asked) > distrust {
		u.stale = true
	}
}

// join counts a session that was let in by an entry, and leave uncounts it.
func (c *cache) join(user string, e entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.users[user]
	if u == nil {
		u = &cached{entry: e, stale: true}
		c.users[user] = u
	}
	u.sessions++
}

func (c *cache) leave(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u := c.users[user]; u != nil {
		u.sessions--
	}
}

// since reports whether a user's entry changed after a generation.
func (c *cache) since(user string, generation uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.users[user]
	return u != nil && u.generation > generation
}

// refresh asks again for every user with a session, so that changes come to light. One of whom the answer makes no sense keeps
// nobody else from being asked for; a source that does not answer at all is left alone soon.
func (c *cache) refresh(ctx context.Context) error {
	var failed []error
	for _, user := range c.held() {
		if _, err := c.ask(ctx, user); err != nil {
			failed = append(failed, fmt.Errorf("refresh %q: %w", user, err))
		}
		if len(failed) > maxLookups {
			break
		}
	}
	return errors.Join(failed...)
}

func (c *cache) held() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var users []string
	for name, u := range c.users {
		if u.sessions > 0 {
			users = append(users, name)
		}
	}
	return users
}

// expire publishes the passwords of sessions that ended since it was called last, without asking.
func (c *cache) expire() {
	for _, user := range c.held() {
		c.mu.Lock()
		var change *Change
		if u := c.users[user]; u != nil {
			change = u.expire(user, time.Now(), c.next)
		}
		c.mu.Unlock()
		if change != nil {
			c.publish(*change)
		}
	}
}
