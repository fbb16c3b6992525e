package audit

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
)

// SQLSTATE is what a client gets whose statement was not admitted: disk_full.
const SQLSTATE = "53100"

// ErrFull is what Admit returns when the queue is full and on_full is "refuse".
var ErrFull = fault.New(fault.Full, "audit_full", "the audit stream cannot be written, and statements are refused without it").
	WithHint(`make room on the disk of the audit stream; database.audit.on_full = "drop" would go on without a record`)

// linger is how long the first line of a group waits for others.
const linger = 10 * time.Millisecond

// Writer appends records to the stream. It is a lifecycle.Service; ready means that the file is open and whole. Its
// methods are safe for concurrent use.
type Writer struct {
	config   Config
	textMax  int
	log      *slog.Logger
	findings *health.Registry
	base     lifecycle.Base
	queue    *queue
	reopen   atomic.Bool
	lines    sync.Pool // of *[]byte
	wrap     func(output) output
}

// Stats are the numbers of a writer since it was made.
type Stats struct {
	Records   uint64 // taken
	Bytes     uint64 // written
	Dropped   uint64 // lost because the queue was full, or the writer not running
	Refused   uint64 // statements that were not admitted
	Failures  uint64 // writes and syncs that failed
	Rotations uint64 // files set aside
	Queued    int    // bytes in memory that wait for the disk
}

// New returns a writer that starts nothing yet.
func New(c Config, log *slog.Logger, findings *health.Registry) *Writer {
	w := &Writer{
		config: c, log: log, findings: findings,
		queue: newQueue(int(c.Queue)),
		lines: sync.Pool{New: func() any { return new([]byte) }},
		wrap:  func(o output) output { return o },
	}
	if c.Text {
		w.textMax = int(c.TextMax)
	}
	return w
}

// Admit is asked before a statement is run. While the queue is full it waits up to on_full_wait and then returns ErrFull,
// if statements are to be refused then; else it returns nil.
func (w *Writer) Admit(ctx context.Context) error {
	if w.config.OnFull == Drop || !w.queue.isFull() {
		return nil
	}
	q := w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.waitForRoom(ctx) {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	q.stats.Refused++
	return ErrFull
}

// waitForRoom waits until the queue is not full, at most on_full_wait, and reports whether it is so. Callers must hold
// the queue's mu, which is released meanwhile.
func (w *Writer) waitForRoom(ctx context.Context) bool {
	q := w.queue
	if !q.isFull() {
		return true
	}
	if q.congested {
		return false
	}
	limit := time.NewTimer(w.config.OnFullWait.D())
	defer limit.Stop()
	for q.isFull() {
		room, over := q.waitRoom(), false
		q.mu.Unlock()
		select {
		case <-room:
		case <-limit.C:
			over = true
		case <-ctx.Done():
			over = true
		}
		q.mu.Lock()
		if over && q.isFull() {
			q.congested = q.congested || ctx.Err() == nil
			return false
		}
	}
	return true
}

// Write queues a record. It keeps nothing of r. A record that cannot be taken is counted, see Stats.Dropped.
func (w *Writer) Write(r *Record) {
	line := w.lines.Get().(*[]byte) //nolint:forcetypeassert // nothing else is put into it
	*line = appendRecord((*line)[:0], r, w.textMax)
	w.enqueue(*line)
	if cap(*line) <= maxLine {
		w.lines.Put(line)
	}
}

// maxLine is the largest buffer for a line that is kept for the next one, in bytes.
const maxLine = 64 << 10

func (w *Writer) enqueue(line []byte) {
	q := w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case !q.open:
		q.stats.Dropped++
	case w.hasRoom():
		q.put(line)
	default:
		q.stats.Dropped++
		q.lost++
		signal(q.wake)
	}
}

// hasRoom reports whether a line may be queued. What was admitted always may: the bound is there for callers who do not
// ask. Callers must hold the queue's mu.
func (w *Writer) hasRoom() bool {
	if w.config.OnFull == Drop {
		return w.waitForRoom(context.Background())
	}
	return w.queue.queued.Load() < unasked*int64(w.queue.limit)
}

// unasked times the limit is where the queue ends for those who do not ask first.
const unasked = 8

// Flush waits until everything that was queued before is on disk, or returns the reason why it is not.
func (w *Writer) Flush(ctx context.Context) error {
	q := w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	failures := q.stats.Failures
	for goal := q.appended; q.settled < goal; {
		if q.stats.Failures != failures {
			return fault.New(fault.Unavailable, auditWrite.Code, "flush audit stream: it cannot be written").WithHint("%s", auditWrite.Hint)
		}
		progress := q.waitProgress()
		q.mu.Unlock()
		signal(q.hurry)
		select {
		case <-progress:
		case <-ctx.Done():
		}
		q.mu.Lock()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// Reopen makes the writer open the file's path anew, after somebody moved the file away (SIGHUP).
func (w *Writer) Reopen() {
	w.reopen.Store(true)
	signal(w.queue.hurry)
}

// Stats returns the numbers so far.
func (w *Writer) Stats() Stats {
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	s := w.queue.stats
	s.Queued = int(w.queue.queued.Load())
	return s
}
