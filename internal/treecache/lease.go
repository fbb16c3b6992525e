package treecache

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// handle is the shared lock that this process has on one lease file of a view. Leases share it: for the first of them it is taken, and a
// moment after the last it ends, so that calls in a row find it. When eviction has put another lease file in its place, newcomers get a
// new handle.
type handle struct {
	view   View
	fd     int
	ino    uint64
	leases int             // protected by process.mu; 0: it rests
	rests  time.Time       // protected by process.mu: when the last lease ended
	closed bool            // protected by process.mu
	known  map[string]bool // protected by process.mu: markers that were seen while the lease file was in its place
}

// Lease keeps what its view shows.
type Lease struct {
	p    *process
	h    *handle
	dir  string
	over atomic.Bool
}

// Dir returns the directory of the view.
func (l *Lease) Dir() string { return l.dir }

// Has reports whether the view shows the chunk.
func (l *Lease) Has(key string) bool { return l.p.shows(l.h.view, key) }

// Release ends the lease. It may be called again, and from any goroutine.
func (l *Lease) Release() {
	if l.over.CompareAndSwap(false, true) {
		l.p.release(l.h)
	}
}

// inode returns the inode of the view's lease file, 0 if there is none.
func (p *process) inode(v View) uint64 {
	var st unix.Stat_t
	if unix.Stat(p.viewPath(v, leaseName), &st) != nil {
		return 0
	}
	return st.Ino
}

// acquire returns a lease if the view is there. While somebody evicts from it without leases in the way, it waits for some milliseconds; false
// may also mean that it took longer.
func (p *process) acquire(v View) (*Lease, bool) {
	const tries, pause = 40, 250 * time.Microsecond
	for range tries {
		h, busy := p.handle(v)
		switch {
		case h == nil && !busy:
			return nil, false
		case h == nil:
			<-time.After(pause)
			continue
		// The lock comes first, then the look: whoever replaces the lease file afterwards waits for us.
		case h.ino == p.inode(v):
			return &Lease{p: p, h: h, dir: p.viewPath(v)}, true
		}
		p.mu.Lock()
		if p.handles[v] == h {
			delete(p.handles, v)
		}
		p.mu.Unlock()
		p.release(h)
	}
	return nil, false
}

// handle returns the handle of a view with one more lease counted, a new one if there is none. Without one, busy tells whether the lease file is
// there and somebody has it exclusively.
func (p *process) handle(v View) (h *handle, busy bool) {
	p.mu.Lock()
	h = p.handles[v]
	if h != nil {
		h.leases++
	}
	p.mu.Unlock()
	if h != nil {
		return h, false
	}
	fd, err := unix.Open(p.viewPath(v, leaseName), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || !flock(fd, unix.LOCK_SH) {
		_ = unix.Close(fd)
		return nil, true
	}
	return p.adopt(&handle{view: v, fd: fd, ino: st.Ino, leases: 1, known: map[string]bool{}}), false
}

// adopt makes a handle the one of its view, unless another goroutine was faster.
func (p *process) adopt(h *handle) *handle {
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.handles[h.view]; other != nil && other.ino == h.ino {
		other.leases++
		h.close()
		return other
	}
	p.handles[h.view] = h
	p.held[h] = true
	return h
}

// flock asks for a lock of a lease file without waiting.
func flock(fd, how int) bool {
	for {
		err := unix.Flock(fd, how|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}

// close ends the lock. Closing alone would not, while a child is being forked.
func (h *handle) close() { unlockFile(h.fd) }

func unlockFile(fd int) {
	_ = unix.Flock(fd, unix.LOCK_UN)
	_ = unix.Close(fd)
}

func (p *process) release(h *handle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h.leases--
	if h.leases > 0 || h.closed {
		return
	}
	if p.handles[h.view] == h && !p.closed {
		p.rest(h)
	} else {
		p.end(h)
	}
	if p.released != nil {
		close(p.released)
		p.released = nil
	}
}

// restTime is how long the lock of a view stays after its last lease. Others who want to evict find it leased meanwhile; this process ends
// it when it wants to.
const restTime = 250 * time.Millisecond

// rest keeps a handle for the next lease. The caller holds mu.
func (p *process) rest(h *handle) {
	h.rests = time.Now()
	if p.waker == nil {
		p.waker = time.AfterFunc(restTime, p.endRested)
	}
}

// endRested ends the handles that nobody has used for a moment.
func (p *process) endRested() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waker = nil
	next := time.Duration(0)
	for h := range p.held {
		if h.leases > 0 {
			continue
		}
		left := restTime - time.Since(h.rests)
		if left <= 0 {
			p.end(h)
		} else if next == 0 || left < next {
			next = left
		}
	}
	if next > 0 {
		p.waker = time.AfterFunc(next, p.endRested)
	}
}

// endRest ends the handles of a view that nobody uses: this process wants to evict.
func (p *process) endRest(v View) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for h := range p.held {
		if h.view == v && h.leases == 0 {
			p.end(h)
		}
	}
}

// end closes a handle. The caller holds mu.
func (p *process) end(h *handle) {
	if p.handles[h.view] == h {
		delete(p.handles, h.view)
	}
	delete(p.held, h)
	h.closed = true
	h.close()
}

// closeLeases ends all leases of this process, whatever their holders think.
func (p *process) closeLeases() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for h := range p.held {
		p.end(h)
	}
	if p.waker != nil {
		p.waker.Stop()
		p.waker = nil
	}
}

