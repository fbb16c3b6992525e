package treecache

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/treepack"
)

// makeFree evicts until as much as is lacking is gone, and a twentieth of the limits on top, so that the next caller does not have to. It
// reports whether anything was freed. Only one goroutine of the process is in here.
func (p *process) makeFree(ctx context.Context, lack usage) (progress bool, err error) {
	g := &goal{p: p, ctx: ctx, want: lack.plus(usage{p.limit.Bytes / 20, p.limit.Inodes / 20})}
	p.flush()
	steps := []func() error{
		func() error { return p.reapAll() },
		func() error { return g.dropRetired() },
		func() error { return g.dropObjects() },
		func() error { return g.dropLeastUsed(false) },
		func() error { return g.dropLeastUsed(true) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return false, err
		}
		if err := g.sweep(); err != nil {
			return false, err
		}
		if g.met() || ctx.Err() != nil {
			break
		}
	}
	p.count.evicted.Add(g.freed.Bytes)
	if p.o.Observe.Evicted != nil && g.freed != (usage{}) {
		p.o.Observe.Evicted(g.chunks, g.objects, g.freed.Bytes)
	}
	return g.freed != usage{}, context.Cause(ctx)
}

// goal is one round of eviction.
type goal struct {
	p               *process
	ctx             context.Context
	want            usage
	freed           usage
	planned         usage // what goes when leases end
	chunks, objects int
}

func (g *goal) met() bool {
	u := g.freed.plus(g.planned)
	return u.Bytes >= g.want.Bytes && u.Inodes >= g.want.Inodes
}

func (g *goal) sweep() error {
	u, err := g.p.sweepTrash(g.ctx)
	g.freed = g.freed.plus(u)
	return err
}

// dropRetired removes superseded views whose grace is over, and views that show nothing, unless they are leased.
func (g *goal) dropRetired() error {
	all, err := g.p.listViews()
	if err != nil {
		return err
	}
	for _, v := range all {
		if g.met() || g.ctx.Err() != nil {
			return nil
		}
		if !g.p.isOver(v) && !g.p.isEmpty(v) || !g.p.dropView(g.ctx, v) {
			continue
		}
		if err := g.sweep(); err != nil {
			return err
		}
	}
	return nil
}

// dropOver removes superseded views without need for room (S4-38). Their objects stay as long as there is room for them.
func (p *process) dropOver(ctx context.Context) error {
	all, err := p.listViews()
	if err != nil {
		return err
	}
	for _, v := range all {
		if p.isOver(v) && ctx.Err() == nil {
			p.dropView(ctx, v)
		}
	}
	return nil
}

// listed is an object on the disk.
type listed struct {
	name string
	state
}

// listObjects returns all objects that have their mark, by the inode of the mark.
func (p *process) listObjects() (map[uint64]listed, error) {
	fans, err := names(p.path("objects"))
	if err != nil {
		return nil, err
	}
	all := map[uint64]listed{}
	for _, fan := range fans {
		list, err := names(p.path("objects", fan))
		if err != nil {
			return nil, err
		}
		for _, name := range list {
			if s, err := p.look(name); err == nil && s.exists {
				all[s.ino] = listed{name, s}
			}
		}
	}
	return all, nil
}

// dropObjects removes objects that nothing shows or is assembled from, those first that were not used for the longest time. Removing a tree
// sets its parts free, so it looks again while that goes on.
func (g *goal) dropObjects() error {
	for {
		all, err := g.p.listObjects()
		if err != nil {
			return err
		}
		var idle []listed
		for _, o := range all {
			if o.refs == 0 {
				idle = append(idle, o)
			}
		}
		slices.SortFunc(idle, func(a, b listed) int { return a.used.Compare(b.used) })
		dropped := 0
		for _, o := range idle {
			if g.met() || g.ctx.Err() != nil {
				return nil
			}
			if !g.p.dropObject(g.ctx, o.name) {
				continue
			}
			dropped++
			g.objects++
			g.p.count.objects.Add(1)
			if err := g.sweep(); err != nil {
				return err
			}
		}
		if dropped == 0 {
			return nil
		}
	}
}

// dropObject moves an object to trash, unless somebody uses it.
func (p *process) dropObject(ctx context.Context, name string) bool {
	k, err := p.newPins()
	if err != nil {
		return false
	}
	defer k.release()
	if ok, err := k.set(nameLock(name), exclusive); !ok || err != nil {
		return false
	}
	if s, err := p.look(name); err != nil || !s.exists || s.refs != 0 {
		return false
	}
	g, err := p.pass(ctx)
	if err != nil {
		return false
	}
	defer g.close()
	return p.unname(name) == nil
}

// shown is an object with the markers that show it.
type shown struct {
	listed
	markers map[View][]string
	pending bool // in a batch already
}

