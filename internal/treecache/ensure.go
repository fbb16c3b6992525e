package treecache

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/fault"
)

// Ensure makes the chunks visible in the view and returns a lease on it. The lease must be released. Chunks that are there already cost
// neither network nor a lock of the cache.
func (c *Cache) Ensure(ctx context.Context, v View, chunks []Chunk) (*Result, *Lease, error) {
	start := time.Now()
	p, ctx, leave, err := c.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	if err := v.check(); err != nil {
		return nil, nil, err
	}
	r := &Result{Dir: p.viewPath(v)}
	l, ok := p.warm(v, chunks)
	if !ok {
		l, err = p.chill(ctx, v, chunks, r)
	}
	r.Waited = time.Since(start)
	c.count.ensured(ok, err)
	if c.o.Observe.Ensured != nil {
		c.o.Observe.Ensured(len(r.Cold), r.Waited, err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("ensure %s of %s: %w", v.Commit, v.Source, err)
	}
	return r, l, nil
}

// Warm is Ensure for what is there already; it reports false when that must do the work.
func (c *Cache) Warm(v View, chunks []Chunk) (*Result, *Lease, bool) {
	p := c.live.Load()
	if p == nil || v.check() != nil || !p.admit() {
		return nil, nil, false
	}
	defer p.ops.Done()
	start := time.Now()
	l, ok := p.warm(v, chunks)
	if !ok {
		return nil, nil, false
	}
	r := &Result{Dir: l.dir, Waited: time.Since(start)}
	c.count.ensured(true, nil)
	if c.o.Observe.Ensured != nil {
		c.o.Observe.Ensured(0, r.Waited, nil)
	}
	return r, l, true
}

// Prefetch makes chunks ready without showing them: the next Ensure of any revision that has them only links.
func (c *Cache) Prefetch(ctx context.Context, chunks []Chunk) (downloaded int64, err error) {
	p, ctx, leave, err := c.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	objects, err := objectsOf(chunks)
	if err != nil {
		return 0, err
	}
	k, err := p.newPins()
	if err != nil {
		return 0, onDisk("prefetch", err)
	}
	defer k.release()
	downloaded, err = p.provideAll(ctx, k, objects)
	if err != nil {
		return downloaded, fmt.Errorf("prefetch: %w", err)
	}
	return downloaded, nil
}

func objectsOf(chunks []Chunk) ([]object, error) {
	objects := make([]object, len(chunks))
	for i := range chunks {
		if err := chunks[i].check(); err != nil {
			return nil, err
		}
		objects[i] = objectOf(&chunks[i])
	}
	return objects, nil
}

// Acquire takes a lease on a view that exists here. Which chunks it shows, Has tells.
func (c *Cache) Acquire(v View) (*Lease, bool) {
	p := c.live.Load()
	if p == nil || v.check() != nil || !p.admit() {
		return nil, false
	}
	defer p.ops.Done()
	return p.acquire(v)
}

// chill makes chunks ready that the view does not show. Objects come first, without a lease: who waits for room must not hold up those who make
// it. Then the view is made complete under its lock. What went away in between is made again.
func (p *process) chill(ctx context.Context, v View, chunks []Chunk, r *Result) (*Lease, error) {
	if _, err := objectsOf(chunks); err != nil {
		return nil, err
	}
	k, err := p.newPins()
	if err != nil {
		return nil, onDisk("ensure", err)
	}
	defer k.release()
	cold := map[string]bool{}
	const rounds = 50
	for range rounds {
		missing, objects := p.missing(v, chunks, cold)
		loaded, err := p.provideAll(ctx, k, objects)
		r.Bytes += loaded
		if err != nil {
			return nil, err
		}
		r.Cold = coldKeys(chunks, cold)
		var l *Lease
		err = p.untilFits(ctx, usage{Bytes: 64 * p.block, Inodes: 64}, func() (err error) {
			l, err = p.complete(ctx, v, chunks, missing)
			return err
		})
		if err != nil || l != nil {
			return l, err
		}
	}
	return nil, fault.New(fault.Full, ErrFull.Code, "content is evicted faster than it can be shown").WithHint(fullHint)
}

// missing returns the chunks that the view does not show, and those that it did not show before: they are cold.
func (p *process) missing(v View, chunks []Chunk, cold map[string]bool) (missing []Chunk, objects []object) {
	for i := range chunks {
		if cold[chunks[i].Key] || !p.shows(v, chunks[i].Key) {
			cold[chunks[i].Key] = true
			missing = append(missing, chunks[i])
			objects = append(objects, objectOf(&chunks[i]))
		}
	}
	return missing, objects
}

func coldKeys(chunks []Chunk, cold map[string]bool) (keys []string) {
	for i := range chunks {
		if cold[chunks[i].Key] {
			keys = append(keys, chunks[i].Key)
		}
	}
	return keys
}

// complete links the missing chunks into the view and returns a lease on it; nil when others are missing now.
func (p *process) complete(ctx context.Context, v View, chunks, missing []Chunk) (*Lease, error) {
	u, err := p.linksOf(v, missing)
	if err != nil {
		return nil, onDisk("ensure", err)
	}
	b, err := p.reserve(ctx, u)
	if err != nil {
		return nil, err
	}
	l, err := p.completeLocked(ctx, v, chunks, missing, b)
	if err = errors.Join(err, b.commit()); err != nil && l != nil {
		l.Release()
		l = nil
	}
	return l, onDisk("show content", err)
}

func (p *process) completeLocked(ctx context.Context, v View, chunks, missing []Chunk, b *budget) (l *Lease, err error) {
	unlock, err := p.lockView(ctx, v)
	if err != nil {
		return nil, err
	}
	defer unlock()
	g, err := p.pass(ctx)
	if err != nil {
		return nil, err
	}
	defer g.close()
	defer func() { err = errors.Join(err, b.commit()) }() // before others may count
	if l, err = p.attach(ctx, v, b); err != nil {
		return nil, err
	}
	missing = slices.DeleteFunc(slices.Clone(missing), func(ch Chunk) bool { return p.shows(v, ch.Key) })
	if err := p.addFacts(v, missing, b); err != nil {
		return l, err
	}
	for i := range missing {
		if err := p.checkChunkTombs(&missing[i]); err != nil {
			return l, err
		}
		if err := p.show(v, &missing[i], b); err != nil {
			return l, err
		}
	}
	if !p.hasAll(l, chunks) {
		l.Release()
		return nil, nil //nolint:nilnil // not an error: ask again
	}
	return l, nil
}

// linksOf estimates the room that names, directories and facts of chunks take in a view.
func (p *process) linksOf(v View, chunks []Chunk) (u usage, err error) {
	u = p.dir().plus(p.dir()).plus(p.dir()).plus(p.file(0)).plus(p.file(p.block)) // a new view with its lease and facts
	for i := range chunks {
		ch := &chunks[i]
		tree := p.objectPath(objectOf(ch).name, treeName)
		for dir := ch.Path; dir != "." && dir != ""; dir = filepath.Dir(dir) {
			var st unix.Stat_t
			if unix.Lstat(p.viewPath(v, dir), &st) != nil {
				u = u.plus(p.dir())
			}
		}
		u = u.plus(p.name()).plus(usage{Bytes: int64(2*len(ch.Key) + len(ch.Path) + 128)}) // marker, and a line of facts
		if ch.Whole && ch.Path != "" {
			u = u.plus(p.linkTo(tree))
			continue
		}
		err = walkNames(tree, "", func(_ string, dir bool) error {
			if dir {
				u = u.plus(p.dir())
			} else {
				u = u.plus(p.name())
			}
			return nil
		})
		if err != nil {
			return u, err
		}
	}
	return u, nil
}
