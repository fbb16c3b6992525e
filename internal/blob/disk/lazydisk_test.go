package disk_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"
)

// lazyDisk is a file system in memory that forgets: what was not synced is lost, kept or torn when the power is cut, as
// chance wants it. It promises only what POSIX does: syncing a file saves its content and not its name, syncing a directory
// saves its names and not their content, and a rename happens whole or not at all. Real file systems are kinder.
type lazyDisk struct {
	kind diskKind

	mu      sync.Mutex // protects the following
	inodes  map[uint64]*lazyInode
	nextIno uint64
	pending []change // of names, not yet saved, oldest first
	calls   int
	fault   func(call int, op string) syscall.Errno // asked before each operation; 0 lets it pass
}

// diskKind says what a disk can do, and what it does wrong.
type diskKind struct {
	name           string // of the file system that it is like
	journal        bool   // the store uses its journal
	unnamed        bool   // has O_TMPFILE
	syncsUnnamed   bool   // syncing a file without a name saves it: btrfs does not
	attributes     bool
	exclusive      bool // has RENAME_NOREPLACE
	losesFiles     bool // says that it synced a file, and did not
	losesAttrs     bool // the same for its attributes
	losesDirectory bool // the same for a directory
}

// String names the kind in tests.
func (k diskKind) String() string {
	if k.journal {
		return "like " + k.name + " with a journal"
	}
	return "like " + k.name
}

var (
	likeExt4  = diskKind{name: "ext4", unnamed: true, syncsUnnamed: true, attributes: true, exclusive: true}
	journaled = diskKind{name: "ext4", journal: true, unnamed: true, syncsUnnamed: true, attributes: true, exclusive: true}
	likeBtrfs = diskKind{name: "btrfs", unnamed: true, attributes: true, exclusive: true}
	likeNFS   = diskKind{name: "nfs"}
)

const lazyRoot = 1 // the inode number of the root, by the FUSE protocol

type lazyInode struct {
	ino   uint64
	mode  uint32
	links int
	mtime time.Time

	data, savedData []byte
	attrs, saved    map[string][]byte
	dirty           bool // data or attrs differ from what is saved

	names, savedNames map[string]uint64 // of a directory
}

func (n *lazyInode) isDir() bool { return n.mode&syscall.S_IFMT == syscall.S_IFDIR }

// change is one change of names: removed from one directory, added to another, or both.
type change struct {
	ino      uint64
	from, to uint64 // directories; 0 for none
	old, new string
}

func newLazyDisk(kind diskKind) *lazyDisk {
	d := &lazyDisk{kind: kind, inodes: map[uint64]*lazyInode{}, nextIno: lazyRoot}
	d.create(syscall.S_IFDIR | 0o700)
	return d
}

// create makes an inode without a name. Callers hold mu.
func (d *lazyDisk) create(mode uint32) *lazyInode {
	n := &lazyInode{ino: d.nextIno, mode: mode, mtime: time.Now(), attrs: map[string][]byte{}, dirty: true}
	if n.isDir() {
		n.names, n.savedNames = map[string]uint64{}, map[string]uint64{}
	}
	d.inodes[n.ino] = n
	d.nextIno++
	return n
}

// change changes names now; they are saved when one of the directories is synced. Callers hold mu.
func (d *lazyDisk) change(c change) {
	if c.from != 0 {
		delete(d.inodes[c.from].names, c.old)
		d.inodes[c.ino].links--
	}
	if c.to != 0 {
		if replaced, ok := d.inodes[c.to].names[c.new]; ok {
			d.inodes[replaced].links--
		}
		d.inodes[c.to].names[c.new] = c.ino
		d.inodes[c.ino].links++
	}
	d.pending = append(d.pending, c)
}

// save makes one change of names lasting. Callers hold mu.
func (d *lazyDisk) save(c change) {
	if c.from != 0 && d.inodes[c.from].savedNames[c.old] == c.ino {
		delete(d.inodes[c.from].savedNames, c.old)
	}
	if c.to != 0 {
		d.inodes[c.to].savedNames[c.new] = c.ino
	}
}

