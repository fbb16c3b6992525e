package files

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/objects"
)

const (
	// maxOpened is how many files are kept open for the lane. A file that is in use stays open beyond that.
	maxOpened = 256
	// openedFor is how long a file is kept open after its latest use: while it is, a deleted one takes up space.
	openedFor = 30 * time.Second
	// sweepEvery is how often files are looked through for such.
	sweepEvery = 5 * time.Second
)

// opened keeps files of large blobs open, so that an event loop can send them without opening any. Blobs are immutable:
// what is open is right. Whether a blob may be read is not decided here.
type opened struct {
	mu   sync.Mutex // protects the following
	kept map[objects.BlobID]*openFile
	over []*openFile // dropped by a loop, to be closed by somebody who may wait
}

// openFile is a file of which several answers may be under way.
type openFile struct {
	id      objects.BlobID
	file    *os.File
	blob    blob.Blob
	release func() // of one user

	users   int       // protected by opened.mu, as are the following
	used    time.Time // lately
	dropped bool      // nobody else may use it
}

func newOpened() *opened { return &opened{kept: map[objects.BlobID]*openFile{}} }

// borrow returns an open file, if there is one; its user releases it. It never waits for the disk.
func (s *opened) borrow(id objects.BlobID, now time.Time) (*openFile, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.kept[id]
	if o == nil {
		return nil, false
	}
	o.users++
	o.used = now
	return o, true
}

// giveBack is a user's end. It never waits for the disk: closing the last descriptor of a deleted file frees its blocks.
func (s *opened) giveBack(o *openFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.users--
	if o.dropped && o.users == 0 {
		s.over = append(s.over, o)
	}
}

// keep takes over an open blob that is a file, unless another is kept already. It closes what has to make room.
func (s *opened) keep(id objects.BlobID, b blob.Blob, f *os.File, now time.Time) {
	o := &openFile{id: id, file: f, blob: b, used: now}
	o.release = func() { s.giveBack(o) }
	s.mu.Lock()
	if s.kept[id] != nil {
		s.over = append(s.over, o)
	} else {
		if len(s.kept) >= maxOpened {
			s.drop(s.oldest())
		}
		s.kept[id] = o
	}
	s.mu.Unlock()
	s.closeOver()
}

// oldest returns the file that was not used for longest. Callers must hold mu, and there must be one.
func (s *opened) oldest() *openFile {
	var oldest *openFile
	for _, o := range s.kept {
		if oldest == nil || o.used.Before(oldest.used) {
			oldest = o
		}
	}
	return oldest
}

// drop takes a file out. Callers must hold mu.
func (s *opened) drop(o *openFile) {
	delete(s.kept, o.id)
	o.dropped = true
	if o.users == 0 {
		s.over = append(s.over, o)
	}
}

// sweep drops and closes what useless reports.
func (s *opened) sweep(useless func(o *openFile) bool) {
	s.mu.Lock()
	for _, o := range s.kept {
		if useless(o) {
			s.drop(o)
		}
	}
	s.mu.Unlock()
	s.closeOver()
}

func (s *opened) closeOver() {
	s.mu.Lock()
	over := slices.Clone(s.over)
	s.over = nil
	s.mu.Unlock()
	for _, o := range over {
		_ = o.blob.Close() // it was only read
	}
}

// sweepOpened closes files that nobody wants any more, and all in the end.
func (f *Files) sweepOpened(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			f.opened.sweep(func(*openFile) bool { return true })
			return
		case <-tick.C:
			now := f.now()
			f.opened.sweep(func(o *openFile) bool { return now.Sub(o.used) > openedFor || f.index.Dead(o.id) })
		}
	}
}
