package cache

import (
	"crypto/rand"
	"fmt"
	"hash"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"
)

// About is what an owner says about an entry.
type About struct {
	Meta  []byte    // returned when the entry is opened
	Tags  []string  // kept in memory, for DeleteFunc
	Until time.Time // when the entry ends; the zero time is never
}

func (a About) until() int64 {
	if a.Until.IsZero() {
		return 0
	}
	return max(1, a.Until.UnixMicro())
}

// claim is how much room a file that is being written takes at once, in bytes.
const claim = 256 << 10

// DiskWriter is an entry that is being written. Commit or Discard must follow. It may be read by ReadAt meanwhile, by several
// goroutines.
type DiskWriter struct {
	d       *Disk
	file    *os.File
	size    int64
	claimed int64
	sum     hash.Hash32
	err     error
	over    bool
}

// Create begins to write an entry; its key is named when it is whole. size is how long its content will be, 0 if nobody knows.
func (d *Disk) Create(size int64) (*DiskWriter, error) {
	w := &DiskWriter{d: d, sum: crc32.New(castagnoli())}
	if err := w.reserve(max(size, 1)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(d.o.Dir, tempDir, rand.Text()), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		w.giveBack()
		return nil, fmt.Errorf("write to cache: %w", err)
	}
	w.file = f
	return w, nil
}

// reserve sees to it that there is room for so many bytes in all.
func (w *DiskWriter) reserve(total int64) error {
	if total <= w.claimed {
		return nil
	}
	more := blocks(max(total-w.claimed, min(claim, w.d.o.MaxBytes/16)))
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	if err := w.d.makeRoom(more); err != nil {
		return err
	}
	w.d.pending += more
	w.claimed += more
	return nil
}

func (w *DiskWriter) giveBack() {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	w.d.pending -= w.claimed
	w.claimed = 0
}

// Write appends to the content. After an error the entry cannot be committed.
func (w *DiskWriter) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.err = w.reserve(w.size + int64(len(b))); w.err != nil {
		return 0, w.err
	}
	n, err := w.file.Write(b)
	w.size += int64(n)
	w.sum.Write(b[:n])
	if err != nil {
		w.err = fmt.Errorf("write to cache: %w", err)
	}
	return n, w.err
}

// ReadAt reads what was written so far.
func (w *DiskWriter) ReadAt(b []byte, off int64) (int, error) { return w.file.ReadAt(b, off) }

// Commit stores the entry under its key, in place of another one.
func (w *DiskWriter) Commit(key string, about About) error {
	err := w.commit(key, about)
	if err != nil {
		w.Discard()
		return fmt.Errorf("write to cache: %w", err)
	}
	return nil
}

func (w *DiskWriter) commit(key string, about About) error {
	if w.err != nil {
		return w.err
	}
	r := record{key: key, tags: about.Tags, until: about.until(), meta: about.Meta}
	b := r.encode(w.size, w.sum.Sum32())
	if len(b) > maxRecord {
		return ErrRoom
	}
	if err := w.reserve(w.size + int64(len(b))); err != nil {
		return err
	}
	if _, err := w.file.Write(b); err != nil {
		return err
	}
	end := w.size + int64(len(b))
	e := &diskEntry{
		name: nameOf(key), key: key, tags: about.Tags, until: r.until, size: blocks(end), end: end, body: w.size,
		marked: time.Now(), fresh: true,
	}
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	if err := w.place(e); err != nil {
		return err
	}
	w.over = true
	w.d.pending -= w.claimed
	w.claimed = 0
	w.d.insert(e)
	return nil
}

// place gives the file its name. Callers must hold mu, so that index and directory agree.
func (w *DiskWriter) place(e *diskEntry) error {
	if w.d.closed {
		return os.ErrClosed
	}
	if len(w.d.entries) >= w.d.o.MaxEntries && w.d.entries[e.name] == nil {
		w.d.evict()
	}
	path := w.d.path(e.name)
	err := os.Rename(w.file.Name(), path)
	if isMissing(err) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.Rename(w.file.Name(), path)
		}
	}
	return err
}

// Close ends the reading by ReadAt, once the entry is committed and nobody reads any more.
func (w *DiskWriter) Close() error { return w.file.Close() }

// Discard gives the entry up; ReadAt goes on working until Close. It does nothing after Commit.
func (w *DiskWriter) Discard() {
	if w.over {
		return
	}
	w.over = true
	_ = os.Remove(w.file.Name()) // what stays is removed at the next start
	w.giveBack()
}
