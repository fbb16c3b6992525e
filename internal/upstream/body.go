package upstream

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"sync/atomic"
	"time"
)

// requestBody remembers whether something was read, and is closed by the server alone, so that it survives a try.
type requestBody struct {
	from   io.Reader
	read   atomic.Bool
	broken atomic.Bool // the visitor sent too much, or broke off
	over   atomic.Bool // the exchange ended: the connection may be another request's by now
}

func (b *requestBody) Read(into []byte) (int, error) {
	b.read.Store(true)
	if b.over.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.from.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		b.broken.Store(true)
	}
	return n, err
}

// Close leaves the body open; net/http closes it behind the handler.
func (b *requestBody) Close() error { return nil }

func (b *requestBody) untouched() bool { return b == nil || !b.read.Load() }

func (b *requestBody) failed() bool { return b != nil && b.broken.Load() }

// idle cancels an exchange whose answer moves nothing for too long.
type idle struct {
	timer *time.Timer
	limit time.Duration
	last  atomic.Int64 // time of the latest move, in nanoseconds
	fired atomic.Bool
}

func newIdle(limit time.Duration, cancel context.CancelFunc) *idle {
	i := &idle{limit: limit}
	i.moved()
	i.timer = time.AfterFunc(limit, func() { i.look(cancel) })
	return i
}

func (i *idle) moved() { i.last.Store(time.Now().UnixNano()) }

// look ends the exchange, or comes back when there was a move.
func (i *idle) look(cancel context.CancelFunc) {
	if left := i.limit - time.Since(time.Unix(0, i.last.Load())); left > 0 {
		i.timer.Reset(left)
		return
	}
	i.fired.Store(true)
	cancel()
}

func (i *idle) stop() { i.timer.Stop() }

// answerBody is an answer on its way.
type answerBody struct {
	io.ReadCloser
	idle *idle
}

func (b *answerBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.idle.moved()
	return n, err
}

// duplex is a connection that became another protocol's.
type duplex struct {
	io.ReadWriteCloser
	idle *idle
}

func (d *duplex) Read(into []byte) (int, error) {
	n, err := d.ReadWriteCloser.Read(into)
	d.idle.moved()
	return n, err
}

func (d *duplex) Write(b []byte) (int, error) {
	d.idle.moved()
	return d.ReadWriteCloser.Write(b)
}

// stall is how long a visitor may take nothing while there is something to take.
const stall = time.Minute

// writer sees to it that a pause of the application is not taken for a visitor that takes nothing: after a flush there is nothing to
// take, so there is no deadline until the next write.
//
// It also keeps the application's header apart from the one that was set before, until the answer begins: what the application says
// replaces it, and an interim answer (RFC 9110 section 15.2) carries its own fields only.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	own     http.Header // the application's; nil once the answer began
	paused  bool
}

func (w *writer) Header() http.Header {
	if w.own == nil {
		return w.ResponseWriter.Header() // for trailers
	}
	return w.own
}

// WriteHeader brings the two headers together.
func (w *writer) WriteHeader(status int) {
	h := w.ResponseWriter.Header()
	if w.own == nil {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	if status < http.StatusOK {
		kept := maps.Clone(h)
		clear(h)
		maps.Copy(h, w.own)
		w.ResponseWriter.WriteHeader(status)
		clear(h)
		maps.Copy(h, kept)
		return
	}
	maps.Copy(h, w.own)
	w.own = nil
	w.ResponseWriter.WriteHeader(status)
}

// early sends an interim answer.
func (w *writer) early(status int, h http.Header) {
	w.own = h
	w.WriteHeader(status)
	w.own = http.Header{}
}

func (w *writer) Write(b []byte) (int, error) {
	if w.own != nil {
		w.WriteHeader(http.StatusOK)
	}
	w.restore()
	return w.ResponseWriter.Write(b)
}

// FlushError implements what http.ResponseController looks for.
func (w *writer) FlushError() error {
	err := w.control.Flush()
	if err == nil && w.control.SetWriteDeadline(time.Time{}) == nil {
		w.paused = true
	}
	return err
}

// restore sets the deadline that a flush has lifted.
func (w *writer) restore() {
	if w.paused {
		w.paused = false
		_ = w.control.SetWriteDeadline(time.Now().Add(stall)) // it could be lifted, so it can be set
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
