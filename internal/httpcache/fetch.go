package httpcache

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// fetchWriter is where the application's answer goes: into the spool, to the leader, or nowhere.
type fetchWriter struct {
	f       *flight
	header  http.Header
	began   bool
	status  int
	outcome outcome
	w       http.ResponseWriter // the leader's, while the answer goes there
	spool   *spool
	both    bool  // the answer goes to the spool and to the leader
	lost    bool  // of that, the spool has not got all
	length  int64 // that the header announces; -1: none
	written int64
	err     error
}

var errGone = errors.New("nobody waits for the answer any more")

// Header implements http.ResponseWriter. Once the answer goes to the leader it is the leader's, for trailers.
func (w *fetchWriter) Header() http.Header {
	if w.outcome == direct && w.w != nil {
		return w.w.Header()
	}
	return w.header
}

// WriteHeader decides what becomes of the answer.
func (w *fetchWriter) WriteHeader(status int) {
	if w.began || status < http.StatusOK { // interim answers go to nobody: whose would they be
		return
	}
	w.began, w.status, w.length = true, status, -1
	if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
		w.length = n
	}
	if status == http.StatusNoContent {
		w.length = 0
	}
	f := w.f
	f.mu.Lock()
	f.status, f.header, f.length = status, w.header, w.length
	forbid := f.forbid
	f.mu.Unlock()
	now := f.c.now()
	switch {
	case forbid:
		w.toLeader(status, "forbidden")
	case f.old != nil && status == http.StatusNotModified:
		w.notModified()
	case f.old != nil && isFailure(status) && f.old.staleIfError(now):
		f.c.remember(f.old.slot)
		w.outcome = stale
		f.decide(stale)
	default:
		w.take(status)
	}
}

// isFailure is what counts as an error of the application (RFC 5861 section 4).
func isFailure(status int) bool {
	return status == http.StatusInternalServerError || status >= http.StatusBadGateway && status <= http.StatusGatewayTimeout
}

// notModified makes the stored answer fresh.
func (w *fetchWriter) notModified() {
	f := w.f
	var o *object
	if f.old.sameValidator(w.header) {
		o = f.old.updated(f.s, f.id, w.header, f.asked, f.c.now())
	}
	if o == nil { // it is not the answer's any more, or must not be kept: whoever waits asks anew
		f.c.withPublish(func() { f.c.store.remove(f.old.url) })
		w.outcome = failed
		f.c.closeDoor(f)
		f.decide(failed)
		return
	}
	f.c.withPublish(func() {
		if o.slot = f.old.slot; f.mayStore(o) {
			f.c.store.update(o, f.old)
		}
	})
	f.mu.Lock()
	f.obj = o
	f.mu.Unlock()
	w.outcome = updated
	f.decide(updated)
}

// take begins to store the answer, or gives it to the leader.
func (w *fetchWriter) take(status int) {
	f := w.f
	o, why := f.s.judge(f.id, status, w.header, f.asked, f.c.now())
	if o == nil {
		w.toLeader(status, why)
		return
	}
	p, ok := newSpool(f.c.store, f.c.budget, w.length)
	if !ok {
		w.toLeader(status, "no room")
		return
	}
	f.mu.Lock()
	f.obj, f.spool = o, p
	f.mu.Unlock()
	w.spool, w.outcome = p, shared
	if f.alone {
		w.w, w.both = f.leader.w, true
		h := w.w.Header()
		copyHeader(h, o.header)
		setStatus(h, forwarded(f.old, f.varied)+"; fwd-status="+strconv.Itoa(status)+"; stored")
		w.w.WriteHeader(status)
	}
	f.decide(shared)
}

