package cacheserver

import (
	"sync"
	"time"

	"holdfast/internal/cache"
)

// databases is how many there are, as in Redis; they share one bound of memory.
const databases = 16

// kind is what a key holds.
type kind uint8

const (
	kindString kind = iota
	kindHash
	kindSet
)

func (k kind) String() string { return [...]string{"string", "hash", "set"}[k] }

// item is what a key holds. A string's bytes never change: they may be on their way to a client. Hashes and sets are changed
// in place, under the store's lock.
type item struct {
	kind    kind
	str     []byte
	hash    map[string][]byte
	set     map[string]struct{}
	size    int64  // of the fields or members
	version uint64 // of the latest write, for WATCH
}

// member is what a field or a member costs besides its bytes: the records of strings, and its place in a map.
const member = 80

func (i *item) cost() int64 { return 96 + int64(len(i.str)) + i.size }

// store holds the keys of all databases: a key is a byte for the database, then its name.
type store struct {
	mu      sync.Mutex // held while a command or a transaction runs; protects the following
	mem     *cache.Memory[*item]
	version uint64
	count   [databases]int // keys
	prefix  prefixes
}

func newStore(maxBytes int64) *store {
	s := &store{prefix: prefixes{}}
	s.mem = cache.NewMemory(maxBytes, func(key string, i *item) int64 { return int64(len(key)) + i.cost() })
	s.mem.OnChange(func(key string) { s.count[key[0]]++ }, func(key string, _ *item, why cache.Removal) {
		if why != cache.Replaced {
			s.count[key[0]]--
		}
	})
	return s
}

// peek returns an item and leaves order and counts as they are.
func (s *store) peek(key string) *item {
	i, _, _ := s.mem.Peek(key)
	return i
}

// deadline returns an item and when it ends.
func (s *store) deadline(key string) (*item, time.Time) {
	i, at, _ := s.mem.Peek(key)
	return i, at
}

// put keeps an item until a moment; zero is for ever. It reports false when there is no room for it.
func (s *store) put(key string, i *item, until time.Time) bool {
	s.version++
	i.version = s.version
	return s.mem.SetUntil(key, i, until)
}

// changed tells the store that an item was changed in place: it has another size and another version.
func (s *store) changed(key string, i *item) bool {
	_, at := s.deadline(key)
	if i.kind == kindHash && len(i.hash) == 0 || i.kind == kindSet && len(i.set) == 0 {
		s.mem.Delete(key)
		return true
	}
	return s.put(key, i, at)
}

// flush removes the keys of a database.
func (s *store) flush(db byte) int { return s.mem.DeletePrefix(string([]byte{db})) }
