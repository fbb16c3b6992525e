package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
)

// Recorder is a ResponseWriter that remembers status and size of the response, and cuts off a peer that takes nothing
// for [Stall].
type Recorder struct {
	http.ResponseWriter
	status   int
	bytes    int64
	gone     bool // the client had gone away when the status was written
	request  *http.Request
	deadline deadline
}

// NewRecorder wraps the writer of one request.
func NewRecorder(w http.ResponseWriter) *Recorder {
	return &Recorder{ResponseWriter: w, deadline: deadline{set: http.NewResponseController(w).SetWriteDeadline}}
}

// Status returns the status sent, or 200 if the handler wrote nothing.
func (r *Recorder) Status() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// Bytes returns how many bytes of body were handed to the connection.
func (r *Recorder) Bytes() int64 { return r.bytes }

// Started reports whether the response's header was sent.
func (r *Recorder) Started() bool { return r.status != 0 }

// WriteHeader notes the final status; informational ones (RFC 9110 section 15.2) pass.
func (r *Recorder) WriteHeader(status int) {
	if r.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		r.status, r.gone = status, r.cancelled()
	}
	r.deadline.renew()
	r.ResponseWriter.WriteHeader(status)
}

// Write counts what was written.
func (r *Recorder) Write(b []byte) (int, error) {
	r.begin()
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// ReadFrom sends a file piece by piece, each by sendfile and with a fresh deadline. The standard library looks for a
// file inside one LimitedReader and no deeper, so the limit that http.ServeContent put there is taken off first.
func (r *Recorder) ReadFrom(src io.Reader) (int64, error) {
	r.begin()
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: src, N: 1<<63 - 1}
	}
	var total int64
	for limited.N > 0 {
		want := min(piece, limited.N)
		n, err := io.CopyN(r.ResponseWriter, limited.R, want)
		total, limited.N = total+n, limited.N-n
		r.bytes += n
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return total, err
		}
		r.deadline.renew()
	}
	return total, nil
}

// Hijack hands the connection over to another protocol, which counts as the status 101.
func (r *Recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err == nil && r.status == 0 {
		r.status = http.StatusSwitchingProtocols
	}
	return conn, buffered, err
}

// cancelled reports whether the client of the request has gone away, as far as the connection knows.
func (r *Recorder) cancelled() bool {
	return r.request != nil && errors.Is(r.request.Context().Err(), context.Canceled)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *Recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *Recorder) begin() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.deadline.renew()
}