// toLeader gives the answer to the leader alone, whose going ends it.
func (w *fetchWriter) toLeader(status int, why string) {
	f := w.f
	f.c.closeDoor(f)
	if !f.id.auth {
		f.c.notShared(f.note)
	}
	if f.old != nil && !isFailure(status) { // it is not as it was stored any more
		f.c.withPublish(func() { f.c.store.removeSlot(f.old.slot) })
	}
	f.mu.Lock()
	f.outcome = direct
	lead := f.leader
	f.mu.Unlock()
	close(f.decided)
	w.outcome = direct
	if lead == nil {
		w.err = errGone
		f.cancel()
		return
	}
	w.w = lead.w
	if !f.alone {
		context.AfterFunc(lead.r.Context(), f.cancel) // at the end of the request at the latest
	}
	takeTags(w.header)
	h := w.w.Header()
	maps.Copy(h, w.header)
	setStatus(h, forwarded(f.old, f.varied)+"; fwd-status="+strconv.Itoa(status)+"; detail="+strings.ReplaceAll(why, " ", "-"))
	w.w.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *fetchWriter) Write(b []byte) (int, error) {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
	if w.err != nil {
		return 0, w.err
	}
	if w.status == http.StatusNoContent {
		return 0, http.ErrBodyNotAllowed
	}
	w.written += int64(len(b))
	switch {
	case w.both:
		if _, err := w.spool.Write(b); err != nil {
			w.lost = true
		}
		return w.w.Write(b)
	case w.w != nil:
		return w.w.Write(b)
	case w.spool != nil:
		_, err := w.spool.Write(b)
		if errors.Is(err, errTooLong) {
			return w.beyond(b)
		}
		return len(b), err
	}
	return len(b), nil // of a failure that nobody sees
}

// beyond hands the rest of a long answer to the leader, once it has read what was kept.
func (w *fetchWriter) beyond(b []byte) (int, error) {
	f := w.f
	f.c.closeDoor(f)
	close(f.overflow)
	f.mu.Lock()
	lead := f.leader
	f.mu.Unlock()
	if lead == nil {
		w.err = errGone
		f.cancel()
		return 0, w.err
	}
	select {
	case <-f.drained:
	case <-lead.r.Context().Done():
		w.err = errGone
		f.cancel()
		return 0, w.err
	}
	context.AfterFunc(lead.r.Context(), f.cancel)
	w.w = lead.w
	return w.w.Write(b)
}

// ReadFrom keeps the way of a file to the leader's connection short.
func (w *fetchWriter) ReadFrom(src io.Reader) (int64, error) {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
	if w.w != nil && !w.both {
		return io.Copy(w.w, src)
	}
	return io.Copy(struct{ io.Writer }{w}, src)
}

// FlushError implements what http.ResponseController looks for.
func (w *fetchWriter) FlushError() error {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
	if w.w != nil {
		return http.NewResponseController(w.w).Flush()
	}
	return nil
}

// finish ends the answer: what came whole is stored.
func (w *fetchWriter) finish(panicked any) {
	f := w.f
	if !w.began { // the handler broke off before it said anything
		f.c.closeDoor(f)
		if f.old != nil && f.old.staleIfError(f.c.now()) {
			f.decide(stale)
			return
		}
		f.decide(failed)
		return
	}
	if w.spool == nil {
		return
	}
	var err error
	switch {
	case panicked != nil:
		err = errors.New("the answer broke off")
	case w.w != nil && !w.both || w.lost:
		err = errTooLong
	case w.err != nil:
		err = w.err
	case w.length >= 0 && w.written != w.length:
		err = io.ErrUnexpectedEOF
	}
	if err == nil { // stored first: who has got all of it finds it
		w.spool.seal()
		f.keep()
		f.c.landed(f)
	}
	w.spool.end(err)
}

// keep stores what came.
func (f *flight) keep() {
	body, file, ok := f.spool.whole()
	if !ok {
		return
	}
	f.spool.mu.Lock()
	size := f.spool.size()
	f.spool.mu.Unlock()
	f.c.withPublish(func() {
		if !f.mayStore(f.obj) {
			return
		}
		o := *f.obj
		o.body, o.size = body, size
		if body == nil && file == nil {
			o.body = []byte{}
		}
		f.c.store.put(&o, f.id, f.asking, file)
		f.c.shareAgain(f.note)
	})
}
