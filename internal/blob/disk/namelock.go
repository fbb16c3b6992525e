package disk

import (
	"sync"

	"holdfast/internal/blob"
)

// nameLocks let one goroutine at a time change what is under a name, so that the order of the journal's records is that of the
// changes.
type nameLocks struct {
	mu   sync.Mutex // protects held and users
	held map[blob.Name]*nameLock
}

type nameLock struct {
	users int
	sync.Mutex
}

// lock locks one name or two and returns what unlocks them.
func (l *nameLocks) lock(names ...blob.Name) (unlock func()) {
	if len(names) == 2 && names[1] < names[0] {
		names[0], names[1] = names[1], names[0]
	}
	for _, name := range names {
		l.one(name).Lock()
	}
	return func() {
		for _, name := range names {
			l.unlock(name)
		}
	}
}

func (l *nameLocks) one(name blob.Name) *nameLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.held[name]
	if n == nil {
		n = &nameLock{}
		l.held[name] = n
	}
	n.users++
	return n
}

func (l *nameLocks) unlock(name blob.Name) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.held[name]
	n.Unlock()
	if n.users--; n.users == 0 {
		delete(l.held, name)
	}
}

// alone locks names of a store with a journal; without one every step that decides something is one system call anyway.
func (j *journal) alone(names ...blob.Name) (unlock func()) {
	if j == nil {
		return func() {}
	}
	return j.names.lock(names...)
}
