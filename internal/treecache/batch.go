package treecache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxBatches bounds how many generations of leases of a view are waited for.
const maxBatches = 4

// batches returns the numbers of the batches of a view, oldest first.
func (p *process) batches(v View) ([]int, error) {
	list, err := names(p.viewPath(v, inside, goneName))
	if err != nil {
		return nil, err
	}
	var all []int
	for _, name := range list {
		if n, err := strconv.Atoi(name); err == nil {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

func (p *process) batchPath(v View, n int, elem ...string) string {
	return filepath.Join(append([]string{p.viewPath(v, inside, goneName, strconv.Itoa(n))}, elem...)...)
}

// lockLease takes a lease file exclusively, or returns nil when it is held. A file that is not there needs no lock.
func lockLease(path string) (unlock func(), ok bool) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, true
	}
	if err != nil {
		return nil, false
	}
	if !flock(fd, unix.LOCK_EX) {
		_ = unix.Close(fd)
		return nil, false
	}
	return func() { unlockFile(fd) }, true
}

// lockLeases takes all leases of a view, of its batches first. The caller has the view's lock.
func (p *process) lockLeases(v View) (unlock func(), ok bool) {
	p.endRest(v)
	batches, err := p.batches(v)
	if err != nil {
		return nil, false
	}
	current, err := os.Stat(p.viewPath(v, leaseName))
	if err != nil {
		current = nil
	}
	var held []func()
	unlock = func() {
		for _, f := range held {
			f()
		}
	}
	var paths []string
	for _, n := range batches {
		path := p.batchPath(v, n, leaseName)
		if info, err := os.Stat(path); err == nil && (current == nil || !os.SameFile(info, current)) {
			paths = append(paths, path)
		}
	}
	paths = append(paths, p.viewPath(v, leaseName)) // last: newcomers meet this one
	for _, path := range paths {
		f, ok := lockLease(path)
		if !ok {
			unlock()
			return nil, false
		}
		held = append(held, f)
	}
	return unlock, true
}

// dropView moves a whole view to trash if nobody has a lease.
func (p *process) dropView(ctx context.Context, v View) bool {
	unlock, ok := p.tryView(v)
	if !ok {
		return false
	}
	defer unlock()
	g, err := p.pass(ctx)
	if err != nil {
		return false
	}
	defer g.close()
	free, ok := p.lockLeases(v)
	if !ok {
		return false
	}
	defer free()
	if p.toTrash(p.viewPath(v)) != nil {
		return false
	}
	p.count.views.Add(1)
	p.mu.Lock()
	delete(p.retired, v)
	p.mu.Unlock()
	return true
}

// evictChunks takes chunks out of a view: at once when nobody has a lease, else, with force, in a batch that waits for the
// leases of now. It reports whether the chunks are on their way out, and whether they are gone already.
func (p *process) evictChunks(ctx context.Context, v View, markers []string, force bool) (out, now bool) {
	unlock, ok := p.tryView(v)
	if !ok {
		return false, false
	}
	defer unlock()
	g, err := p.pass(ctx)
	if err != nil {
		return false, false
	}
	defer g.close()
	free, ok := p.lockLeases(v)
	switch {
	case ok:
		defer free()
		err = p.removeChunks(v, markers)
		now = true
	case force:
		err = p.rotate(v, markers, maxBatches)
	default:
		return false, false
	}
	if err != nil {
		p.report("evict", err)
	}
	return err == nil, now
}

var errManyBatches = errors.New("leases of several generations are still held")

// rotate puts markers into a new batch, and a new lease file in the place of that which the present holders have. The batch has
// the old one before it has any marker: whatever happens in between, its files go only after that lease.
func (p *process) rotate(v View, markers []string, most int) error {
	batches, err := p.batches(v)
	if err != nil {
		return err
	}
	if len(batches) >= most {
		return errManyBatches
	}
	n := 1
	if len(batches) > 0 {
		n = batches[len(batches)-1] + 1
	}
	b, err := p.reserveForEviction(p.dir().plus(p.dir()).plus(p.name()).plus(p.file(0)))
	if err != nil {
		return err
	}
	return errors.Join(p.rotateWith(b, v, n, markers), b.commit())
}

func (p *process) rotateWith(b *budget, v View, n int, markers []string) error {
	if err := b.mkdirs(p.viewPath(v, inside), goneName+"/"+strconv.Itoa(n)); err != nil {
		return err
	}
	lease := p.viewPath(v, leaseName)
	if err := b.spend(p.name(), func() error { return p.link(lease, p.batchPath(v, n, leaseName)) }); err != nil {
		return err
	}
	for _, name := range markers {
		if err := p.rename(p.viewPath(v, inside, name), p.batchPath(v, n, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	next := p.temp()
	if err := b.spend(p.file(0), func() error { return p.empty(next) }); err != nil {
		return err
	}
	if err := p.rename(next, lease); err != nil {
		return err
	}
	b.giveBack(p.name()) // that which the old lease had
	return nil
}

// removeChunks takes chunks out of a view whose leases the caller has all, or overrides.
func (p *process) removeChunks(v View, markers []string) error {
	facts, err := p.facts(v)
	if err != nil {
		return err
	}
	for _, name := range markers {
		if err := p.toTrash(p.viewPath(v, inside, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	rest, err := p.staying(v, facts, 0)
	if err != nil {
		return err
	}
	for _, name := range markers {
		if f, ok := facts[name]; ok {
			if err := p.removeFiles(v, f, rest); err != nil {
				return err
			}
		}
	}
	return nil
}

// staying returns the facts of chunks that must not be touched: those with a marker, and those in batches after the given one.
func (p *process) staying(v View, facts map[string]fact, after int) (rest []fact, err error) {
	dirs := []string{p.viewPath(v, inside)}
	batches, err := p.batches(v)
	if err != nil {
		return nil, err
	}
	for _, n := range batches {
		if n > after {
			dirs = append(dirs, p.batchPath(v, n))
		}
	}
	for _, dir := range dirs {
		list, err := names(dir)
		if err != nil {
			return nil, err
		}
		for _, name := range list {
			if f, ok := facts[name]; ok {
				rest = append(rest, f)
			}
		}
	}
	return rest, nil
}

// reapView finishes the batches of a view whose leases have ended, oldest first. The caller has the view's lock and is past the gate.
func (p *process) reapView(v View) error {
	batches, err := p.batches(v)
	if err != nil || len(batches) == 0 {
		return err
	}
	facts, err := p.facts(v)
	if err != nil {
		return err
	}
	for _, n := range batches {
		p.endRest(v)
		free, ok := lockLease(p.batchPath(v, n, leaseName))
		if !ok {
			return nil // younger batches wait for older leases, too
		}
		err := p.finishBatch(v, n, facts)
		free()
		if err != nil {
			return err
		}
	}
	return nil
}

// finishBatch removes the files of a batch, but for chunks that were shown again meanwhile.
func (p *process) finishBatch(v View, n int, facts map[string]fact) error {
	list, err := names(p.batchPath(v, n))
	if err != nil {
		return err
	}
	rest, err := p.staying(v, facts, n)
	if err != nil {
		return err
	}
	for _, name := range list {
		f, ok := facts[name]
		if !ok || slices.ContainsFunc(rest, func(r fact) bool { return r.key == f.key }) {
			continue
		}
		if err := p.removeFiles(v, f, rest); err != nil {
			return err
		}
	}
	return p.toTrash(p.batchPath(v, n))
}

// reapAll finishes what can be finished of all views.
func (p *process) reapAll() error {
	views, err := p.listViews()
	if err != nil {
		return err
	}
	var errs []error
	for _, v := range views {
		if batches, err := p.batches(v); err == nil && len(batches) > 0 {
			errs = append(errs, p.reap(v))
		}
	}
	return errors.Join(errs...)
}

func (p *process) reap(v View) error {
	unlock, ok := p.tryView(v)
	if !ok {
		return nil
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(context.Background(), ledgerPatience)
	defer cancel()
	g, err := p.pass(ctx)
	if err != nil {
		return err
	}
	defer g.close()
	return p.reapView(v)
}

// removeFiles takes the files of a chunk out of its view. Files that other chunks of the view have at the same paths stay.
func (p *process) removeFiles(v View, f fact, rest []fact) error {
	near := slices.DeleteFunc(slices.Clone(rest), func(r fact) bool { return !overlap(r.path, f.path) })
	at := p.viewPath(v, f.path)
	if f.path != "" && len(near) == 0 {
		if err := p.toTrash(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return p.pruneUp(v, filepath.Dir(f.path))
	}
	if target, err := os.Readlink(at); err == nil && target != "" {
		if err := p.toTrash(at); err != nil {
			return err
		}
		return p.pruneUp(v, filepath.Dir(f.path))
	}
	var dirs []string
	from := p.objectPath(f.object, treeName)
	err := walk(from, func(path string, st *unix.Stat_t) error {
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		rel = filepath.Join(f.path, rel)
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			dirs = append(dirs, rel)
			return nil
		}
		if slices.ContainsFunc(near, func(r fact) bool { return p.has(r, rel) }) {
			return nil
		}
		if err := p.toTrash(p.viewPath(v, rel)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	slices.Reverse(dirs)
	for _, dir := range dirs {
		err = errors.Join(err, p.pruneUp(v, dir))
	}
	return err
}

// overlap reports whether one path is the other or lies below it.
func overlap(a, b string) bool {
	return a == b || a == "" || b == "" || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// has reports whether a chunk has a file at a path of the view.
func (p *process) has(f fact, path string) bool {
	rel, err := filepath.Rel("/"+f.path, "/"+path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return false
	}
	var st unix.Stat_t
	return unix.Lstat(p.objectPath(f.object, treeName, rel), &st) == nil
}

// pruneUp removes a directory of a view, and those above it, as far as they are empty.
func (p *process) pruneUp(v View, dir string) error {
	for ; dir != "." && dir != ""; dir = filepath.Dir(dir) {
		if err := p.remove(p.viewPath(v, dir)); err != nil {
			if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
				return nil
			}
			return err
		}
		if err := p.credit(p.dir()); err != nil {
			return err
		}
	}
	return nil
}
