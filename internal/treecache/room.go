package treecache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/fault"
)

// budget is room that was reserved in the ledger, for one goroutine. Everything that is made takes from it first; it grows when it is short.
// It ends with commit, when what was made has become part of the cache, or with release, when it is gone again.
type budget struct {
	p     *process
	ctx   context.Context
	left  usage // reserved, and not taken yet
	taken usage
}

// reserve waits for room, evicting what it may, up to Options.Patience.
func (p *process) reserve(ctx context.Context, u usage) (*budget, error) {
	b := &budget{p: p, ctx: ctx}
	if err := p.makeRoom(ctx, u, p.o.Patience); err != nil {
		return nil, err
	}
	b.left = u
	return b, nil
}

// reserveForEviction takes what is kept free for small things that must not wait.
func (p *process) reserveForEviction(u usage) (*budget, error) {
	lack, err := p.hold(u, true)
	if err == nil && lack != (usage{}) {
		err = p.full(u)
	}
	if err != nil {
		return nil, err
	}
	return &budget{p: p, ctx: p.life, left: u}, nil
}

// take uses up some of the budget, or reserves more without waiting for leases.
func (b *budget) take(u usage) error {
	const bytes, inodes = 64 << 10, 16 // reserved at once, to ask the ledger less often
	if b.left.Bytes < u.Bytes || b.left.Inodes < u.Inodes {
		more := usage{max(u.Bytes-b.left.Bytes, bytes), max(u.Inodes-b.left.Inodes, inodes)}
		if err := b.p.makeRoom(b.ctx, more, 0); err != nil {
			more = u.minus(b.left).floor()
			if err := b.p.makeRoom(b.ctx, more, 0); err != nil {
				return err
			}
		}
		b.left = b.left.plus(more)
	}
	b.left, b.taken = b.left.minus(u), b.taken.plus(u)
	return nil
}

// mkdirs makes the directories of a relative path below one that exists, as far as they are missing.
func (b *budget) mkdirs(base, path string) error {
	if path == "" || path == "." {
		return nil
	}
	for i := range len(path) + 1 {
		if i < len(path) && path[i] != '/' {
			continue
		}
		dir := filepath.Join(base, path[:i])
		var st unix.Stat_t
		if unix.Lstat(dir, &st) == nil {
			if st.Mode&unix.S_IFMT != unix.S_IFDIR {
				return notDirectory(dir)
			}
			continue
		}
		if err := b.mkdirIfAbsent(dir); err != nil {
			return err
		}
	}
	return nil
}

// mkdirIfAbsent makes a directory whose parent is there, unless it is there itself.
func (b *budget) mkdirIfAbsent(dir string) error {
	if err := b.take(b.p.dir()); err != nil {
		return err
	}
	made, err := b.p.mkdirIfAbsent(dir, modeDir)
	if made || err != nil {
		if !made {
			b.giveBack(b.p.dir())
		}
		return err
	}
	b.giveBack(b.p.dir())
	var st unix.Stat_t
	if unix.Lstat(dir, &st) == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return notDirectory(dir)
	}
	return nil
}

func notDirectory(path string) error {
	return fault.New(fault.Invalid, "content_bad_chunk", "%s is not a directory, but content lies below it", path)
}

// spend takes room for what f makes; when f fails, nothing was made.
func (b *budget) spend(u usage, f func() error) error {
	if err := b.take(u); err != nil {
		return err
	}
	err := f()
	if err != nil {
		b.giveBack(u)
	}
	return err
}

func (b *budget) giveBack(u usage) { b.left, b.taken = b.left.plus(u), b.taken.minus(u) }

// commit turns what was taken into use and gives the rest back.
func (b *budget) commit() error {
	taken := b.taken
	return b.end(func(l *page) { l.Used = l.Used.plus(taken) })
}

// release gives everything back: what was made is gone.
func (b *budget) release() error { return b.end(func(*page) {}) }

func (b *budget) end(f func(l *page)) error {
	all := b.left.plus(b.taken)
	if all == (usage{}) {
		return nil
	}
	err := b.p.ledger.change(func(l *page) error {
		s := &l.Slots[b.p.slot]
		s.Held = s.Held.minus(all).floor()
		f(l)
		return nil
	})
	if err == nil {
		b.left, b.taken = usage{}, usage{}
	}
	return err
}

// reserveOfLimits is kept free for what eviction itself has to write.
func reserveOfLimits(l Limits) usage {
	return usage{min(l.Bytes/16, 256<<10), min(l.Inodes/16, 64)}
}

// hold reserves room if there is any, or returns how much is lacking.
func (p *process) hold(u usage, forEviction bool) (lack usage, err error) {
	free, err := p.free(p.o.Root)
	if err != nil {
		return lack, err
	}
	limit := usage{p.limit.Bytes, p.limit.Inodes}
	if !forEviction {
		limit = limit.minus(reserveOfLimits(p.limit))
	}
	err = p.ledger.change(func(l *page) error {
		total := l.total()
		held := total.minus(l.Used)
		lack = usage{}
		if p.limit.Bytes > 0 {
			lack.Bytes = total.Bytes + u.Bytes - limit.Bytes
		}
		if p.limit.Inodes > 0 {
			lack.Inodes = total.Inodes + u.Inodes - limit.Inodes
		}
		if p.limit.FreeBytes > 0 && !forEviction {
			lack.Bytes = max(lack.Bytes, p.limit.FreeBytes+held.Bytes+u.Bytes-free.Bytes)
		}
		if p.limit.FreeInodes > 0 && !forEviction {
			lack.Inodes = max(lack.Inodes, p.limit.FreeInodes+held.Inodes+u.Inodes-free.Inodes)
		}
		if lack = lack.floor(); lack == (usage{}) {
			l.Slots[p.slot].Held = l.Slots[p.slot].Held.plus(u)
		}
		return nil
	})
	return lack, err
}

