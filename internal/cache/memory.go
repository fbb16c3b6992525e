package cache

import (
	"container/heap"
	"strings"
	"sync"
	"time"
)

// Overhead is what an entry costs besides what its owner says, in bytes: its record, its places in the map, the slots and
// the heap. Measured by TestTheBoundIsThatOfTheHeap.
const Overhead = 240

// sweepOnSet is how many ended entries each Set reclaims: more than one, so that they cannot pile up.
const sweepOnSet = 4

// Memory is a cache in memory; see the package's comment. Make one with NewMemory.
type Memory[V any] struct {
	max     int64
	cost    func(key string, value V) int64
	added   func(key string)
	removed func(key string, value V, why Removal)

	mu     sync.Mutex // protects the following
	byKey  map[string]*entry[V]
	slots  []*entry[V] // an entry keeps its place for life, so that a scan meets it once
	free   []int       // places without an entry
	root   entry[V]    // of the ring by use: next is the newest, prev the oldest
	due    dueHeap[V]  // entries that end, the next one first
	bytes  int64
	counts Stats
	gone   ghosts
}

// entry is one value, in a ring ordered by use.
type entry[V any] struct {
	key        string
	value      V
	cost       int64
	deadline   int64 // Unix time in µs; 0 never
	slot, due  int   // places in slots and in the heap; due is -1 outside
	prev, next *entry[V]
}

// Removal says why an entry went.
type Removal uint8

// The reasons.
const (
	Deleted  Removal = iota // somebody asked for it
	Replaced                // another value took its place
	Expired                 // its time had come
	Evicted                 // others needed the room
)

// NewMemory returns an empty cache of maxBytes. The cost of an entry is asked once for each Set; it includes the key's bytes
// if the owner wants them counted.
func NewMemory[V any](maxBytes int64, cost func(key string, value V) int64) *Memory[V] {
	m := &Memory[V]{max: maxBytes, cost: cost, byKey: map[string]*entry[V]{}}
	m.added, m.removed = func(string) {}, func(string, V, Removal) {}
	m.root.prev, m.root.next = &m.root, &m.root
	return m
}

// OnChange names functions that are told of every key that comes, and of every value that goes, while the lock is held: they
// must be quick and must not call the Memory. A value that is Replaced goes without its key. To be called before the first use.
func (m *Memory[V]) OnChange(added func(key string), removed func(key string, value V, why Removal)) {
	m.added, m.removed = added, removed
}

// Get returns the value of a key, counts a hit or a miss, and makes the entry the newest.
func (m *Memory[V]) Get(key string) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.find(key)
	if e == nil {
		m.miss(key)
		var none V
		return none, false
	}
	m.counts.Hits++
	m.touch(e)
	return e.value, true
}

// Peek returns the value of a key and when it ends (zero: never), and leaves counts and order as they are.
func (m *Memory[V]) Peek(key string) (value V, deadline time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.find(key)
	if e == nil {
		return value, deadline, false
	}
	if e.deadline != 0 {
		deadline = time.UnixMicro(e.deadline)
	}
	return e.value, deadline, true
}

// Hit counts a hit and makes the entry the newest, as Get does, for who has the value from Peek; it reports whether there is one still.
func (m *Memory[V]) Hit(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.find(key)
	if e != nil {
		m.counts.Hits++
		m.touch(e)
	}
	return e != nil
}

// Touch makes an entry the newest; it reports whether there is one.
func (m *Memory[V]) Touch(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.find(key)
	if e != nil {
		m.touch(e)
	}
	return e != nil
}

// Set keeps a value for a time; 0 is for ever. It reports false when the value is larger than the cache; what was there under
// the key is gone then, too.
func (m *Memory[V]) Set(key string, value V, ttl time.Duration) bool {
	if ttl <= 0 {
		return m.SetUntil(key, value, time.Time{})
	}
	return m.SetUntil(key, value, time.Now().Add(ttl))
}

// SetUntil keeps a value until a moment; the zero time is for ever. A moment that has passed removes the entry.
func (m *Memory[V]) SetUntil(key string, value V, deadline time.Time) bool {
	cost := m.cost(key, value) + Overhead
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(now.UnixMicro(), sweepOnSet)
	old := m.find(key)
	if cost > m.max || !deadline.IsZero() && !deadline.After(now) {
		if old != nil {
			m.remove(old, Deleted)
		}
		if cost > m.max {
			m.counts.Refused++
		}
		return cost <= m.max
	}
	if old != nil {
		m.replace(old, value, cost, now.UnixMicro())
		m.schedule(old, deadline)
		return true
	}
	m.makeRoom(now.UnixMicro(), cost)
	m.insert(&entry[V]{key: key, value: value, cost: cost, due: -1}, deadline)
	return true
}

