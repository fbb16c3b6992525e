package assets

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// maxResident is the largest variant that is held in memory.
	maxResident = 64 << 10
	// minPaged is the smallest that is held in pages: what is smaller is copied sooner than a second system call is made.
	minPaged = 16 << 10
	pageSize = 4 << 10
)

// resident is a variant's bytes in memory: those of a small one as they are, those of a larger one in pages.
type resident struct {
	bytes []byte
	pages *pages // nil for a small one
	at    int64
	size  int64
}

// pages is memory that the kernel sends without copying it: a file that has no name (memfd_create(2)), and that never shrinks
// or changes but for what is added. Copying 40 KB takes longer than everything else that a request needs. It is closed when
// nobody has it any more, by the garbage collector, because answers may be under way.
type pages struct {
	file *os.File
	used int64 // how far it is written
}

// newPages returns nil where the kernel has no such files: then bytes are held as they are.
func newPages() *pages {
	fd, err := unix.MemfdCreate("holdfast assets", unix.MFD_CLOEXEC)
	if err != nil {
		return nil
	}
	return &pages{file: os.NewFile(uintptr(fd), "assets in memory")}
}

// hold puts a file's bytes to where they are sent from.
func (p *pages) hold(b []byte) *resident {
	r := &resident{bytes: b, size: int64(len(b))}
	if p == nil || r.size < minPaged {
		return r
	}
	if _, err := p.file.WriteAt(b, p.used); err != nil {
		return r // no memory of this kind is left: what was written lies behind the end that we know
	}
	r.bytes, r.pages, r.at = nil, p, p.used
	p.used += (r.size + pageSize - 1) / pageSize * pageSize
	return r
}

// worth reports whether a set that holds so many bytes should go on with the pages of the one before, of which what
// nobody needs any more is a part.
func (p *pages) worth(live int64) bool { return p != nil && p.used <= 2*live+1<<20 }

// reader returns a part of the bytes.
func (r *resident) reader(start, n int64) io.Reader {
	return io.NewSectionReader(r.pages.file, r.at+start, n)
}

// all returns all bytes; nobody may change them.
func (r *resident) all() ([]byte, error) {
	if r.pages == nil {
		return r.bytes, nil
	}
	b := make([]byte, r.size)
	_, err := r.pages.file.ReadAt(b, r.at)
	return b, err
}
