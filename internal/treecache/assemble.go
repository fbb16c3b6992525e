package treecache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"holdfast/internal/treepack"
)

// provideAll makes objects ready and pinned, as many at a time as there may be downloads. Assembled trees come after the parts they need.
func (p *process) provideAll(ctx context.Context, k pins, objects []object) (loaded int64, err error) {
	var sum atomic.Int64
	var missing, trees []object
	seen := map[string]bool{}
	for _, o := range objects {
		if ok, err := p.pinned(k, o.name); err != nil {
			return 0, onDisk("look for content", err)
		} else if ok || seen[o.name] {
			continue
		}
		seen[o.name] = true
		if o.parts == nil {
			missing = append(missing, o)
			continue
		}
		trees = append(trees, o)
		for _, part := range o.parts {
			if !seen[part.name] {
				seen[part.name] = true
				missing = append(missing, part)
			}
		}
	}
	part := func(ctx context.Context, o object) error { return p.providePart(ctx, k, o, &sum) }
	err = p.each(ctx, cap(p.slots), missing, part)
	if errors.Is(err, ErrFull) && len(missing) > 1 { // what is reserved for those in flight is more than they need
		err = p.each(ctx, 1, missing, part)
	}
	if err == nil {
		err = p.each(ctx, p.o.Parallel, trees, func(ctx context.Context, o object) error { return p.provideTree(ctx, k, o) })
	}
	return sum.Load(), err
}

// each calls f for all objects, some at a time, and returns the first error after all have ended.
func (p *process) each(ctx context.Context, parallel int, objects []object, f func(context.Context, object) error) error {
	if len(objects) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup // waited for below
	for range min(len(objects), parallel) {
		all.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(objects) {
					return
				}
				if err := f(ctx, objects[i]); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func (p *process) provideTree(ctx context.Context, k pins, o object) error {
	return p.provide(ctx, k, o.name, func(ctx context.Context) error {
		err := p.untilFits(ctx, p.estimateTree(o), func() error { return p.assemble(ctx, o) })
		return onDisk("assemble "+o.name, err)
	})
}

// estimateTree returns the room that a tree needs besides the files of its parts.
func (p *process) estimateTree(o object) usage {
	const dirs = 16 // more are asked for when they are made
	return usage{Bytes: (o.files+int64(len(o.parts)))*entry + dirs*(p.block+entry), Inodes: dirs}
}

// assemble makes a tree from parts that are pinned. The caller holds the tree's lock exclusively.
func (p *process) assemble(ctx context.Context, o object) error {
	if s, err := p.look(o.name); err != nil {
		return err
	} else if s.exists && p.isAssembled(o) {
		return p.stamp(p.objectPath(o.name, markName), p.era, s.used)
	}
	tombs := make([]string, len(o.parts))
	for i, part := range o.parts {
		tombs[i] = nameOf(part.piece.Part)
	}
	if err := p.checkTombs(tombs...); err != nil {
		return err
	}
	b, err := p.reserve(ctx, p.estimateTree(o))
	if err != nil {
		return err
	}
	dir := p.temp()
	err = p.joinParts(b, dir, o)
	if err == nil {
		err = p.place(ctx, dir, o.name, b, tombs)
	}
	if err != nil {
		p.discard(dir, b)
	}
	return err
}

// joinParts links the files of all parts into dir.
func (p *process) joinParts(b *budget, dir string, o object) error {
	for _, d := range []string{dir, filepath.Join(dir, treeName), filepath.Join(dir, partsName)} {
		if err := b.take(p.dir()); err != nil {
			return err
		}
		if err := p.mkdir(d, modeDir); err != nil {
			return err
		}
	}
	for _, part := range o.parts {
		if err := p.linkMark(b, part.name, filepath.Join(dir, partsName, part.name)); err != nil {
			return err
		}
		if err := p.joinPart(b, filepath.Join(dir, treeName), part); err != nil {
			return err
		}
	}
	return p.finishObject(dir, b)
}

func (p *process) joinPart(b *budget, tree string, part object) error {
	from, path := p.objectPath(part.name, treeName), part.piece.Path
	if part.piece.Part.ID.Kind != treepack.BigBlob {
		if err := b.mkdirs(tree, path); err != nil {
			return err
		}
		return p.linkTree(b, from, filepath.Join(tree, path))
	}
	if err := b.mkdirs(tree, filepath.Dir(path)); err != nil {
		return err
	}
	return exists(p.linkFile(b, filepath.Join(from, blobName), filepath.Join(tree, path)))
}

// exists takes "it is there already" for success: within a revision, what has the same path is the same.
func exists(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// linkMark gives the mark of an object one more name. The same part may be in a tree several times.
func (p *process) linkMark(b *budget, name, to string) error {
	err := b.spend(p.name(), func() error { return p.link(p.objectPath(name, markName), to) })
	if errors.Is(err, unix.EMLINK) {
		err = b.spend(p.file(0), func() error { return p.empty(to) })
	}
	return exists(err)
}

// linkTree links everything below from into to, which exists. What is there already stays.
func (p *process) linkTree(b *budget, from, to string) error {
	return walkNames(from, "", func(rel string, dir bool) error {
		target := below(to, rel)
		switch {
		case rel == "":
			return nil
		case dir:
			return b.mkdirIfAbsent(target)
		}
		return exists(p.linkFile(b, below(from, rel), target))
	})
}

// isAssembled reports whether a tree of an earlier era consists of the files of its parts, which have been verified in this one, and
// of nothing else.
func (p *process) isAssembled(o object) bool {
	tree := p.objectPath(o.name, treeName)
	want := 0
	for _, part := range o.parts {
		from, path := p.objectPath(part.name, treeName), part.piece.Path
		single := part.piece.Part.ID.Kind == treepack.BigBlob
		err := walk(from, func(file string, st *unix.Stat_t) error {
			if st.Mode&unix.S_IFMT == unix.S_IFDIR {
				return nil
			}
			want++
			to := filepath.Join(tree, path)
			if !single {
				rel, err := filepath.Rel(from, file)
				if err != nil {
					return err
				}
				to = filepath.Join(to, rel)
			}
			var got unix.Stat_t
			if err := unix.Lstat(to, &got); err != nil || got.Ino != st.Ino {
				return os.ErrInvalid
			}
			return nil
		})
		if err != nil {
			return false
		}
	}
	err := walk(tree, func(_ string, st *unix.Stat_t) error {
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			want--
		}
		return nil
	})
	return err == nil && want == 0
}
