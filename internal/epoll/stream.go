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
//
// An owner's rules: read on while it is Buffered, before waiting for In; it is so at the beginning. Watch Out while a
// Write has not taken everything or something is Pending, and call Flush then, before writing the rest.
type Stream interface {
	io.ReadWriteCloser
	CloseWrite() error          // says that nothing follows; reading goes on
	FD() int                    // to be watched
	Peek(p []byte) (int, error) // reads without taking, and costs little: is the peer still there?
	Inner
}

// Inner is what a Stream may hold inside, between its owner and the socket. A Conn holds nothing.
type Inner interface {
	// Buffered reports whether Read may return something though the descriptor is not readable. It is false
	// when Read has returned an error, ErrWouldBlock included.
	Buffered() bool
	// Pending returns how many bytes wait inside for the socket.
	Pending() int
	// Flush sends what waits inside. It returns ErrWouldBlock while something is left.
	Flush() error
}
