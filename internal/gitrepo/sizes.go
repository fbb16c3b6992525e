package gitrepo

import (
	"sync"

	"holdfast/internal/treepack"
)

// manySizes bounds the sizes that are remembered, some 100 bytes each.
const manySizes = 1 << 16

// sizes remembers the sizes of blobs: whoever plans a part and packs it asks for each of them three times. A size follows from the id.
type sizes struct {
	mu  sync.Mutex // protects all
	all map[treepack.ID]int64
}

func (s *sizes) get(id treepack.ID) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.all[id]
	return n, ok
}

func (s *sizes) put(id treepack.ID, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil || len(s.all) >= manySizes {
		s.all = map[treepack.ID]int64{}
	}
	s.all[id] = n
}

func (s *sizes) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = nil
}
