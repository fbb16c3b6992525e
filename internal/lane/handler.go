package lane

import (
	"context"
	"net/netip"
	"os"
	"time"
)

// Verdict is what a Handler says to a request.
type Verdict uint8

const (
	// NotMine: net/http shall have the connection.
	NotMine Verdict = iota
	// Answered: the Reply is filled in.
	Answered
	// Wait: Warm may help. After it Answer is called once more, and a second Wait means NotMine.
	Wait
)

// Handler answers simple requests. Several loops ask it at once.
type Handler interface {
	// Answer runs on a loop: it must not block, panic, or keep anything of the request. An answer has the same status,
	// header and body as the one that net/http would get from the same site.
	Answer(q *Request, r *Reply) Verdict
	// Warm runs on a goroutine of its own and loads what Answer lacked. It may keep the request until it returns. The
	// context ends when the lane stops.
	Warm(ctx context.Context, q *Request)
}

// Done tells what became of a request that the lane answered.
type Done struct {
	Method    string
	Route     string // as the Handler named it
	RequestID string
	Status    int
	Bytes     int64 // of the body, handed to the connection
	Took      time.Duration
	Peer      netip.AddrPort
	Note      any // the Reply's
}

// Reply is an answer in the making. The lane adds Date, X-Request-Id, Content-Length and, where it applies, Connection.
type Reply struct {
	Status int
	Route  string // the pattern that matched, for logs and metrics: holds no value of the request
	Dated  bool   // the header has a Date of its own
	Note   any    // is handed to who observes

	header  []byte
	body    []byte
	file    *os.File
	offset  int64
	length  int64 // of the body, or of what is sent of the file
	near    bool  // the file is in memory
	release func()
}

// Reset makes the reply as good as new, with its memory.
func (r *Reply) Reset() {
	*r = Reply{header: r.header[:0]}
}

// drop releases what a Handler set that did not answer after all.
func (r *Reply) drop() {
	if r.release != nil {
		r.release()
	}
	r.Reset()
}

// Header adds a field, whose name is in canonical form. Of the value net/http's rule is kept: no line ends, no space around it.
func (r *Reply) Header(name, value string) {
	h := append(r.header, name...)
	h = append(h, ": "...)
	for len(value) > 0 && blank(value[0]) {
		value = value[1:]
	}
	for len(value) > 0 && blank(value[len(value)-1]) {
		value = value[:len(value)-1]
	}
	at := len(h)
	h = append(h, value...)
	for i := at; i < len(h); i++ {
		if h[i] == '\r' || h[i] == '\n' {
			h[i] = ' '
		}
	}
	r.header = append(h, "\r\n"...)
}

// Lines adds whole lines, as Header wrote them in an earlier reply and Written returned them.
func (r *Reply) Lines(lines []byte) { r.header = append(r.header, lines...) }

// Written returns the lines of the header so far. They are good until Answer returns.
func (r *Reply) Written() []byte { return r.header }

// Content returns what Body set.
func (r *Reply) Content() []byte { return r.body }

// blank is what net/textproto trims of a field's value.
func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// Body sends bytes, which nobody may change until they are released.
func (r *Reply) Body(b []byte) { r.body, r.length = b, int64(len(b)) }

// File sends n bytes of a regular file from an offset on, whatever its own offset is. release, if not nil, is called when
// it is not needed any more.
func (r *Reply) File(f *os.File, offset, n int64, release func()) {
	r.file, r.offset, r.length, r.release = f, offset, n, release
}

// Memory sends n bytes of a file that is never anywhere but in memory, as those of memfd_create(2) are, from an offset on:
// without copying them, which Body does, and without looking where they are, which File does. It takes one system call more
// than Body, and is worth it from some 16 KB on.
func (r *Reply) Memory(f *os.File, offset, n int64) {
	r.file, r.offset, r.length, r.near = f, offset, n, true
}
