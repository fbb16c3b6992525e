package treecache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// credit tells the ledger what is gone.
func (p *process) credit(u usage) error {
	if u == (usage{}) {
		return nil
	}
	return p.ledger.change(func(l *page) error {
		l.Used = l.Used.minus(u).floor()
		return nil
	})
}

// emptyTrash removes what nobody has open. It is no error when something has to stay.
func (p *process) emptyTrash(ctx context.Context) error {
	_, err := p.sweepTrash(ctx)
	return err
}

// sweepTrash returns how much it freed.
func (p *process) sweepTrash(ctx context.Context) (freed usage, err error) {
	select {
	case p.trash <- struct{}{}:
		defer func() { <-p.trash }()
	case <-ctx.Done():
		return freed, context.Cause(ctx)
	}
	list, err := names(p.path("trash"))
	if err != nil || len(list) == 0 {
		return freed, err
	}
	var errs []error
	for _, name := range list {
		u, err := p.sweepOne(ctx, p.path("trash", name))
		freed = freed.plus(u)
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return freed, errors.Join(errs...)
}

// sweepOne removes one thing in trash. Between two of them, others may have the locks.
func (p *process) sweepOne(ctx context.Context, path string) (freed usage, err error) {
	g, err := p.pass(ctx)
	if err != nil {
		return freed, err
	}
	defer g.close()
	if err := g.take(ctx, trashLock, exclusive); err != nil {
		return freed, err
	}
	if err = p.removeTree(path, &freed); errors.Is(err, errOpen) {
		err = nil
	}
	return freed, errors.Join(err, p.credit(freed))
}

// removeTree removes a tree and adds up what it freed. errOpen means that something had to stay, because somebody has
// it open: then its blocks are still in use, and would be after it lost its name. The caller holds the trash lock.
func (p *process) removeTree(path string, freed *usage) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return p.removeFile(path, &st, freed)
	}
	list, err := names(path)
	if err != nil {
		return err
	}
	var worst error
	for _, name := range list {
		if err := p.removeTree(filepath.Join(path, name), freed); err != nil && (worst == nil || errors.Is(worst, errOpen)) {
			worst = err
		}
	}
	if worst != nil {
		return worst
	}
	if err := p.remove(path); err != nil {
		return err
	}
	*freed = freed.plus(p.dir())
	return nil
}

// removeFile removes one name of a file, and the file with its last name unless it is open. The caller holds the trash lock:
// only so can it tell which name is the last.
func (p *process) removeFile(path string, st *unix.Stat_t, freed *usage) error {
	gone := p.cost(st)
	switch {
	case st.Nlink > 1:
		gone = p.name()
	case st.Mode&unix.S_IFMT == unix.S_IFREG:
		f, err := p.openAlone(path)
		if err != nil {
			return err
		}
		defer f.Close() // after the removal: who opens it now waits for us, and then finds no name
	}
	if err := p.remove(path); err != nil {
		return err
	}
	*freed = freed.plus(gone)
	return nil
}

// openAlone opens a file that nobody else has open, or returns errOpen. A write lease (fcntl(2)) is given only then.
func (p *process) openAlone(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	if errors.Is(err, unix.EAGAIN) {
		_ = f.Close()
		return nil, errOpen
	}
	return f, nil // other errors: a file system without leases, or files of another user; then we cannot know
}

// toTrash takes the name of something away at once. Its room is credited when it has been removed.
func (p *process) toTrash(path string) error { return p.rename(path, p.fresh("trash")) }

// discard removes something unfinished below tmp and gives its budget back. If it cannot be removed, it goes on counting.
func (p *process) discard(dir string, b *budget) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), time.Minute) // also when the call was cancelled
	defer cancel()
	err := func() error {
		g, err := p.pass(ctx)
		if err != nil {
			return err
		}
		defer g.close()
		if err := g.take(ctx, trashLock, exclusive); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		return b.release()
	}()
	if err != nil {
		p.report("remove what was not finished", err)
	}
}
