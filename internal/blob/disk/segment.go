package disk

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

// segmentMagic begins the first page of a segment; the sequence number, the nonce and a checksum follow. They fit into one
// sector, which a disk writes whole or not at all.
const segmentMagic = "holdfast journal, format 1\n"

const (
	sequenceAt  = 32
	nonceAt     = 40
	checksumAt  = 48
	headerBytes = 52
)

// segment is a file of the journal. It is filled with zeros when it is made and then only written over, so that a sync of it
// is one write of the disk: neither its length nor its blocks change.
type segment struct {
	base   string
	f      *os.File
	direct bool // writes go past the page cache
	size   int64

	// Of the committer while the segment is the current one, else of the settler.
	sequence uint64 // orders the segments
	nonce    uint64 // tells the segment's batches from older ones, and from whatever somebody uploads: nobody can guess it
	number   uint32 // of the next batch
	end      int64  // where it goes

	// Protected by journal.mu.
	names map[blob.Name]bool // that its records are about: whether a blob is there
	busy  int                // records whose change of the files is under way
	begun time.Time          // when the first was written
}

// openSegment opens a segment that is there, to read it and to empty it, or only to read it.
func openSegment(d *dir, base string, flags int) (*segment, error) {
	fd, err := d.open(base, flags, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: base, Err: err}
	}
	g := &segment{base: base, f: os.NewFile(uintptr(fd), base)}
	if g.size, err = g.f.Seek(0, io.SeekEnd); err == nil {
		err = g.readHeader()
	}
	if err != nil {
		_ = g.f.Close()
		return nil, err
	}
	return g, nil
}

// makeSegment makes an empty segment, durably. Until it has its name nobody takes it for one.
func makeSegment(d *dir, base string, size int64, sequence uint64) (*segment, error) {
	temp := newTempName()
	f, err := d.create(temp, unix.O_EXCL)
	if err != nil {
		return nil, err
	}
	g := &segment{base: base, f: f, size: size}
	err = g.fill(sequence)
	if err == nil {
		err = d.rename(temp, d, base)
	}
	if err == nil {
		err = d.sync()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make segment: %w", err), f.Close(), d.remove(temp))
	}
	return g, nil
}

func (g *segment) fill(sequence uint64) error {
	zeros := alignedBuffer(1 << 20)
	for left := g.size; left > 0; left -= int64(len(zeros)) {
		if _, err := g.f.Write(zeros[:min(left, int64(len(zeros)))]); err != nil {
			return err
		}
	}
	if err := g.begin(sequence); err != nil {
		return err
	}
	return g.f.Sync()
}

// begin empties the segment: batches of another nonce are not its own.
func (g *segment) begin(sequence uint64) error {
	head := alignedBuffer(page)
	copy(head, segmentMagic)
	binary.LittleEndian.PutUint64(head[sequenceAt:], sequence)
	_, _ = rand.Read(head[nonceAt:checksumAt]) // documented never to fail
	binary.LittleEndian.PutUint32(head[checksumAt:], crc32.Checksum(head[:checksumAt], castagnoli))
	if err := g.write(head, 0); err != nil {
		return fmt.Errorf("begin segment: %w", err)
	}
	g.sequence, g.nonce, g.number, g.end = sequence, binary.LittleEndian.Uint64(head[nonceAt:]), 0, page
	return nil
}

// goDirect makes writes go past the page cache, which saves half of their cost, where the file system can do that.
func (g *segment) goDirect() {
	flags, err := unix.FcntlInt(g.f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return
	}
	if _, err := unix.FcntlInt(g.f.Fd(), unix.F_SETFL, flags|unix.O_DIRECT); err != nil {
		return
	}
	g.direct = true
}

// write writes whole pages and brings them to the disk.
func (g *segment) write(p []byte, at int64) error {
	_, err := g.f.WriteAt(p, at)
	if g.direct && errors.Is(err, unix.EINVAL) { // a disk of larger blocks
		flags, ferr := unix.FcntlInt(g.f.Fd(), unix.F_GETFL, 0)
		if ferr == nil {
			_, ferr = unix.FcntlInt(g.f.Fd(), unix.F_SETFL, flags&^unix.O_DIRECT)
		}
		if ferr != nil {
			return ferr
		}
		g.direct = false
		_, err = g.f.WriteAt(p, at)
	}
	if err != nil {
		return err
	}
	_, err = again(func() (int, error) { return 0, unix.Fdatasync(int(g.f.Fd())) })
	return err
}

func (g *segment) readHeader() error {
	var head [headerBytes]byte
	if _, err := g.f.ReadAt(head[:], 0); err != nil {
		return g.damaged(fmt.Errorf("read header: %w", err))
	}
	if !strings.HasPrefix(string(head[:]), segmentMagic) ||
		crc32.Checksum(head[:checksumAt], castagnoli) != binary.LittleEndian.Uint32(head[checksumAt:]) {
		return g.damaged(errors.New("header"))
	}
	g.sequence = binary.LittleEndian.Uint64(head[sequenceAt:])
	g.nonce = binary.LittleEndian.Uint64(head[nonceAt:])
	return nil
}

// read returns the records in the order in which they were written. The last batch may be torn: it was never acknowledged. A
// batch after a torn one was acknowledged, and says that the disk has lost what it had.
func (g *segment) read() ([]record, error) {
	data := make([]byte, max(0, g.size-page))
	if _, err := g.f.ReadAt(data, page); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read segment %s: %w", g.base, err)
	}
	var all []record
	g.number, g.end = 0, page
	for {
		records, size, ok := parseBatch(data, g.nonce, g.number)
		if !ok {
			break
		}
		all = append(all, records...)
		data = data[size:]
		g.number++
		g.end += int64(size)
	}
	for number := g.number + 1; len(data) >= page; data = data[page:] {
		if _, _, ok := parseBatch(data, g.nonce, number); ok {
			return nil, g.damaged(fmt.Errorf("batch %d is missing", g.number))
		}
	}
	return all, nil
}

func (g *segment) damaged(err error) error {
	return &fault.Error{
		Kind: blob.ErrUnavailable.Kind, Code: "store_journal_damaged",
		Hint: "The disk lost what it had acknowledged. Check it, then move " + journalDir +
			" out of the root of the store and start again: blobs of the last seconds before the crash may be damaged.",
		Err: fmt.Errorf("segment %s of the journal is damaged: %w", g.base, err),
	}
}

// alignedBuffer returns n zero bytes that begin at a page of the memory, as direct writes want it.
func alignedBuffer(n int) []byte {
	b := make([]byte, n+page)
	skip := (page - int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))%page)) % page
	return b[skip : skip+n : skip+n]
}
