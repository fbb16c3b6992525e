package audit

import (
	"context"
	"fmt"
	"time"
)

// Times between tries while the disk fails, doubling.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Start opens the file, mends its end, and begins to write.
func (w *Writer) Start(ctx context.Context) error { return w.base.Start(ctx, w.begin) }

func (w *Writer) begin(context.Context) error {
	r := &run{Writer: w}
	if err := r.openFile(); err != nil {
		return err
	}
	w.queue.setOpen(true)
	w.base.Go(r.loop)
	return nil
}

// Stop writes and syncs what is queued and closes the file; when ctx ends first, the rest is lost.
func (w *Writer) Stop(ctx context.Context) error {
	return w.base.Stop(ctx, func(ctx context.Context) error {
		w.queue.setOpen(false)
		if err := w.Flush(ctx); err != nil {
			return fmt.Errorf("stop audit stream: %d bytes are lost: %w", w.queue.queued.Load(), err)
		}
		return nil
	})
}

// run is the side of the writer that owns the file. Only its goroutine touches its fields.
type run struct {
	*Writer
	stream   *stream
	group    []byte        // what is being written
	rest     []byte        // what is left of it
	unsynced time.Time     // when the oldest byte that is not on disk was written; zero: none
	retry    time.Duration // before the next try, after a failure
}

// loop writes until the writer's life ends.
func (r *run) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		r.await(ctx, timer)
		if err := r.step(); err != nil {
			r.fail(ctx, timer, err)
			continue
		}
		r.findings.Clear(auditWrite)
		r.retry = 0
	}
	r.giveBack()
	if err := r.stream.close(); err != nil {
		r.log.Error("close audit stream", "file", r.config.File, "error", err)
	}
}

// giveBack puts what could not be written back into the queue, for the case that the writer is started again.
func (r *run) giveBack() {
	r.rewind(r.stream.torn)
	q := r.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.buffer = append(r.rest, q.buffer...)
}

// rewind makes the writer write the beginning of a line again of which torn bytes were written.
func (r *run) rewind(torn int64) {
	r.rest = r.group[len(r.group)-len(r.rest)-int(torn):]
	r.queue.written(-int(torn))
}

// await returns when there is something to do.
func (r *run) await(ctx context.Context, timer *time.Timer) {
	wait := time.Hour // as good as for ever
	if !r.unsynced.IsZero() {
		wait = time.Until(r.unsynced.Add(r.config.Sync.D()))
	}
	timer.Reset(wait)
	select {
	case <-ctx.Done():
		return
	case <-timer.C:
		return
	case <-r.queue.hurry:
		return
	case <-r.queue.wake:
	}
	timer.Reset(linger)
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-r.queue.hurry:
	}
}

// step writes what is queued, syncs what is due, and changes the file when that is due.
func (r *run) step() error {
	if r.reopen.Swap(false) {
		if err := r.renew(); err != nil {
			r.reopen.Store(true)
			return err
		}
	}
	if err := r.writeGroup(); err != nil {
		return err
	}
	r.tellLost()
	return r.syncIfDue()
}

// writeGroup writes the lines of the buffer, or what is left of the last group.
func (r *run) writeGroup() error {
	if len(r.rest) == 0 {
		r.group = r.queue.take()
		r.rest = r.group
	}
	r.rotateIfDue()
	for len(r.rest) > 0 {
		n, err := r.stream.write(r.rest)
		r.rest = r.rest[n:]
		if n > 0 && r.unsynced.IsZero() {
			r.unsynced = time.Now()
		}
		r.queue.written(n)
		if err != nil {
			return fmt.Errorf("write audit stream: %w", err)
		}
	}
	if r.group != nil {
		r.queue.done(r.group)
		r.group = nil
	}
	return nil
}

// tellLost puts a line where records are missing, once there is room for it.
func (r *run) tellLost() {
	q := r.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lost == 0 || q.isFull() {
		return
	}
	q.put(appendLost(nil, q.lost))
	q.lost = 0
	r.findings.Set(auditLost, fmt.Sprintf("%d records since the start", q.stats.Dropped))
}

// syncIfDue syncs what was written, if its time has come or somebody waits for it.
func (r *run) syncIfDue() error {
	if r.unsynced.IsZero() {
		r.queue.settle()
		return nil
	}
	if time.Since(r.unsynced) < r.config.Sync.D() && !r.queue.isAwaited() {
		return nil
	}
	r.unsynced = time.Time{} // a failed sync is not to be repeated: the kernel has forgotten what it could not write
	if err := r.stream.Sync(); err != nil {
		r.findings.Set(auditLost, "what was written last may be missing after a loss of power: "+err.Error())
		return fmt.Errorf("sync audit stream: %w", err)
	}
	r.queue.settle()
	if !r.stream.isCurrent() {
		r.log.Warn("the audit file was moved or removed: opening it anew", "file", r.config.File)
		return r.renew()
	}
	return nil
}

// fail tells of an error and waits before the next try.
func (r *run) fail(ctx context.Context, timer *time.Timer, err error) {
	if r.retry == 0 {
		r.log.Error("audit stream", "file", r.config.File, "error", err)
	}
	r.findings.Set(auditWrite, err.Error())
	r.queue.failed()
	r.retry = min(max(2*r.retry, firstRetry), lastRetry)
	timer.Reset(r.retry)
	select {
	case <-ctx.Done():
	case <-timer.C:
		signal(r.queue.wake)
	}
}