// warm returns a lease if the view shows all chunks.
func (p *process) warm(v View, chunks []Chunk) (*Lease, bool) {
	l, ok := p.acquire(v)
	if !ok {
		return nil, false
	}
	if p.hasAll(l, chunks) {
		return l, true
	}
	l.Release()
	return nil, false
}

// hasAll looks for the markers, but for those that this lease file saw already: markers go only with it.
func (p *process) hasAll(l *Lease, chunks []Chunk) bool {
	now := time.Now()
	p.mu.Lock()
	var unknown []*Chunk
	for i := range chunks {
		if !l.h.known[chunks[i].Key] {
			unknown = append(unknown, &chunks[i])
		}
		p.touch(l.h.view, chunks[i].Key, now)
	}
	p.mu.Unlock()
	for _, ch := range unknown {
		if !p.shows(l.h.view, ch.Key) {
			return false
		}
	}
	if len(unknown) > 0 {
		p.mu.Lock()
		for _, ch := range unknown {
			l.h.known[ch.Key] = true
		}
		p.mu.Unlock()
	}
	return true
}

// use is a chunk of a view.
type use struct {
	view View
	key  string
}

// touch notes a use. The caller holds mu.
func (p *process) touch(v View, key string, now time.Time) { p.touched[use{v, key}] = now }

// flush writes last uses to the marks, for all processes to see.
func (p *process) flush() {
	p.mu.Lock()
	touched := p.touched
	p.touched = map[use]time.Time{}
	retired := maps.Clone(p.retired)
	p.mu.Unlock()
	p.forgetRetired(retired)
	for u, when := range touched {
		marker := p.markerPath(u.view, u.key)
		var st unix.Stat_t
		if unix.Lstat(marker, &st) != nil {
			continue // it went meanwhile
		}
		if err := p.stamp(marker, st.Atim.Sec, when); err != nil && !errors.Is(err, fs.ErrNotExist) {
			p.report("note last use", err)
			return
		}
	}
}

// forgetRetired drops what this process knows of views that are gone.
func (p *process) forgetRetired(retired map[View]time.Time) {
	for v := range retired {
		if p.inode(v) == 0 {
			p.mu.Lock()
			delete(p.retired, v)
			p.mu.Unlock()
		}
	}
}

// attach makes the view if needed and takes a lease on it. The caller has the view's lock, so nobody takes it away.
func (p *process) attach(ctx context.Context, v View, b *budget) (*Lease, error) {
	if err := p.makeView(v, b); err != nil {
		return nil, err
	}
	var l *Lease
	err := poll(ctx, func() (ok bool, err error) { l, ok = p.acquire(v); return ok, nil })
	return l, err
}
