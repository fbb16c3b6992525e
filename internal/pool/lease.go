package pool

import "context"

// Lease is the right to use a connection until it is given back. The first of Release, ReleaseDirty and Discard counts;
// further ones do nothing, so that a deferred Discard makes sure that nothing leaks.
type Lease[C Conn] struct {
	// Conn is the connection. It must not be touched after the end of the lease, nor be changed here.
	Conn C

	id    uint64
	pool  *Pool[C]
	entry *entry[C] // nil after the end; protected by Pool.mu
}

// take ends the lease and returns its connection, or nil if it had ended, or the pool has closed it. Callers hold mu.
func (l *Lease[C]) take() *entry[C] {
	e := l.entry
	l.entry = nil
	if e == nil || e.state != Active {
		return nil
	}
	return e
}

// Release gives the connection back clean: the next one gets it as it is.
func (l *Lease[C]) Release() {
	p := l.pool
	now := p.now()
	p.mu.Lock()
	defer p.unlock()
	if e := l.take(); e != nil {
		p.unlend(e)
		p.offer(e, now)
		p.pump(now)
	}
}

// Discard closes the connection in the background: it is broken, or in doubt.
func (l *Lease[C]) Discard() {
	p := l.pool
	now := p.now()
	p.mu.Lock()
	defer p.unlock()
	if e := l.take(); e != nil {
		p.unlend(e)
		p.retire(e, Discarded, now)
		p.pump(now)
	}
}

// ReleaseDirty gives back a connection that must be reset before somebody else gets it. That happens in the background,
// with the values of ctx but not its end: ResetTimeout and Stop bound it.
func (l *Lease[C]) ReleaseDirty(ctx context.Context) {
	p := l.pool
	now := p.now()
	p.mu.Lock()
	defer p.unlock()
	e := l.take()
	if e == nil {
		return
	}
	p.unlend(e)
	if why, leaves := p.outdated(e, now); leaves {
		p.retire(e, why, now)
	} else {
		p.become(e, Resetting, now)
		p.examine(context.WithoutCancel(ctx), e, p.cfg.ResetTimeout, C.Reset, ResetFailed)
	}
	p.pump(now)
}

// ID returns the number that the connection has in ConnInfo.
func (l *Lease[C]) ID() uint64 { return l.id }

// Outdated says whether the connection will be replaced when it comes back: whoever can part with it early should.
func (l *Lease[C]) Outdated() bool {
	p := l.pool
	now := p.now()
	p.mu.Lock()
	defer p.unlock()
	if l.entry == nil || l.entry.state != Active {
		return true
	}
	_, outdated := p.outdated(l.entry, now)
	return outdated
}
