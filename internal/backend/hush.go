package backend

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// hushConn is the socket below a TLS connection. While hushed, a read that finds nothing fails at once with an error that
// crypto/tls takes for passing, so that a TLS connection can be asked for what has come without waiting for more. A record
// that came in part stays with crypto/tls until its rest comes.
type hushConn struct {
	net.Conn
	raw    syscall.RawConn
	hushed bool // used by the one goroutine that reads
}

func newHushConn(nc net.Conn) (*hushConn, error) {
	raw, err := rawOf(nc)
	if err != nil {
		return nil, err
	}
	return &hushConn{Conn: nc, raw: raw}, nil
}

// rawOf returns the socket of a connection.
func rawOf(nc net.Conn) (syscall.RawConn, error) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("%T is no socket", nc)
	}
	return sc.SyscallConn()
}

// SyscallConn implements syscall.Conn. Who waits on the socket itself must know that TLS may hold bytes already.
func (h *hushConn) SyscallConn() (syscall.RawConn, error) { return h.raw, nil }

// Read implements net.Conn.
func (h *hushConn) Read(p []byte) (n int, err error) {
	if !h.hushed {
		return h.Conn.Read(p)
	}
	n, err = receive(h.raw, p)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return 0, os.ErrDeadlineExceeded
	case err == nil && n == 0:
		return 0, io.EOF
	}
	return n, err
}

// receive reads what the socket has, without waiting: EAGAIN when that is nothing, 0 bytes at the end. Package net keeps its
// sockets from blocking.
func receive(raw syscall.RawConn, p []byte) (n int, err error) {
	failed := raw.Control(func(fd uintptr) {
		for {
			n, err = unix.Read(int(fd), p)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	if failed != nil {
		return 0, failed
	}
	return max(n, 0), err
}
