package lane

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of a connection. None blocks, and Go's scheduler is not told of them, because they are over before it
// could do anything.

// errAgain says that the socket is not ready, or that bytes of a file are not in memory.
var errAgain = errors.New("not ready")

// detach takes the descriptor of a listener out of Go's poller, and closes the original.
func detach(l net.Listener) (int, error) {
	sc, ok := l.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("take listener: %T has no descriptor", l)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("take listener: %w", err)
	}
	fd := -1
	var dupErr error
	err = raw.Control(func(original uintptr) {
		fd, dupErr = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err := errors.Join(err, dupErr); err != nil {
		return -1, fmt.Errorf("take listener: %w", err)
	}
	_ = l.Close() // the socket lives on in the duplicate
	// Linux gives accepted sockets the option of their listener, so it costs no call for each.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return -1, errors.Join(fmt.Errorf("take listener: %w", err), unix.Close(fd))
	}
	return fd, nil
}

// accept takes a connection; errAgain when none waits.
func accept(listener int) (fd int, peer netip.AddrPort, err error) {
	var sa unix.RawSockaddrAny
	size := uint32(unsafe.Sizeof(sa))
	n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener), uintptr(unsafe.Pointer(&sa)),
		uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	switch errno {
	case 0:
		return int(n), peerOf(&sa), nil
	case unix.EAGAIN:
		return -1, peer, errAgain
	}
	return -1, peer, errno
}

func peerOf(sa *unix.RawSockaddrAny) netip.AddrPort {
	switch sa.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), port(&in.Port))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom16(in.Addr).Unmap(), port(&in.Port))
	}
	return netip.AddrPort{}
}

// port reads two bytes in network order.
func port(p *uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(p))
	return uint16(b[0])<<8 | uint16(b[1])
}

// receive reads what is there: io.EOF at the end, errAgain when there is nothing.
func receive(fd int, p []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
			uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EAGAIN:
			return 0, errAgain
		case errno == unix.EINTR:
		case errno != 0:
			return 0, errno
		case n == 0:
			return 0, io.EOF
		default:
			return int(n), nil
		}
	}
}

// message is what one send takes: two pieces, kept so that sending allocates nothing.
type message struct {
	header unix.Msghdr
	pieces [2]unix.Iovec
}

// send writes two pieces as one, and returns how much the socket took. more says that a file follows at once.
func (m *message) send(fd int, a, b []byte, more bool) (int, error) {
	n := 0
	for _, p := range [2][]byte{a, b} {
		if len(p) > 0 {
			m.pieces[n].Base = &p[0]
			m.pieces[n].SetLen(len(p))
			n++
		}
	}
	m.header.Iov = &m.pieces[0]
	m.header.SetIovlen(n)
	defer m.forget()
	flags := uintptr(unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT)
	if more {
		flags |= unix.MSG_MORE
	}
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.header)), flags)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EAGAIN:
			return 0, errAgain
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

func (m *message) forget() { m.pieces = [2]unix.Iovec{} }

// sendFile lets the kernel copy up to n bytes of a file, and returns how much the socket took.
func sendFile(fd, file int, offset int64, n int) (int, error) {
	for {
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDFILE, uintptr(fd), uintptr(file),
			uintptr(unsafe.Pointer(&offset)), uintptr(n), 0, 0)
		switch {
		case errno == unix.EAGAIN:
			return 0, errAgain
		case errno == unix.EINTR:
		case errno != 0:
			return 0, errno
		case sent == 0:
			return 0, io.ErrUnexpectedEOF
		default:
			return int(sent), nil
		}
	}
}

// inMemory reports whether a byte of a file can be read without waiting for a disk or a server. Where the kernel cannot
// say, it is taken not to be.
func inMemory(file int, offset int64) bool {
	var b [1]byte
	v := unix.Iovec{Base: &b[0]}
	v.SetLen(1)
	_, _, errno := unix.RawSyscall6(unix.SYS_PREADV2, uintptr(file), uintptr(unsafe.Pointer(&v)), 1,
		uintptr(offset), 0, unix.RWF_NOWAIT)
	return errno == 0
}

// queued returns how many bytes the kernel still holds for the peer.
func queued(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}

// reset closes a socket at once: what waits in the kernel for a peer that does not take it is thrown away.
func reset(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	_ = unix.Close(fd)
}
