package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// openFile opens the file of the settings as the present one.
func (r *run) openFile() error {
	s, mended, err := openStream(r.config.File)
	if err != nil {
		return err
	}
	s.output = r.wrap(s.file)
	r.stream = s
	if mended != nil {
		r.log.Warn("the audit file ended within a line: it was mended", "file", r.config.File, "bytes", len(mended))
		r.queue.mu.Lock()
		r.queue.put(mended)
		r.queue.mu.Unlock()
	}
	return nil
}

// renew opens the path anew and closes the file that was open. A line that is written in part is written whole again.
func (r *run) renew() error {
	old := r.stream
	if err := r.openFile(); err != nil {
		return err
	}
	r.rewind(old.torn)
	if err := old.close(); err != nil {
		return fmt.Errorf("close the audit file that was open before: %w", err)
	}
	r.unsynced = time.Time{} // close synced it
	r.queue.settle()
	return nil
}

// rotateIfDue sets the file aside if it would grow too large. If that cannot be done, the file goes on growing.
func (r *run) rotateIfDue() {
	limit := int64(r.config.MaxSize)
	if limit == 0 || len(r.rest) == 0 || r.stream.size == 0 || r.stream.torn > 0 ||
		r.stream.size+int64(len(r.rest)) <= limit {
		return
	}
	r.findings.Report(auditRotate, r.rotate())
}

// rotate sets the file aside, unless another process did so already, and removes those that are too many.
func (r *run) rotate() error {
	if !r.stream.isCurrent() {
		return r.renew()
	}
	if _, err := r.stream.setAside(time.Now()); err != nil {
		return err
	}
	if err := r.renew(); err != nil {
		return err
	}
	r.queue.rotated()
	return r.prune()
}

// prune removes the oldest files that were set aside, but for those to be kept.
func (r *run) prune() error {
	if r.config.Keep == 0 {
		return nil
	}
	names, err := filepath.Glob(asidePattern(r.config.File))
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names[:max(0, len(names)-r.config.Keep)] {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
