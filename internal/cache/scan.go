package cache

import "time"

// rangeChunk is how many places Range looks at while it holds the lock.
const rangeChunk = 256

// Item is an entry as a scan returns it.
type Item[V any] struct {
	Key   string
	Value V
}

// Scan returns the entries in the next places after a cursor, at most places of them, and the cursor to go on with; it begins
// and ends with 0. An entry that is there during the whole of a scan is returned once; one that comes or goes meanwhile may
// be returned or not.
func (m *Memory[V]) Scan(cursor uint64, places int) (items []Item[V], next uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now().UnixMicro()
	at := cursor
	for ; at < uint64(len(m.slots)) && places > 0; at, places = at+1, places-1 {
		if e := m.slots[at]; e != nil && !e.ended(now) {
			items = append(items, Item[V]{e.key, e.value})
		}
	}
	if at >= uint64(len(m.slots)) {
		return items, 0
	}
	return items, at
}

// Range calls f for every entry until it returns false. Entries that come or go meanwhile may be seen or not.
func (m *Memory[V]) Range(f func(key string, value V) bool) {
	for cursor := uint64(0); ; {
		items, next := m.Scan(cursor, rangeChunk)
		for _, i := range items {
			if !f(i.Key, i.Value) {
				return
			}
		}
		if next == 0 {
			return
		}
		cursor = next
	}
}

// Sweep reclaims entries that have ended, at most so many, and returns how many there were.
func (m *Memory[V]) Sweep(most int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sweep(time.Now().UnixMicro(), most)
}

func (m *Memory[V]) sweep(now int64, most int) (n int) {
	for n < most && len(m.due) > 0 && m.due[0].ended(now) {
		m.remove(m.due[0], Expired)
		n++
	}
	return n
}

// Places returns how many places a whole scan looks at.
func (m *Memory[V]) Places() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.slots)
}