// syncDir saves the names of a directory. Callers hold mu.
func (d *lazyDisk) syncDir(ino uint64) {
	if d.kind.losesDirectory {
		return
	}
	var rest []change
	for _, c := range d.pending {
		if c.from != ino && c.to != ino {
			rest = append(rest, c)
			continue
		}
		d.save(c)
		if c.from != 0 { // the older change that made the name is past, too
			rest = slices.DeleteFunc(rest, func(older change) bool {
				return older.ino == c.ino && older.to == c.from && older.new == c.old
			})
		}
	}
	d.pending = rest
}

// syncFile saves the content of a file, and its attributes unless only the data is wanted. Callers hold mu.
func (d *lazyDisk) syncFile(n *lazyInode, dataOnly bool) {
	if d.kind.losesFiles || n.links == 0 && !d.kind.syncsUnnamed {
		return
	}
	n.savedData = slices.Clone(n.data)
	if !dataOnly && !d.kind.losesAttrs {
		n.saved = maps.Clone(n.attrs)
		n.dirty = false
	}
}

// gate says whether an operation may pass. Callers hold mu.
func (d *lazyDisk) gate(op string) syscall.Errno {
	d.calls++
	if d.fault == nil {
		return 0
	}
	return d.fault(d.calls, op)
}

// afterPowerCut returns the disk as it is found when the power is back.
func (d *lazyDisk) afterPowerCut(r *rand.Rand) *lazyDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.pending { // some of the changes were on their way
		if r.IntN(2) == 0 {
			d.save(c)
		}
	}
	found := &lazyDisk{kind: d.kind, inodes: map[uint64]*lazyInode{}, nextIno: d.nextIno}
	d.recover(found, d.inodes[lazyRoot], r).links = 1
	return found
}

// recover copies what is left of an inode, and of everything below it.
func (d *lazyDisk) recover(found *lazyDisk, n *lazyInode, r *rand.Rand) *lazyInode {
	if known, ok := found.inodes[n.ino]; ok {
		return known
	}
	left := &lazyInode{ino: n.ino, mode: n.mode, mtime: n.mtime, data: slices.Clone(n.savedData), attrs: maps.Clone(n.saved)}
	if n.dirty && !n.isDir() {
		left.data = tear(n, r)
		if r.IntN(2) == 0 {
			left.attrs = maps.Clone(n.attrs)
		}
	}
	if left.attrs == nil {
		left.attrs = map[string][]byte{}
	}
	left.savedData, left.saved = slices.Clone(left.data), maps.Clone(left.attrs)
	found.inodes[n.ino] = left
	if n.isDir() {
		left.names = maps.Clone(n.savedNames)
		left.savedNames = maps.Clone(n.savedNames)
		for _, ino := range n.savedNames {
			d.recover(found, d.inodes[ino], r).links++
		}
	}
	return left
}

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// tear returns what may be found of a file that was written and not synced.
func tear(n *lazyInode, r *rand.Rand) []byte {
	if slices.Equal(n.data, n.savedData) {
		return slices.Clone(n.data)
	}
	switch r.IntN(4) {
	case 0:
		return slices.Clone(n.data)
	case 1: // the length came to the disk, some of the content did not
		data := make([]byte, len(n.data))
		copy(data, n.savedData)
		for at := 0; at < len(data); at += sector {
			if r.IntN(2) == 0 {
				copy(data[at:min(at+sector, len(data))], n.data[at:])
			}
		}
		return data
	}
	return slices.Clone(n.savedData)
}

// clone returns a disk of its own in the same state. Callers hold mu.
func (d *lazyDisk) clone() *lazyDisk {
	c := &lazyDisk{kind: d.kind, inodes: map[uint64]*lazyInode{}, nextIno: d.nextIno, pending: slices.Clone(d.pending)}
	for ino, n := range d.inodes {
		m := *n
		m.data, m.savedData = slices.Clone(n.data), slices.Clone(n.savedData)
		m.attrs, m.saved = maps.Clone(n.attrs), maps.Clone(n.saved)
		m.names, m.savedNames = maps.Clone(n.names), maps.Clone(n.savedNames)
		c.inodes[ino] = &m
	}
	return c
}
