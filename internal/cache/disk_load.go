package cache

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// loaders is how many directories are read at once.
const loaders = 4

// load makes the index of the files that are there, and removes what is not whole.
func (d *Disk) load() error {
	temps, err := os.ReadDir(filepath.Join(d.o.Dir, tempDir))
	if err != nil {
		return err
	}
	for _, t := range temps {
		if err := os.RemoveAll(filepath.Join(d.o.Dir, tempDir, t.Name())); err != nil {
			return err
		}
		d.counts.LeftOvers++
	}
	found, err := d.scan()
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(a, b *diskEntry) int {
		return cmp.Or(a.marked.Compare(b.marked), slices.Compare(a.name[:], b.name[:]))
	})
	now := time.Now().UnixMicro()
	for _, e := range found {
		d.insert(e)
		if e.until != 0 && e.until <= now {
			d.remove(e)
		}
	}
	for d.bytes > d.o.MaxBytes || len(d.entries) > d.o.MaxEntries { // the bound is less than it was
		d.evict()
	}
	return nil
}

// scan reads the ends of all files.
func (d *Disk) scan() ([]*diskEntry, error) {
	dirs, err := os.ReadDir(d.o.Dir)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var found []*diskEntry
	var errs []error
	next := make(chan string)
	var all sync.WaitGroup
	for range loaders {
		all.Go(func() {
			for dir := range next {
				list, damaged, err := d.scanDir(dir)
				mu.Lock()
				found, errs = append(found, list...), append(errs, err)
				d.counts.Damaged += damaged
				mu.Unlock()
			}
		})
	}
	for _, dir := range dirs {
		if dir.IsDir() && len(dir.Name()) == 2 {
			next <- filepath.Join(d.o.Dir, dir.Name())
		}
	}
	close(next)
	all.Wait()
	return found, errors.Join(errs...)
}

func (d *Disk) scanDir(dir string) (found []*diskEntry, damaged int64, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, err
	}
	for _, f := range files {
		n, ok := ours(f.Name())
		if !ok {
			continue // not ours to remove
		}
		path := filepath.Join(dir, f.Name())
		e, err := readEntry(path, n)
		switch {
		case err == nil:
			found = append(found, e)
		case isMissing(err):
		case errors.Is(err, errDamaged):
			damaged++
			if err := os.Remove(path); err != nil {
				return nil, damaged, err
			}
		default:
			return nil, damaged, err
		}
	}
	return found, damaged, nil
}

// readEntry reads what the index has to know of a file.
func readEntry(path string, n name) (*diskEntry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r, foot, err := readEnd(f, info.Size())
	if err != nil {
		return nil, err
	}
	if nameOf(r.key) != n {
		return nil, errDamaged
	}
	return &diskEntry{
		name: n, key: r.key, tags: r.tags, until: r.until, size: blocks(info.Size()), end: info.Size(), body: foot.body, marked: info.ModTime(),
	}, nil
}
