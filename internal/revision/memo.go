package revision

import (
	"sync"

	"holdfast/internal/treepack"
)

// defaultMemo is the number of blobs that a build remembers, some 100 bytes each.
const defaultMemo = 1 << 16

// Memo remembers what is known of blobs between builds: their sizes, whether they stand for a large file elsewhere, and
// what they require. It may be shared by sources and goroutines. Errors are not remembered.
type Memo struct {
	limit int
	mu    sync.Mutex // protects the following
	facts map[treepack.ID]fact
	needs map[needKey]need
}

// fact is what there is to know of a file.
type fact struct {
	size    int64
	pointer bool // a Git LFS pointer
}

// needKey names a member of a JSON file.
type needKey struct {
	blob  treepack.ID
	field string
}

// need is what was found there.
type need struct {
	texts []string
	odd   string // why nothing could be read
}

// NewMemo returns a memo of at most so many blobs.
func NewMemo(blobs int) *Memo {
	return &Memo{limit: blobs, facts: map[treepack.ID]fact{}, needs: map[needKey]need{}}
}

func (m *Memo) fact(id treepack.ID) (fact, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.facts[id]
	return f, ok
}

// setFact forgets everything when the memo is full: what a course holds at present is soon there again.
func (m *Memo) setFact(id treepack.ID, f fact) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.facts) >= m.limit {
		clear(m.facts)
	}
	m.facts[id] = f
}

func (m *Memo) need(k needKey) (need, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.needs[k]
	return n, ok
}

func (m *Memo) setNeed(k needKey, n need) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.needs) >= m.limit {
		clear(m.needs)
	}
	m.needs[k] = n
}
