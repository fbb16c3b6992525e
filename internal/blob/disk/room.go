package disk

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// room guards the free space of the file system: bytes that writers of this process announced and have not yet
// taken from the disk count as used.
type room struct {
	fd      int
	reserve int64

	mu      sync.Mutex // protects pending, and that two writers do not see the same free space
	pending int64      // bytes
}

// claim is the room that one writer was promised.
type claim struct {
	room *room
	left int64 // bytes announced and not yet written
}

// claim promises n bytes, or returns an error that is blob.ErrFull.
func (r *room) claim(n int64) (*claim, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fits(r.pending + n); err != nil {
		return nil, err
	}
	r.pending += n
	return &claim{room: r, left: n}, nil
}

// check reports whether anything can be written at all.
func (r *room) check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fits(r.pending)
}

// fits returns an error if n more bytes would go below the reserve. Callers hold mu.
func (r *room) fits(n int64) error {
	var st unix.Statfs_t
	if _, err := again(func() (int, error) { return 0, unix.Fstatfs(r.fd, &st) }); err != nil {
		return fmt.Errorf("look at free space: %w", err)
	}
	free := int64(st.Bavail) * st.Frsize
	if st.Blocks > 0 && free-n < r.reserve {
		return full(fmt.Errorf("%d bytes are free, %d are reserved, %d are asked for", free, r.reserve, n),
			"Free some space, lower media.reserve, or move the store to a larger disk.")
	}
	if st.Files > 0 && st.Ffree == 0 {
		return full(fmt.Errorf("the file system has no inode left"), "Remove files, or move the store to a file system with more inodes.")
	}
	return nil
}

// wrote says that n of the promised bytes are on the disk: statfs knows them now. Writers that announced nothing are
// checked as they go.
func (c *claim) wrote(n int64) {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	n = min(n, c.left)
	c.left -= n
	c.room.pending -= n
}

// release gives back what is left of the promise.
func (c *claim) release() { c.wrote(c.left) }
