package treecache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

// Forget removes parts at once, from leased views as well, and refuses them from now on, in all processes that use the root. Files that
// somebody has open lose their names now, and go when they are closed.
func (c *Cache) Forget(ctx context.Context, parts ...treepack.Part) error {
	p, ctx, leave, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for _, part := range parts {
		if err := p.bar(nameOf(part)); err != nil {
			return onDisk("purge", err)
		}
	}
	for _, part := range parts {
		for _, name := range []string{nameOf(part), nameOf(part) + "x"} { // as an executable
			if err := p.expelPart(ctx, name); err != nil {
				return onDisk("purge "+name, err)
			}
		}
	}
	return onDisk("purge", p.emptyTrash(ctx))
}

// bar writes a tombstone, durably.
func (p *process) bar(name string) error {
	dir := p.path("state", "purged")
	if _, err := p.mkdirIfAbsent(dir, modeOwn); err != nil {
		return err
	}
	if err := exists(p.empty(p.path("state", "purged", name))); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkTombs returns an error if one of the parts was purged.
func (p *process) checkTombs(parts ...string) error {
	for _, name := range parts {
		var st unix.Stat_t
		if unix.Lstat(p.path("state", "purged", name), &st) == nil {
			return fault.New(fault.NotFound, ErrPurged.Code, "part %s was purged", name).
				WithHint("the next revision of the source must not have the content; sync it")
		}
	}
	return nil
}

func (p *process) checkChunkTombs(ch *Chunk) error {
	for i := range ch.Pieces {
		if err := p.checkTombs(nameOf(ch.Pieces[i].Part)); err != nil {
			return err
		}
	}
	return nil
}

// expelPart removes a part and then the trees that were assembled from it. Whoever assembles has the part pinned until its tree has a
// name, so that no tree appears after the look for them.
func (p *process) expelPart(ctx context.Context, name string) error {
	if err := p.expel(ctx, name); err != nil {
		return err
	}
	all, err := p.listObjects()
	if err != nil {
		return err
	}
	for _, o := range all {
		var st unix.Stat_t
		if unix.Lstat(p.objectPath(o.name, partsName, name), &st) != nil {
			continue
		}
		if err := p.expel(ctx, o.name); err != nil {
			return err
		}
	}
	return nil
}

// expel removes an object, from the views that show it first.
func (p *process) expel(ctx context.Context, name string) error {
	k, err := p.newPins()
	if err != nil {
		return err
	}
	defer k.release()
	if err := k.take(ctx, nameLock(name), exclusive); err != nil {
		return fmt.Errorf("wait for those who use %s: %w", name, err)
	}
	s, err := p.look(name)
	if err != nil || !s.exists {
		return err
	}
	views, err := p.listViews()
	if err != nil {
		return err
	}
	for _, v := range views {
		if err := p.expelFrom(ctx, v, s.ino); err != nil {
			return err
		}
	}
	g, err := p.pass(ctx)
	if err != nil {
		return err
	}
	defer g.close()
	return p.unname(name)
}

// expelFrom takes an object out of a view whatever leases there are. The new lease file tells processes that what they know of the view
// does not hold any more.
func (p *process) expelFrom(ctx context.Context, v View, ino uint64) error {
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
	facts, err := p.facts(v)
	if err != nil {
		return err
	}
	live, all, err := p.markersOf(v, ino, facts)
	if err != nil || len(all) == 0 {
		return err
	}
	if err := p.rotate(v, live, 1<<20); err != nil {
		return err
	}
	rest, err := p.staying(v, facts, 1<<30)
	if err != nil {
		return err
	}
	for _, name := range all {
		if f, ok := facts[name]; ok {
			if err := p.removeFiles(v, f, rest); err != nil {
				return err
			}
		}
	}
	return nil
}

// markersOf returns the markers of chunks that have to go with an object: those that show it, and those that show a file of it because that
// was there when they came. live are those that are not in a batch yet.
func (p *process) markersOf(v View, ino uint64, facts map[string]fact) (live, all []string, err error) {
	var others []string
	err = p.eachMarker(v, func(_, name string, gone bool, st *unix.Stat_t) {
		if st.Ino != ino {
			if !gone {
				others = append(others, name)
			}
			return
		}
		all = append(all, name)
		if !gone {
			live = append(live, name)
		}
	})
	for _, other := range others {
		f, ok := facts[other]
		if ok && slices.ContainsFunc(all, func(name string) bool { return p.borrows(v, f, facts[name]) }) {
			live = append(live, other)
			all = append(all, other)
		}
	}
	return live, all, err
}

// borrows reports whether a chunk has a path at which the view shows a file of another one's object.
func (p *process) borrows(v View, f, from fact) bool {
	if from.object == "" || !overlap(f.path, from.path) {
		return false
	}
	tree := p.objectPath(from.object, treeName)
	err := walk(tree, func(path string, st *unix.Stat_t) error {
		rel, err := filepath.Rel(tree, path)
		if err != nil || st.Mode&unix.S_IFMT == unix.S_IFDIR {
			return err
		}
		rel = filepath.Join(from.path, rel)
		var there unix.Stat_t
		if p.has(f, rel) && unix.Lstat(p.viewPath(v, rel), &there) == nil && there.Ino == st.Ino {
			return errBorrowed
		}
		return nil
	})
	return errors.Is(err, errBorrowed)
}

var errBorrowed = errors.New("a file is borrowed")

// Verified is the outcome of Verify.
type Verified struct {
	Objects int
	Corrupt []string // names of objects
}

// Verify hashes up to sample parts again, chosen by chance; 0 means all. Corrupt ones are removed, from views too, and come back with the
// next Ensure.
func (c *Cache) Verify(ctx context.Context, sample int) (Verified, error) {
	p, ctx, leave, err := c.enter(ctx)
	if err != nil {
		return Verified{}, err
	}
	defer leave()
	all, err := p.listObjects()
	if err != nil {
		return Verified{}, onDisk("verify", err)
	}
	var parts []string
	for _, o := range all {
		if !strings.HasPrefix(o.name, "a") && o.fresh {
			parts = append(parts, o.name)
		}
	}
	rand.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	if sample > 0 {
		parts = parts[:min(sample, len(parts))]
	}
	var v Verified
	for _, name := range parts {
		err := p.verify(ctx, name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && p.vanished(name):
			continue
		case errors.Is(err, treepack.ErrCorrupt), errors.Is(err, fs.ErrNotExist):
			p.o.Log.Error("content cache: an object is corrupt and was removed", "object", name, "error", err)
			v.Corrupt = append(v.Corrupt, name)
			err = p.expelPart(ctx, name)
		}
		if err != nil {
			return v, onDisk("verify "+name, err)
		}
		v.Objects++
	}
	return v, onDisk("verify", p.emptyTrash(ctx))
}

func (p *process) vanished(name string) bool {
	s, err := p.look(name)
	return err == nil && !s.exists
}

// verify hashes one part, pinned meanwhile.
func (p *process) verify(ctx context.Context, name string) error {
	k, err := p.newPins()
	if err != nil {
		return err
	}
	defer k.release()
	if ok, err := p.pinned(k, name); !ok || err != nil {
		return err // somebody is just making or removing it
	}
	text, err := os.Readlink(p.objectPath(name, partName))
	if err != nil {
		return err
	}
	part, err := described(strings.TrimSuffix(name, "x"), text)
	if err != nil {
		return errors.Join(treepack.ErrCorrupt, err)
	}
	if nameOf(part) != strings.TrimSuffix(name, "x") {
		return fmt.Errorf("its description is of another part: %w", treepack.ErrCorrupt)
	}
	return p.rehash(ctx, name, part)
}
