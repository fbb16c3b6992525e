package treecache

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Current says which commit of its source is the current one: the views of other commits of the source are retired.
func (c *Cache) Current(v View) error {
	return c.retire(v, func(p *process, other View) bool { return other.base() == v.base() && other.Commit != v.Commit })
}

// Retire marks a view as superseded: it goes first, after the grace.
func (c *Cache) Retire(v View) error {
	return c.retire(v, func(_ *process, other View) bool { return other == v })
}

func (c *Cache) retire(v View, old func(*process, View) bool) error {
	p := c.live.Load()
	if p == nil || !p.admit() {
		return ErrStopped
	}
	defer p.ops.Done()
	if err := v.check(); err != nil {
		return err
	}
	views, err := p.listViews()
	if err != nil {
		return onDisk("retire views", err)
	}
	var errs []error
	for _, other := range views {
		switch {
		case old(p, other):
			mark := usage{Bytes: p.block, Inodes: 1}
			errs = append(errs, p.untilFits(p.life, mark, func() error { return p.setRetired(other, true) }))
		case other.base() == v.base() && other.Commit == v.Commit:
			errs = append(errs, p.setRetired(other, false))
		}
	}
	return onDisk("retire views", errors.Join(errs...))
}

// setRetired notes it in the view, for other processes and the next start, and the time here.
func (p *process) setRetired(v View, retired bool) error {
	p.mu.Lock()
	_, known := p.retired[v]
	switch {
	case retired && !known:
		p.retired[v] = time.Now()
	case !retired:
		delete(p.retired, v)
	}
	p.mu.Unlock()
	path := p.viewPath(v, inside, retiredName)
	var st unix.Stat_t
	if there := unix.Lstat(path, &st) == nil; there == retired {
		return nil
	}
	ctx, cancel := context.WithTimeout(p.life, ledgerPatience)
	defer cancel()
	unlock, err := p.lockView(ctx, v)
	if err != nil {
		return err
	}
	defer unlock()
	g, err := p.pass(ctx)
	if err != nil {
		return err
	}
	defer g.close()
	if !retired {
		return gone(p.toTrash(path))
	}
	b, err := p.reserveForEviction(p.name())
	if err != nil {
		return err
	}
	err = p.link(p.viewPath(v, leaseName), path)
	if err == nil {
		err = b.take(p.name())
	}
	return errors.Join(gone(exists(err)), b.commit())
}

// gone takes "it is not there" for success: the view went meanwhile.
func gone(err error) error {
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// keepFloors evicts when the limits, or the floors of the file system, are passed without our doing.
func (p *process) keepFloors(ctx context.Context) error {
	lack, err := p.hold(usage{}, false)
	if err != nil || lack == (usage{}) {
		return err
	}
	_, err = p.evictOnce(ctx, lack)
	return err
}
