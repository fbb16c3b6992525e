package epoll

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Conn is a connected stream socket without any buffer. Its system calls never block (MSG_DONTWAIT), never raise SIGPIPE
// (MSG_NOSIGNAL), and are not announced to Go's scheduler, because they are over before it could do anything.
type Conn struct {
	fd            int // -1 when closed
	local, remote string
}

// Take makes a Conn of a connection whose descriptor it duplicates, and closes the original, which nobody may use any
// more. After an error the original is as it was.
//
// The original has to be closed, not only forgotten: its descriptor is registered with the poller of Go's runtime,
// which would wake up for every byte that arrives for us, and its finalizer would close it. Closing it takes it out of
// that poller; the duplicate keeps the socket open. Flags such as O_NONBLOCK and all socket options belong to the
// socket and stay. File() does not do: os.File may set the socket to blocking.
func Take(c net.Conn) (*Conn, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("take connection: %T has no descriptor", c)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("take connection: %w", err)
	}
	fd := -1
	var dupErr error
	err = raw.Control(func(original uintptr) {
		fd, dupErr = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err := errors.Join(err, dupErr); err != nil {
		return nil, fmt.Errorf("take connection: %w", err)
	}
	taken := &Conn{fd: fd, local: text(c.LocalAddr()), remote: text(c.RemoteAddr())}
	_ = c.Close() // the socket lives on in the duplicate
	return taken, nil
}

func text(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// FD returns the descriptor, to be watched; -1 when closed.
func (c *Conn) FD() int { return c.fd }

// LocalAddr returns our address as the net package writes it.
func (c *Conn) LocalAddr() string { return c.local }

// RemoteAddr returns the peer's address as the net package writes it.
func (c *Conn) RemoteAddr() string { return c.remote }

// Read is that of [Stream].
func (c *Conn) Read(p []byte) (int, error) { return c.receive(p, 0) }

// Peek reads without taking: the next Read returns the same bytes. With room for one byte it is a cheap question
// whether the peer is still there: ErrWouldBlock means yes, and silent.
func (c *Conn) Peek(p []byte) (int, error) { return c.receive(p, unix.MSG_PEEK) }

func (c *Conn) receive(p []byte, flags int) (int, error) {
	if c.fd < 0 {
		return 0, fmt.Errorf("receive: %w", net.ErrClosed)
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(c.fd),
			uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(flags)|unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EAGAIN:
			return 0, ErrWouldBlock
		case errno == unix.EINTR:
		case errno != 0:
			return 0, fmt.Errorf("receive: %w", errno)
		case n == 0:
			return 0, io.EOF
		default:
			return int(n), nil
		}
	}
}

// Write is that of [Stream].
func (c *Conn) Write(p []byte) (int, error) {
	if c.fd < 0 {
		return 0, fmt.Errorf("send: %w", net.ErrClosed)
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(c.fd),
			uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EAGAIN:
			return 0, ErrWouldBlock
		case errno == unix.EINTR:
		case errno != 0:
			return 0, fmt.Errorf("send: %w", errno)
		case int(n) < len(p):
			return int(n), ErrWouldBlock
		default:
			return int(n), nil
		}
	}
}

// CloseWrite tells the peer that nothing follows. Reading goes on.
func (c *Conn) CloseWrite() error {
	if c.fd < 0 {
		return fmt.Errorf("shut down: %w", net.ErrClosed)
	}
	if err := unix.Shutdown(c.fd, unix.SHUT_WR); err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

// Close closes the socket. Remove its Watch first. A second Close does nothing.
func (c *Conn) Close() error {
	if c.fd < 0 {
		return nil
	}
	fd := c.fd
	c.fd = -1
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("close socket: %w", err)
	}
	return nil
}

// Buffered is false: a Conn holds nothing.
func (c *Conn) Buffered() bool { return false }

// Pending is 0: a Conn holds nothing.
func (c *Conn) Pending() int { return 0 }

// Flush does nothing: a Conn holds nothing.
func (c *Conn) Flush() error { return nil }
