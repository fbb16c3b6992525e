package cache

import (
	"fmt"
	"os"
	"time"
)

// DiskFile is an entry that was opened: its content is the first Size bytes of the file. It must be closed.
type DiskFile struct {
	*os.File
	Size int64
	Meta []byte
}

// Open opens an entry and makes it the newest. One that turns out to be damaged is removed, and is not there.
func (d *Disk) Open(key string) (*DiskFile, bool) {
	d.mu.Lock()
	e := d.find(key)
	if e == nil || d.closed {
		d.mu.Unlock()
		return nil, false
	}
	d.touch(e)
	n, end, fresh := e.name, e.end, e.fresh
	now := time.Now()
	mark := now.Sub(e.marked) > markEvery
	if mark {
		e.marked = now
	}
	f, err := os.Open(d.path(n)) // while the lock is held: the file is that of the entry
	d.mu.Unlock()
	if err != nil {
		d.damaged(e)
		return nil, false
	}
	r, foot, err := readEnd(f, end)
	if err == nil && r.key != key {
		err = errDamaged
	}
	if err == nil && !fresh {
		err = checkBody(f, foot)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		d.damaged(e)
		return nil, false
	}
	if mark {
		_ = os.Chtimes(d.path(n), now, now) // the order after a restart is a little worse
	}
	if !fresh {
		d.mu.Lock()
		e.fresh = true
		d.mu.Unlock()
	}
	return &DiskFile{f, foot.body, r.meta}, true
}

// damaged forgets an entry that cannot be read, unless another has taken its place.
func (d *Disk) damaged(e *diskEntry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.entries[e.name] == e {
		d.counts.Damaged++
		d.remove(e)
	}
}

// Update says something else about an entry, whose content stays. It reports an error when there is no such entry, or when the
// entry has become so long by updates that it is better written anew; it is gone then.
func (d *Disk) Update(key string, about About) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.find(key)
	if e == nil {
		return fmt.Errorf("update: %w", os.ErrNotExist)
	}
	err := d.extend(e, about)
	if err != nil {
		d.remove(e)
	}
	return err
}

// maxTail is how long records may be together before an entry has to be written anew, in bytes, besides its content.
const maxTail = 256 << 10

// extend writes another record and footer. Callers must hold mu.
func (d *Disk) extend(e *diskEntry, about About) error {
	f, err := os.OpenFile(d.path(e.name), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	defer f.Close()
	foot, err := readFooter(f, e.end)
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	r := record{key: e.key, tags: about.Tags, until: about.until(), meta: about.Meta}
	b := r.encode(foot.body, foot.bodySum)
	if e.end+int64(len(b)) > 2*foot.body+maxTail || len(b) > maxRecord {
		return fmt.Errorf("update: %w", ErrRoom)
	}
	size := blocks(e.end + int64(len(b)))
	if _, err := f.WriteAt(b, e.end); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	d.bytes += size - e.size
	e.size, e.end, e.tags, e.until = size, e.end+int64(len(b)), about.Tags, r.until
	for d.bytes+d.pending > d.o.MaxBytes && d.root.prev != e {
		d.evict()
	}
	return nil
}
