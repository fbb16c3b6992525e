package httpcache

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"holdfast/internal/cache"
)

// errTooLong is what is wrong with a body that is longer than what may be kept of it.
var errTooLong = errors.New("longer than what is kept")

// budget is how much memory bodies in flight may take together.
type budget struct {
	max  int64
	used atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.max {
		b.used.Add(-n)
		return false
	}
	return true
}

// spool is a body that is being written by one and read by many. Its beginning lies in a file if it is long, the rest in
// memory.
type spool struct {
	store  *store
	budget *budget
	limit  int64

	mu     sync.Mutex // protects the following
	file   *cache.DiskWriter
	inFile int64         // how much of the body is in the file
	buf    []byte        // the rest; what was written stays as it is
	taken  int64         // of the budget
	broken bool          // the file does not hold all
	sealed bool          // the body is whole
	over   bool          // those who read may know that there is no more
	err    error         // how it ended
	grown  chan struct{} // closed when there is more; nil while nobody waits
}

// newSpool makes room for a body of a length, -1 if nobody knows it. It reports false when there is none.
func newSpool(s *store, b *budget, length int64) (*spool, bool) {
	p := &spool{store: s, budget: b, limit: s.largest}
	switch {
	case length > s.largest:
		return nil, false
	case length > s.small:
		file, err := s.files().Create(length)
		if err != nil {
			return nil, false
		}
		p.file = file
	case length >= 0:
		if !p.claim(length) {
			return nil, false
		}
		p.buf = make([]byte, 0, length)
	}
	return p, true
}

// claim takes from the budget. Callers must hold mu, or be alone.
func (p *spool) claim(n int64) bool {
	if n <= p.taken {
		return true
	}
	if !p.budget.take(n - p.taken) {
		return false
	}
	p.taken = n
	return true
}

// Write appends. errTooLong says that nothing was appended, because there is no more room.
func (p *spool) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.size()+int64(len(b)) > p.limit {
		return 0, errTooLong
	}
	if p.file == nil && int64(len(p.buf)+len(b)) > p.store.small {
		p.spill()
	}
	if p.file != nil && !p.broken {
		n, err := p.file.Write(b)
		p.inFile += int64(n)
		p.wake()
		if err == nil {
			return len(b), nil
		}
		p.broken, b = true, b[n:]
	}
	if !p.claim(max(int64(len(p.buf)+len(b)), int64(cap(p.buf)))) {
		return 0, errTooLong
	}
	p.buf = append(p.buf, b...)
	p.wake()
	return len(b), nil
}

// spill moves what is in memory to a file, if there can be one. Callers must hold mu.
func (p *spool) spill() {
	if p.store.files() == nil {
		return
	}
	file, err := p.store.files().Create(int64(len(p.buf)))
	if err == nil {
		if _, err = file.Write(p.buf); err != nil {
			file.Discard()
			_ = file.Close() // nobody reads it
		}
	}
	if err != nil {
		p.limit = min(p.limit, p.store.small)
		return
	}
	p.file, p.inFile, p.buf = file, int64(len(p.buf)), nil
	p.budget.used.Add(-p.taken)
	p.taken = 0
}

func (p *spool) size() int64 { return p.inFile + int64(len(p.buf)) }

// wake tells those who wait for more. Callers must hold mu.
func (p *spool) wake() {
	if p.grown != nil {
		close(p.grown)
		p.grown = nil
	}
}

// seal says that the body is whole.
func (p *spool) seal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sealed = true
}

// end says that the body is over, whole if err is nil.
func (p *spool) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.over, p.err = true, err
		p.wake()
	}
}

// next copies what there is from an offset on: n bytes, of which the end of the body is io.EOF. When there is nothing yet, more is closed
// as soon as there is.
func (p *spool) next(w io.Writer, at int64) (n int64, more <-chan struct{}, err error) {
	p.mu.Lock()
	size, inFile, file, buf, over, ended := p.size(), p.inFile, p.file, p.buf, p.over, p.err
	if at == size && !over {
		if p.grown == nil {
			p.grown = make(chan struct{})
		}
		more = p.grown
		p.mu.Unlock()
		return 0, more, nil
	}
	p.mu.Unlock()
	switch {
	case at < inFile:
		n, err = io.Copy(w, io.NewSectionReader(file, at, inFile-at))
	case at < size:
		var k int
		k, err = w.Write(buf[at-inFile:])
		n = int64(k)
	case ended != nil:
		err = ended
	default:
		err = io.EOF
	}
	return n, nil, err
}

// release gives memory and file back. Nobody may read any more.
func (p *spool) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget.used.Add(-p.taken)
	p.taken = 0
	if p.file != nil {
		p.file.Discard() // does nothing after a commit
		_ = p.file.Close()
	}
}

// whole returns the body as it is to be stored: in memory, or in a file.
func (p *spool) whole() (body []byte, file *cache.DiskWriter, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.sealed || p.broken:
		return nil, nil, false
	case p.file != nil:
		return nil, p.file, true
	case int64(len(p.buf)) > p.store.small:
		return nil, nil, false
	}
	return p.buf[:len(p.buf):len(p.buf)], nil, true
}
