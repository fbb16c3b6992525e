package pgauth

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"holdfast/internal/fault"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
	"holdfast/internal/scram"
)

// Options are what an Authenticator is given besides its settings.
type Options struct {
	Log      *slog.Logger
	Findings *health.Registry
	Querier  Querier  // needed when the setting query is set
	Probe    string   // the user for whom the query is run from time to time, so that one that fails is found; "": it is not
	Users    []User   // users of the configuration; they come before the file
	Sources  []Source // further sources; they are asked after the file, before the query
	// MockSecret makes unknown users look like known ones, with the same salt after a restart. Zero: a random one.
	MockSecret [32]byte
}

// Authenticator decides who may log in. It is a lifecycle.Service; ready means that the user file is read. Its methods
// are safe for concurrent use.
type Authenticator struct {
	options  Options
	base     lifecycle.Base
	state    atomic.Pointer[state]
	counter  atomic.Uint64 // of generations
	throttle *throttle
	users    *book
	caches   []*cache // of Options.Sources and, last, of Options.Querier
	roster   roster
	failing  bool // the query did not work when it was probed last; the watching goroutine's

	reloading sync.Mutex // held while the file is read or the settings change
	read      stamp      // of the file as it was read; protected by reloading
	seen      stamp      // of the file as it was looked at last; protected by reloading

	mu          sync.Mutex // protects the following
	subscribers map[int]func(Change)
	last        int // key in subscribers

	telling sync.Mutex // held while subscribers are called
}

// state is what follows from the settings.
type state struct {
	Config
	rules     []rule
	directory *directory // nil: none
}

// New returns an Authenticator that starts nothing yet.
func New(c Config, o Options) (*Authenticator, error) {
	if o.MockSecret == ([32]byte{}) {
		_, _ = rand.Read(o.MockSecret[:]) // never fails
	}
	a := &Authenticator{options: o, throttle: newThrottle(), subscribers: map[int]func(Change){}}
	a.users = newBook(o.MockSecret, a.generation)
	for i, s := range o.Sources {
		a.caches = append(a.caches, a.newCache(fmt.Sprintf("source %d", i), s))
	}
	if o.Querier != nil {
		a.caches = append(a.caches, a.newCache("the database", querySource{o.Querier}))
	}
	s, err := a.newState(c)
	if err != nil {
		return nil, err
	}
	a.state.Store(s)
	return a, nil
}

func (a *Authenticator) generation() uint64 { return a.counter.Add(1) }

func (a *Authenticator) newCache(name string, s Source) *cache {
	condition := queryCondition
	condition.Subject = name
	return &cache{
		source: s, name: name, hold: a.base.Hold, next: a.generation, publish: a.publish,
		outcome: func(err error) {
			seen := condition
			seen.Hint = cmp.Or(fault.HintOf(err), condition.Hint)
			a.options.Findings.Report(seen, err)
		},
		lookups: make(chan struct{}, maxLookups), users: map[string]*cached{},
	}
}

// newState prepares settings.
func (a *Authenticator) newState(c Config) (*state, error) {
	if err := c.Validate().Err(); err != nil {
		return nil, err
	}
	if c.Auth.Query != "" && a.options.Querier == nil {
		return nil, fault.New(fault.Config, "auth_query", "database.auth.query is set, and nothing can run it")
	}
	settings := c.Rules
	if len(settings) == 0 {
		settings = defaultRules()
	}
	rules, err := newRules(settings)
	if err != nil {
		return nil, err
	}
	s := &state{Config: c, rules: rules}
	if len(c.Auth.LDAP.URLs) > 0 {
		s.directory = newDirectory(c.Auth.LDAP)
	}
	return s, nil
}

// match returns the rule that decides on an attempt, nil if none does.
func (s *state) match(at Attempt) *rule {
	for i := range s.rules {
		if s.rules[i].matches(at) {
			return &s.rules[i]
		}
	}
	return nil
}

// Start reads the file and begins to watch for changes.
func (a *Authenticator) Start(ctx context.Context) error {
	return a.base.Start(ctx, func(context.Context) error {
		if err := a.readUsers(a.state.Load().Auth); err != nil {
			return err
		}
		a.noteTrust()
		a.base.Go(a.watch)
		a.base.Go(a.lookAgain)
		return nil
	})
}

// Stop ends the watching and closes the connections to the directory.
func (a *Authenticator) Stop(ctx context.Context) error {
	err := a.base.Stop(ctx, nil)
	if d := a.state.Load().directory; d != nil {
		d.close()
	}
	return err
}

// Reload takes new settings and reads the file again (SIGHUP). On an error the old ones stay.
func (a *Authenticator) Reload(c Config) error {
	s, err := a.newState(c)
	if err != nil {
		return err
	}
	if err := a.readUsers(c.Auth); err != nil {
		return err
	}
	if old := a.state.Swap(s).directory; old != nil {
		old.close()
	}
	a.noteTrust()
	return nil
}

// SetUsers takes other users of the configuration, at the next Reload.
func (a *Authenticator) SetUsers(users []User) {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	a.options.Users = users
}

// noteTrust tells that somebody gets in without proof.
func (a *Authenticator) noteTrust() {
	for _, r := range a.state.Load().rules {
		if r.method == Trust {
			a.options.Findings.Set(trustCondition, fmt.Sprintf("database.rules[%d] has the method trust", r.index))
			return
		}
	}
	a.options.Findings.Clear(trustCondition)
}

// Subscribe calls f for every change of a credential, one call at a time, until the returned function is called. f must
// not wait for a log-in.
func (a *Authenticator) Subscribe(f func(Change)) (cancel func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last++
	key := a.last
	a.subscribers[key] = f
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.subscribers, key)
	}
}

// publish tells the subscribers of a change.
func (a *Authenticator) publish(c Change) {
	a.telling.Lock()
	defer a.telling.Unlock()
	a.mu.Lock()
	subscribers := make([]func(Change), 0, len(a.subscribers))
	for _, f := range a.subscribers {
		subscribers = append(subscribers, f)
	}
	a.mu.Unlock()
	for _, f := range subscribers {
		f(c)
	}
}

// found is what the sources know of a user.
type found struct {
	entry
	from *cache // nil: the configuration or the file
}

// find asks the sources in their order.
func (a *Authenticator) find(ctx context.Context, user string, auth Auth) (found, error) {
	if e, ok := a.users.find(user); ok {
		return found{entry: e}, nil
	}
	var last found
	for i, c := range a.caches {
		if a.options.Querier != nil && i == len(a.caches)-1 && auth.Query == "" {
			break // the settings have no query
		}
		e, err := c.find(ctx, user, auth.QueryTTL.D())
		if err != nil {
			return found{}, err
		}
		if last = (found{e, c}); e.known {
			return last, nil
		}
	}
	return last, nil
}

// mock returns keys for a user who has none, with the iteration count that most users have.
func (a *Authenticator) mock(user string) scram.Keys {
	keys := scram.Mock(a.options.MockSecret, user)
	if n := a.users.iterations(); n > 0 {
		keys.Iterations = n
	}
	return keys
}

// noteDirectory tells whether the directory checks passwords.
func (a *Authenticator) noteDirectory(err error) {
	switch {
	case !isUnavailable(err):
		a.options.Findings.Clear(ldapCondition)
	case !errors.Is(err, context.Canceled):
		a.options.Findings.Set(ldapCondition, err.Error())
	}
}
