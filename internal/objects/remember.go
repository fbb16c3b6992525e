package objects

import (
	"container/list"
	"hash/maphash"
	"sync"
	"time"
)

const (
	memoryShards = 32
	// memoryBytes bounds what is remembered of rows, by an estimate of their size.
	memoryBytes = 32 << 20
	// memoryLife bounds how long a row is remembered. A write whose outcome was not learned (the connection was lost
	// while committing) may become visible after the row was read again: this is when at the latest.
	memoryLife = 5 * time.Second
)

// Turns says whether this process is the only one that writes the index: not 0 while it is, and another number each
// time that it became so. postgres.Sole is one.
type Turns interface{ Turn() uint64 }

// memory holds rows of objects that were read while this process was alone, so that they need not be read again. It is
// what makes a lookup cost no round trip on a site with one process; with several, nothing is remembered.
//
// A write forgets its place after the database has answered and before the writer is told. A lookup may run beside a
// write and hold the old row: so each shard counts what was forgotten, and a row is only kept when nothing was between
// the question and the answer.
type memory struct {
	turns  Turns
	seed   maphash.Seed
	now    func() time.Time
	shards [memoryShards]memoryShard
}

type memoryShard struct {
	mu      sync.Mutex // protects the following
	turn    uint64     // the turn that the entries belong to
	changes uint64     // how often something was forgotten
	entries map[memoryKey]*list.Element
	used    *list.List // of *memoryEntry, the most recently used first
	bytes   int
}

type memoryKey struct {
	bucket int32
	key    string
}

type memoryEntry struct {
	key    memoryKey
	object Object
	read   time.Time
	size   int
}

// ticket is what a lookup takes before it asks the database.
type ticket struct{ turn, changes uint64 }

func newMemory(turns Turns) *memory {
	m := &memory{turns: turns, seed: maphash.MakeSeed(), now: time.Now}
	for i := range m.shards {
		m.shards[i].entries = map[memoryKey]*list.Element{}
		m.shards[i].used = list.New()
	}
	return m
}

func (m *memory) shard(k memoryKey) *memoryShard {
	return &m.shards[maphash.Comparable(m.seed, k)%memoryShards]
}

// recall returns the row if it is remembered, else a ticket for keep.
func (m *memory) recall(k memoryKey) (Object, ticket, bool) {
	turn := m.turns.Turn()
	if turn == 0 {
		return Object{}, ticket{}, false
	}
	s := m.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn != turn {
		s.clear()
		s.turn = turn
	}
	t := ticket{turn, s.changes}
	el, ok := s.entries[k]
	if !ok {
		return Object{}, t, false
	}
	e := el.Value.(*memoryEntry)
	now := m.now()
	if now.Sub(e.read) > memoryLife || !e.object.ExpiresAt.IsZero() && !now.Before(e.object.ExpiresAt) {
		s.drop(el)
		return Object{}, t, false
	}
	s.used.MoveToFront(el)
	return e.object, t, true
}

// keep remembers a row that was read after the ticket was taken, unless something was written or the company changed
// in between.
func (m *memory) keep(k memoryKey, t ticket, o Object) {
	if t.turn == 0 || m.turns.Turn() != t.turn {
		return
	}
	s := m.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn != t.turn || s.changes != t.changes {
		return
	}
	if old, ok := s.entries[k]; ok {
		s.drop(old)
	}
	e := &memoryEntry{key: k, object: o, read: m.now(), size: rowSize(k, &o)}
	s.entries[k] = s.used.PushFront(e)
	s.bytes += e.size
	for s.bytes > memoryBytes/memoryShards {
		s.drop(s.used.Back())
	}
}

// forget is called by every writer when the database has answered, whatever it answered.
func (m *memory) forget(k memoryKey) {
	s := m.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	if el, ok := s.entries[k]; ok {
		s.drop(el)
	}
}

// drop removes an entry. Callers must hold mu.
func (s *memoryShard) drop(el *list.Element) {
	e := s.used.Remove(el).(*memoryEntry)
	delete(s.entries, e.key)
	s.bytes -= e.size
}

// clear removes all entries. Callers must hold mu.
func (s *memoryShard) clear() {
	clear(s.entries)
	s.used.Init()
	s.bytes = 0
	s.changes++
}

// rowSize estimates what an entry takes, in bytes: the structs, the list element and the map's share are about 800.
func rowSize(k memoryKey, o *Object) int {
	n := 800 + len(k.key) + len(o.Headers.ContentType) + len(o.Headers.ContentDisposition) + len(o.Headers.CacheControl)
	for _, m := range []map[string]string{o.Headers.User, o.Tags} {
		for name, value := range m {
			n += len(name) + len(value) + 64
		}
	}
	return n
}
