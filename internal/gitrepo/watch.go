package gitrepo

import (
	"context"
	"io/fs"
	"path/filepath"
	"time"
)

// watch ends a job when nothing moves, or when the mirror outgrows its limit. What moves is git's progress on stderr, or the size
// of the files that it writes.
type watch struct {
	said   *lines
	size   func() int64
	stall  time.Duration
	max    int64 // bytes; 0 is no limit
	cancel context.CancelCauseFunc
}

func (r *Repo) newWatch(said *lines, cancel context.CancelCauseFunc) watch {
	return watch{said: said, size: r.size, stall: r.options.Stall, max: r.options.MaxBytes, cancel: cancel}
}

// run looks at the job until done is closed.
func (w watch) run(done <-chan struct{}) {
	tick := time.NewTicker(min(max(w.stall/8, 10*time.Millisecond), time.Second/2))
	defer tick.Stop()
	var said, size int64
	last := time.Now()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		s, n := w.said.moved.Load(), w.size()
		if s != said || n != size {
			said, size, last = s, n, time.Now()
		}
		switch {
		case w.max > 0 && n > w.max:
			w.cancel(errOutgrew)
			return
		case time.Since(last) > w.stall:
			w.cancel(errStalled)
			return
		}
	}
}

// size returns the bytes of the mirror's objects, those that are being received included.
func (r *Repo) size() int64 {
	var sum int64
	_ = filepath.WalkDir(filepath.Join(r.dir, "objects"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // git renames and removes files meanwhile
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
