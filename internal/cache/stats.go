package cache

import "hash/maphash"

// Stats are the counts of a Memory since it was made, and what it holds now.
type Stats struct {
	Entries  int   `json:"entries"`
	Bytes    int64 `json:"bytes"`
	MaxBytes int64 `json:"max_bytes"`

	Hits          int64 `json:"hits"`
	MissesNever   int64 `json:"misses_never"`   // the key was not there, as far as is remembered
	MissesExpired int64 `json:"misses_expired"` // it was, until its time came
	MissesEvicted int64 `json:"misses_evicted"` // it was, until others needed the room

	Evictions   int64 `json:"evictions"`
	Expirations int64 `json:"expirations"`
	Refused     int64 `json:"refused"` // values larger than the cache
}

// Misses is the sum of all misses.
func (s Stats) Misses() int64 { return s.MissesNever + s.MissesExpired + s.MissesEvicted }

// Stats returns the counts.
func (m *Memory[V]) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.counts
	s.Entries, s.Bytes, s.MaxBytes = len(m.byKey), m.bytes, m.max
	return s
}

// miss counts a miss by its reason. Callers must hold mu.
func (m *Memory[V]) miss(key string) {
	switch m.gone.why(key) {
	case Expired:
		m.counts.MissesExpired++
	case Evicted:
		m.counts.MissesEvicted++
	case Deleted, Replaced:
		m.counts.MissesNever++
	}
}

// maxGhosts is how many keys that went are remembered; about 3 MB.
const maxGhosts = 1 << 16

// ghosts remember why the latest keys went, by hash. Two keys of one hash, one in 2⁴⁸ with so few, only blur a count.
type ghosts struct {
	seed   maphash.Seed
	reason map[uint64]ghost
	ring   []uint64
	next   int
}

type ghost struct {
	why Removal
	at  int // in the ring
}

func (g *ghosts) note(key string, why Removal) {
	if g.reason == nil {
		g.seed, g.reason = maphash.MakeSeed(), map[uint64]ghost{}
	}
	hash := maphash.String(g.seed, key)
	if len(g.ring) < maxGhosts {
		g.ring = append(g.ring, 0)
		g.next = len(g.ring) - 1
	} else {
		g.next = (g.next + 1) % maxGhosts
		if old := g.ring[g.next]; g.reason[old].at == g.next {
			delete(g.reason, old)
		}
	}
	g.ring[g.next] = hash
	g.reason[hash] = ghost{why, g.next}
}

func (g *ghosts) forget(key string) {
	if len(g.reason) > 0 {
		delete(g.reason, maphash.String(g.seed, key))
	}
}

// why returns why a key went, Deleted if that is not known.
func (g *ghosts) why(key string) Removal {
	if len(g.reason) == 0 {
		return Deleted
	}
	return g.reason[maphash.String(g.seed, key)].why
}
