package content

import (
	"container/list"
	"sync"

	"holdfast/internal/revision"
	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

// revisionKey names a revision by what people call it.
type revisionKey struct {
	source string
	commit treepack.ID
}

// loaded is an index in memory, with the answers that were made of it.
type loaded struct {
	*revision.Index
	preset *revision.Preset // the rules of the source when it was read
	view   treecache.View
	weight int64

	mu       sync.Mutex // protects closures
	closures map[string]*closure
}

// maxClosures bounds the answers that are remembered of an index: a course has some thousand questions.
const maxClosures = 8192

// indexMemory holds the indexes that were used last, within a number of bytes.
type indexMemory struct {
	limit int64 // estimated bytes

	mu     sync.Mutex // protects the following
	order  *list.List // of *loaded, the last used first
	places map[revisionKey]*list.Element
	weight int64
}

func newIndexMemory(limit int64) *indexMemory {
	return &indexMemory{limit: limit, order: list.New(), places: map[revisionKey]*list.Element{}}
}

func (x *loaded) key() revisionKey { return revisionKey{x.Source, x.Commit} }

// get returns an index and makes it the last used.
func (m *indexMemory) get(k revisionKey) *loaded {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.places[k]
	if e == nil {
		return nil
	}
	m.order.MoveToFront(e)
	return e.Value.(*loaded) //nolint:forcetypeassert // nothing else is put there
}

// put takes an index in and lets go of those not used for the longest time.
func (m *indexMemory) put(x *loaded) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.places[x.key()]; e != nil {
		m.drop(e)
	}
	m.places[x.key()] = m.order.PushFront(x)
	for m.weight += x.weight; m.weight > m.limit && m.order.Len() > 1; {
		m.drop(m.order.Back())
	}
}

// drop forgets one. Callers must hold mu.
func (m *indexMemory) drop(e *list.Element) {
	x := m.order.Remove(e).(*loaded) //nolint:forcetypeassert // as above
	delete(m.places, x.key())
	m.weight -= x.weight
}

// weigh estimates the bytes that an index takes in memory, answers included.
func weigh(ix *revision.Index) int64 {
	const perChunk, perPiece = 600, 200
	n := int64(len(ix.Chunks)) * perChunk
	for i := range ix.Chunks {
		n += int64(len(ix.Chunks[i].Pieces)) * perPiece
	}
	return n
}
