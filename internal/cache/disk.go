package cache

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"holdfast/internal/fault"
)

// DiskOptions say where a Disk is and how large it may grow.
type DiskOptions struct {
	Dir        string // made if it is not there
	MaxBytes   int64  // of all files together, each counted in whole blocks
	MaxEntries int    // default 200,000
	Free       int64  // bytes that stay free on the file system
	// Network names the kind of a path's file system, and tells whether it is on a network. May be nil.
	Network func(path string) (kind string, network bool)
}

const (
	// diskEntries is how many entries there may be unless somebody says otherwise: the index takes memory.
	diskEntries = 200_000
	// block is what a file's size is rounded up to.
	block = 4096
	// markEvery is how long the time of a file's use may be behind.
	markEvery = 10 * time.Minute
)

// ErrRoom is what is wrong when there is no room that could be made.
var ErrRoom = fault.New(fault.Full, "cache_full", "no room on the disk of the cache")

// Disk is a cache in files; see the package's comment. Open one with OpenDisk.
type Disk struct {
	o    DiskOptions
	lock *os.File

	mu      sync.Mutex // protects the following
	entries map[name]*diskEntry
	root    diskEntry // of the ring by use: next is the newest, prev the oldest
	bytes   int64
	pending int64 // of files that are being written
	closed  bool
	counts  DiskStats
}

// name is the digest of a key; files are called so.
type name [16]byte

func nameOf(key string) name {
	sum := sha256.Sum256([]byte(key))
	return name(sum[:16])
}

// diskEntry is what the index knows of a file.
type diskEntry struct {
	name       name
	key        string
	tags       []string
	until      int64 // Unix time in µs; 0 never
	size       int64 // of the file, in whole blocks
	end        int64 // of the file
	body       int64 // of the content
	marked     time.Time
	fresh      bool // the content was written, or checked, by this process
	prev, next *diskEntry
}

// DiskStats are the counts of a Disk since it was opened, and what it holds now.
type DiskStats struct {
	Entries    int   `json:"entries"`
	Bytes      int64 `json:"bytes"`
	MaxBytes   int64 `json:"max_bytes"`
	Evictions  int64 `json:"evictions"`
	Damaged    int64 `json:"damaged"`    // entries that were not what was written
	LeftOvers  int64 `json:"left_overs"` // files that a process left behind when it was killed
	FreeOnDisk int64 `json:"free_on_disk"`
}

// OpenDisk opens or makes a cache in a directory.
func OpenDisk(o DiskOptions) (*Disk, error) {
	if o.MaxEntries == 0 {
		o.MaxEntries = diskEntries
	}
	if o.Network != nil {
		if kind, network := o.Network(o.Dir); network {
			return nil, fault.New(fault.Config, "cache_network", "cache %s is on %s, a network file system: it would be slower than none", o.Dir, kind).
				WithHint("name a directory on a disk of this machine")
		}
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, tempDir), 0o700); err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	d := &Disk{o: o, lock: lock, entries: map[name]*diskEntry{}}
	d.root.prev, d.root.next = &d.root, &d.root
	if err := d.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open cache %s: %w", o.Dir, err), lock.Close())
	}
	return d, nil
}

func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fault.New(fault.Conflict, "cache_in_use", "cache %s is used by another process: %w", dir, err).
			WithHint("give each its own paths.cache"), f.Close())
	}
	return f, nil
}

// Close ends the use. What is stored stays.
func (d *Disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	// a child that is being started has the file open, too, for a moment: closing alone would leave the lock to it
	return errors.Join(syscall.Flock(int(d.lock.Fd()), syscall.LOCK_UN), d.lock.Close())
}

// Stats returns the counts.
func (d *Disk) Stats() DiskStats {
	free, _ := freeBytes(d.o.Dir) // a number for people
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.counts
	s.Entries, s.Bytes, s.MaxBytes, s.FreeOnDisk = len(d.entries), d.bytes, d.o.MaxBytes, free
	return s
}

// Has reports whether there is an entry, and leaves the order as it is.
func (d *Disk) Has(key string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.find(key) != nil
}

// Delete removes an entry and reports whether there was one.
func (d *Disk) Delete(key string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.find(key)
	if e != nil {
		d.remove(e)
	}
	return e != nil
}

// DeleteFunc removes all entries that match and returns how many there were. The function must be quick, and must not call the
// Disk.
func (d *Disk) DeleteFunc(match func(key string, tags []string) bool) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, e := range d.entries {
		if match(e.key, e.tags) {
			d.remove(e)
			n++
		}
	}
	return n
}

// Sweep removes entries that have ended and returns how many there were.
func (d *Disk) Sweep() int {
	now := time.Now().UnixMicro()
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, e := range d.entries {
		if e.until != 0 && e.until <= now {
			d.remove(e)
			n++
		}
	}
	return n
}

// find returns the living entry of a key. Callers must hold mu.
func (d *Disk) find(key string) *diskEntry {
	e := d.entries[nameOf(key)]
	if e == nil || e.key != key {
		return nil
	}
	if e.until != 0 && e.until <= time.Now().UnixMicro() {
		d.remove(e)
		return nil
	}
	return e
}

// insert links an entry, in place of one of its name whose file it has replaced. Callers must hold mu.
func (d *Disk) insert(e *diskEntry) {
	if old := d.entries[e.name]; old != nil {
		d.unlink(old)
	}
	d.entries[e.name] = e
	e.prev, e.next = &d.root, d.root.next
	e.prev.next, e.next.prev = e, e
	d.bytes += e.size
}

// unlink takes an entry out of the index. Callers must hold mu.
func (d *Disk) unlink(e *diskEntry) {
	if d.entries[e.name] != e {
		return
	}
	delete(d.entries, e.name)
	e.prev.next, e.next.prev = e.next, e.prev
	d.bytes -= e.size
}

// remove takes an entry and its file away. Callers must hold mu.
func (d *Disk) remove(e *diskEntry) {
	d.unlink(e)
	_ = os.Remove(d.path(e.name)) // what cannot be removed is found again at the next start
}

// touch makes an entry the newest. Callers must hold mu.
func (d *Disk) touch(e *diskEntry) {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = &d.root, d.root.next
	e.prev.next, e.next.prev = e, e
}

// makeRoom evicts until more bytes fit, and one more entry. Callers must hold mu.
func (d *Disk) makeRoom(more int64) error {
	if d.closed {
		return fmt.Errorf("cache %s: %w", d.o.Dir, os.ErrClosed)
	}
	if d.pending+more > d.o.MaxBytes {
		return ErrRoom
	}
	for d.bytes+d.pending+more > d.o.MaxBytes || len(d.entries) >= d.o.MaxEntries {
		d.evict()
	}
	for {
		free, err := freeBytes(d.o.Dir)
		if err != nil {
			return err
		}
		if free-more >= d.o.Free {
			return nil
		}
		if len(d.entries) == 0 {
			return ErrRoom
		}
		for lack := d.o.Free + more - free; lack > 0 && len(d.entries) > 0; {
			lack -= d.root.prev.size
			d.evict()
		}
	}
}

func (d *Disk) evict() {
	d.counts.Evictions++
	d.remove(d.root.prev)
}

func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

func blocks(n int64) int64 { return (n + block - 1) / block * block }