// listShown returns the objects that views show, least recently used first.
func (p *process) listShown() ([]*shown, error) {
	objects, err := p.listObjects()
	if err != nil {
		return nil, err
	}
	views, err := p.listViews()
	if err != nil {
		return nil, err
	}
	byMark := map[uint64]*shown{}
	for _, v := range views {
		err := p.eachMarker(v, func(_, name string, gone bool, st *unix.Stat_t) {
			o, ok := objects[st.Ino]
			if !ok {
				return
			}
			s := byMark[st.Ino]
			if s == nil {
				s = &shown{listed: o, markers: map[View][]string{}}
				byMark[st.Ino] = s
			}
			if gone {
				s.pending = true
			} else {
				s.markers[v] = append(s.markers[v], name)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	all := make([]*shown, 0, len(byMark))
	for _, s := range byMark {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *shown) int { return cmp.Or(a.used.Compare(b.used), strings.Compare(a.name, b.name)) })
	return all, nil
}

// dropLeastUsed takes chunks out of views. Without force it leaves views alone that are leased; with it, chunks are
// put aside, which will go when the present leases end.
func (g *goal) dropLeastUsed(force bool) error {
	all, err := g.p.listShown()
	if err != nil {
		return err
	}
	if force {
		for _, s := range all {
			if s.pending && len(s.markers) == 0 {
				g.planned = g.planned.plus(g.p.size(s.name))
			}
		}
	}
	for batch := 1; len(all) > 0 && !g.met() && g.ctx.Err() == nil; batch = min(2*batch, 64) {
		n := 0
		byView := map[View][]string{}
		var planned usage
		for n < len(all) && n < batch && (n == 0 || planned.Bytes < g.want.Bytes || planned.Inodes < g.want.Inodes) {
			for v, markers := range all[n].markers {
				byView[v] = append(byView[v], markers...)
			}
			planned = planned.plus(g.p.size(all[n].name))
			n++
		}
		all = all[n:]
		done, waiting := 0, false
		for v, markers := range byView {
			out, now := g.p.evictChunks(g.ctx, v, markers, force)
			if out {
				done += len(markers)
			}
			waiting = waiting || out && !now
		}
		g.chunks += done
		g.p.count.chunks.Add(int64(done))
		if waiting {
			g.planned = g.planned.plus(planned)
		} else if done > 0 {
			if err := errors.Join(g.sweep(), g.dropObjects()); err != nil { // markers in trash still count as links
				return err
			}
		}
	}
	return nil
}

// size returns the room that an object takes alone.
func (p *process) size(name string) (u usage) {
	_ = walk(p.objectPath(name), func(_ string, st *unix.Stat_t) error { // what cannot be read counts as nothing
		u = u.plus(p.cost(st))
		return nil
	})
	return u
}

// listViews returns the views that are on the disk.
func (p *process) listViews() ([]View, error) {
	sources, err := names(p.path("views"))
	if err != nil {
		return nil, err
	}
	var all []View
	for _, source := range sources {
		commits, err := names(p.path("views", source))
		if err != nil {
			return nil, err
		}
		for _, commit := range commits {
			if id, err := treepack.ParseID(commit); err == nil {
				all = append(all, View{source, id})
			}
		}
	}
	return all, nil
}

// eachMarker calls f for each marker of a view, those of batches included.
func (p *process) eachMarker(v View, f func(path, name string, gone bool, st *unix.Stat_t)) error {
	dirs := []string{p.viewPath(v, inside)}
	batches, err := p.batches(v)
	if err != nil {
		return err
	}
	for _, n := range batches {
		dirs = append(dirs, p.batchPath(v, n))
	}
	for i, dir := range dirs {
		list, err := names(dir)
		if err != nil {
			return err
		}
		for _, name := range list {
			var st unix.Stat_t
			path := filepath.Join(dir, name)
			if name[0] != '.' && unix.Lstat(path, &st) == nil {
				f(path, name, i > 0, &st)
			}
		}
	}
	return nil
}

// isEmpty reports whether a view shows nothing any more.
func (p *process) isEmpty(v View) bool {
	empty := true
	err := p.eachMarker(v, func(string, string, bool, *unix.Stat_t) { empty = false })
	return err == nil && empty
}

// isOver reports whether a view is superseded and its grace over.
func (p *process) isOver(v View) bool {
	var st unix.Stat_t
	onDisk := unix.Lstat(p.viewPath(v, inside, retiredName), &st) == nil
	p.mu.Lock()
	defer p.mu.Unlock()
	since, ok := p.retired[v]
	if !ok && onDisk {
		since, ok = time.Now(), true
		p.retired[v] = since
	}
	return ok && time.Since(since) >= p.o.Grace
}
