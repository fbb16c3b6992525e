package gitrepo

import (
	"context"
	"fmt"
	"sync"
)

// pool lends processes of one mode, and starts another when all are lent, up to its size.
type pool struct {
	repo  *Repo
	mode  string
	slots chan struct{} // holds one for each process that may be lent
	ended chan struct{} // closed by close

	mu     sync.Mutex // protects the following
	closed bool
	idle   []*batch
	alive  map[*batch]bool // lent or idle
	left   sync.WaitGroup  // joined under mu while not closed: processes that are not waited for yet
}

func newPool(r *Repo, size int, mode string) *pool {
	return &pool{repo: r, mode: mode, slots: make(chan struct{}, size), ended: make(chan struct{}), alive: map[*batch]bool{}}
}

// lend returns a process that is the caller's until giveBack.
func (p *pool) lend(ctx context.Context) (*batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a reader of the mirror: %w", context.Cause(ctx))
	case <-p.ended:
		return nil, ErrClosed
	}
	b, err := p.take()
	if err != nil {
		<-p.slots
	}
	return b, err
}

func (p *pool) take() (*batch, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		b := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return b, nil
	}
	b, err := p.repo.startBatch(p.mode)
	if err != nil {
		return nil, like(ErrFailed, "start git cat-file: %w", err)
	}
	p.alive[b] = true
	p.left.Add(1)
	return b, nil
}

// giveBack takes a process back. One that is not good any more is ended, and waited for.
func (p *pool) giveBack(b *batch, good bool) {
	p.mu.Lock()
	good = good && !p.closed && !b.spent
	if good {
		p.idle = append(p.idle, b)
	} else {
		delete(p.alive, b)
	}
	p.mu.Unlock()
	if !good {
		b.kill()
		b.wait()
		p.left.Done()
	}
	<-p.slots
}

func (p *pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// close ends all processes, those that are lent by killing them, and waits for them.
func (p *pool) close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.ended)
	}
	idle := p.idle
	p.idle = nil
	for b := range p.alive {
		b.kill()
	}
	p.mu.Unlock()
	for _, b := range idle {
		p.giveBackIdle(b)
	}
	p.left.Wait()
}

// rest ends the processes that nobody has lent.
func (p *pool) rest() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, b := range idle {
		p.giveBackIdle(b)
	}
}

// giveBackIdle ends a process that nobody has lent.
func (p *pool) giveBackIdle(b *batch) {
	p.mu.Lock()
	delete(p.alive, b)
	p.mu.Unlock()
	b.wait()
	p.left.Done()
}