// replace gives an entry another value, in its place: a scan under way would miss it elsewhere. Callers must hold mu.
func (m *Memory[V]) replace(e *entry[V], value V, cost, now int64) {
	m.removed(e.key, e.value, Replaced)
	m.touch(e)
	m.schedule(e, time.Time{})
	m.bytes -= e.cost
	e.cost = 0
	m.makeRoom(now, cost) // never reaches the newest: without the others there is room
	e.value, e.cost = value, cost
	m.bytes += cost
}

// SetDeadline changes when an entry ends; the zero time is never. It reports whether there is an entry.
func (m *Memory[V]) SetDeadline(key string, deadline time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.find(key)
	if e == nil {
		return false
	}
	m.schedule(e, deadline)
	if e.ended(time.Now().UnixMicro()) {
		m.remove(e, Deleted)
	}
	return true
}

// Delete removes an entry and reports whether there was one.
func (m *Memory[V]) Delete(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.find(key)
	if e != nil {
		m.remove(e, Deleted)
	}
	return e != nil
}

// DeletePrefix removes all entries whose key begins with a prefix, at once, and returns how many there were.
func (m *Memory[V]) DeletePrefix(prefix string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, e := range m.slots {
		if e != nil && strings.HasPrefix(e.key, prefix) {
			m.remove(e, Deleted)
			n++
		}
	}
	return n
}

// find returns the living entry of a key; one that has ended is removed. Callers must hold mu.
func (m *Memory[V]) find(key string) *entry[V] {
	e := m.byKey[key]
	if e == nil || e.deadline == 0 {
		return e
	}
	if e.ended(time.Now().UnixMicro()) {
		m.remove(e, Expired)
		return nil
	}
	return e
}

func (e *entry[V]) ended(now int64) bool { return e.deadline != 0 && e.deadline <= now }

// insert links an entry everywhere. Callers must hold mu and have made room.
func (m *Memory[V]) insert(e *entry[V], deadline time.Time) {
	m.byKey[e.key] = e
	if n := len(m.free); n > 0 {
		e.slot, m.free = m.free[n-1], m.free[:n-1]
		m.slots[e.slot] = e
	} else {
		e.slot = len(m.slots)
		m.slots = append(m.slots, e)
	}
	e.prev, e.next = &m.root, m.root.next
	e.prev.next, e.next.prev = e, e
	m.bytes += e.cost
	m.schedule(e, deadline)
	m.gone.forget(e.key)
	m.added(e.key)
}

// remove unlinks an entry everywhere. Callers must hold mu.
func (m *Memory[V]) remove(e *entry[V], why Removal) {
	delete(m.byKey, e.key)
	m.slots[e.slot] = nil
	m.free = append(m.free, e.slot)
	e.prev.next, e.next.prev = e.next, e.prev
	m.bytes -= e.cost
	if e.due >= 0 {
		heap.Remove(&m.due, e.due)
	}
	if len(m.byKey) == 0 { // nobody's place has to be kept
		m.slots, m.free, m.byKey = nil, nil, map[string]*entry[V]{}
	}
	switch why {
	case Expired:
		m.counts.Expirations++
		m.gone.note(e.key, Expired)
	case Evicted:
		m.counts.Evictions++
		m.gone.note(e.key, Evicted)
	case Deleted, Replaced:
	}
	m.removed(e.key, e.value, why)
}

// touch makes an entry the newest. Callers must hold mu.
func (m *Memory[V]) touch(e *entry[V]) {
	if m.root.next == e {
		return
	}
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = &m.root, m.root.next
	e.prev.next, e.next.prev = e, e
}

// makeRoom removes entries until cost more bytes fit: first those that have ended. Callers must hold mu.
func (m *Memory[V]) makeRoom(now, cost int64) {
	for m.bytes+cost > m.max {
		if len(m.due) > 0 && m.due[0].ended(now) {
			m.remove(m.due[0], Expired)
			continue
		}
		m.remove(m.root.prev, Evicted)
	}
}

// schedule sets when an entry ends. Callers must hold mu.
func (m *Memory[V]) schedule(e *entry[V], deadline time.Time) {
	e.deadline = 0
	if !deadline.IsZero() {
		e.deadline = max(1, deadline.UnixMicro())
	}
	switch {
	case e.due >= 0 && e.deadline == 0:
		heap.Remove(&m.due, e.due)
	case e.due >= 0:
		heap.Fix(&m.due, e.due)
	case e.deadline != 0:
		heap.Push(&m.due, e)
	}
}

// dueHeap orders entries by their end; it implements heap.Interface.
type dueHeap[V any] []*entry[V]

func (h dueHeap[V]) Len() int           { return len(h) }
func (h dueHeap[V]) Less(i, j int) bool { return h[i].deadline < h[j].deadline }
func (h dueHeap[V]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].due, h[j].due = i, j
}

// Push implements heap.Interface.
func (h *dueHeap[V]) Push(x any) {
	e, _ := x.(*entry[V])
	e.due = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *dueHeap[V]) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	e.due = -1
	return e
}
