package pgauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"holdfast/internal/scram"
	"holdfast/internal/secret"
)

// book holds the users of the configuration and of the file.
type book struct {
	secret [32]byte // under which plain passwords are remembered
	next   func() uint64

	mu    sync.Mutex // protects the following
	users map[string]bookEntry
}

// bookEntry is an entry, and of which plain password its verifier was made.
type bookEntry struct {
	entry
	plain [32]byte // zero: of none
}

func newBook(secret [32]byte, next func() uint64) *book {
	return &book{secret: secret, next: next, users: map[string]bookEntry{}}
}

// find returns a user's entry.
func (b *book) find(user string) (entry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.users[user]
	return e.entry, ok
}

// iterations returns the count that most verifiers have, and 0 when there is none.
func (b *book) iterations() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts, best := map[int]int{}, 0
	for _, e := range b.users {
		n := e.Keys.Iterations
		if counts[n]++; counts[n] > counts[best] {
			best = n
		}
	}
	return best
}

// replace takes the users in place of those it had, and returns what changed.
func (b *book) replace(users []listed, at time.Time) ([]Change, error) {
	fresh := make(map[string]bookEntry, len(users))
	for _, u := range users {
		e, err := b.entryOf(u)
		if err != nil {
			return nil, fmt.Errorf("the password of %q: %w", u.name, err)
		}
		fresh[u.name] = e
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var changes []Change
	for name, old := range b.users {
		e, known := fresh[name]
		if known && e.same(old.Login) {
			e.generation = old.generation
			fresh[name] = e
			continue
		}
		changes = append(changes, Change{name, b.next(), reasonOf(e.Login, known, at)})
	}
	for name, e := range fresh {
		if e.generation == 0 {
			e.generation = b.next()
			fresh[name] = e
		}
	}
	b.users = fresh
	return changes, nil
}

// entryOf makes an entry of a line. A plain password that was there before keeps its verifier: making one takes
// milliseconds, and a new one would end the user's sessions.
func (b *book) entryOf(u listed) (bookEntry, error) {
	e := bookEntry{entry: entry{Login: Login{Keys: u.keys, HasPassword: true}, known: true}}
	if u.password.IsZero() {
		return e, nil
	}
	e.plain, e.password = b.remember(u.password), u.password
	b.mu.Lock()
	old, ok := b.users[u.name]
	b.mu.Unlock()
	if ok && old.plain == e.plain {
		e.Keys = old.Keys
		return e, nil
	}
	var err error
	e.Keys, err = scram.NewVerifier(u.password.Reveal(), scram.DefaultIterations)
	return e, err
}

// remember returns what tells a password from another one without telling it.
func (b *book) remember(password secret.String) [32]byte {
	mac := hmac.New(sha256.New, b.secret[:])
	mac.Write([]byte(password.Reveal()))
	return [32]byte(mac.Sum(nil))
}