// makeRoom reserves room, evicting until there is enough. It waits for leases no longer than patience.
func (p *process) makeRoom(ctx context.Context, u usage, patience time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience+time.Minute, p.full(u))
	defer cancel()
	var deadline time.Time
	for {
		lack, err := p.hold(u, false)
		if err != nil {
			return onDisk("reserve", err)
		}
		if lack == (usage{}) {
			return nil
		}
		if p.tooLarge(u) {
			return p.full(u)
		}
		progress, err := p.evictOnce(ctx, lack)
		if err != nil {
			return err
		}
		if progress {
			continue
		}
		if deadline.IsZero() {
			deadline = time.Now().Add(patience)
		}
		if !time.Now().Before(deadline) {
			return p.full(u)
		}
		if err := p.awaitRelease(ctx); err != nil {
			return err
		}
	}
}

// evictOnce evicts, or finds that another goroutine just made room, and reports whether to ask again.
func (p *process) evictOnce(ctx context.Context, lack usage) (bool, error) {
	select {
	case p.evict <- struct{}{}:
		defer func() { <-p.evict }()
	default:
		select {
		case p.evict <- struct{}{}:
			<-p.evict
			return true, nil // somebody evicted meanwhile: perhaps enough
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	progress, err := p.makeFree(ctx, lack)
	return progress, onDisk("make room", err)
}

// relieve answers a disk that is full although the ledger says it is not, because others write to it, too. It reports whether anything went.
func (p *process) relieve(ctx context.Context, u usage) (bool, error) {
	select {
	case p.evict <- struct{}{}:
		defer func() { <-p.evict }()
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	progress, err := p.makeFree(ctx, u.plus(u))
	return progress, onDisk("make room", err)
}

// untilFits calls f again as long as it fails because the disk is full and something could be evicted.
func (p *process) untilFits(ctx context.Context, u usage, f func() error) error {
	const tries = 5
	for n := 1; ; n++ {
		err := f()
		if !isFull(err) || n == tries {
			return err
		}
		if progress, evictErr := p.relieve(ctx, u); !progress || evictErr != nil {
			return errors.Join(err, evictErr)
		}
	}
}

// awaitRelease waits until a lease of this process ends, or for a moment: leases of others end unseen.
func (p *process) awaitRelease(ctx context.Context) error {
	p.mu.Lock()
	if p.released == nil {
		p.released = make(chan struct{})
	}
	released := p.released
	p.mu.Unlock()
	t := time.NewTimer(10 * time.Millisecond)
	defer t.Stop()
	select {
	case <-released:
	case <-t.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// tooLarge reports what would not fit into an empty cache.
func (p *process) tooLarge(u usage) bool {
	r := reserveOfLimits(p.limit)
	return p.limit.Bytes > 0 && u.Bytes > p.limit.Bytes-r.Bytes || p.limit.Inodes > 0 && u.Inodes > p.limit.Inodes-r.Inodes
}

func (p *process) full(u usage) error {
	return fault.New(fault.Full, ErrFull.Code, "content cache %s has no room for %v, and what is in it is in use", p.o.Root, u).
		WithHint(fullHint)
}

// pass goes through the gate: nobody counts anew until the returned locks are closed.
func (p *process) pass(ctx context.Context) (*locks, error) {
	return p.enterGate(ctx, shared)
}

func (p *process) enterGate(ctx context.Context, how int16) (*locks, error) {
	l, err := openLocks(p.path("state", "locks"))
	if err != nil {
		return nil, err
	}
	err = l.take(ctx, intentLock, how)
	if err == nil {
		err = l.take(ctx, gateLock, how)
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("enter the gate: %w", err)
	}
	l.drop(intentLock)
	return l, nil
}

// recount sets what is used to what is there. Everything else that changes objects, views and trash waits meanwhile; what is in tmp
// belongs to reservations.
func (p *process) recount(ctx context.Context) error {
	g, err := p.enterGate(ctx, exclusive)
	if err != nil {
		return err
	}
	defer g.close()
	used, err := p.measure()
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	return p.ledger.change(func(l *page) error {
		l.Used, l.Count = used, false
		return nil
	})
}

// measure adds up all that is below the root, each file once, but for what processes have in tmp.
func (p *process) measure() (used usage, err error) {
	seen := map[uint64]bool{} // inodes that have several names
	tmp := p.path("tmp") + "/"
	return used, walk(p.o.Root, func(path string, st *unix.Stat_t) error {
		switch {
		case strings.HasPrefix(path, tmp):
			if st.Mode&unix.S_IFMT == unix.S_IFDIR {
				return fs.SkipDir
			}
			return nil
		case st.Mode&unix.S_IFMT != unix.S_IFDIR && st.Nlink > 1:
			if seen[st.Ino] {
				used = used.plus(p.name())
				return nil
			}
			seen[st.Ino] = true
		}
		used = used.plus(p.cost(st))
		return nil
	})
}

// errOpen: a file in trash is open somewhere.
var errOpen = errors.New("a file is still open")
