package epoll

import "io"

// ErrWouldBlock is what Read returns when there is nothing now, and what Write and Flush return when the socket takes
// no more now. It is a net.Error: crypto/tls keeps its state over errors that call themselves temporary.
var ErrWouldBlock error = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "the socket is not ready" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }

// Stream is a connection on a loop, with TLS or without: a [Conn] or a [Secure].
//
// Read returns ErrWouldBlock when there is nothing to read now, and io.EOF when the peer writes no more. Write returns
// how much it took, and ErrWouldBlock when that is not all. Nothing blocks. Only one goroutine may use a Stream, in
// general the loop's.
type Stream interface {
	io.ReadWriteCloser
	CloseWrite() error          // says that nothing follows; reading goes on
	FD() int                    // to be watched
	Peek(p []byte) (int, error) // reads without taking, and costs little: is the peer still there?
	Inner
}

// Inner is what a Stream may hold inside, between its user and the socket. A Conn holds nothing.
type Inner interface {
	// Buffered reports whether a Read may return bytes though the descriptor is not readable. It is true until a Read
	// has returned ErrWouldBlock: so do not wait for In before that.
	Buffered() bool
	// Pending returns how many bytes wait inside for the socket. While it is not 0, watch Out and call Flush.
	Pending() int
	// Flush sends what waits inside. It returns ErrWouldBlock while something is left.
	Flush() error
}
