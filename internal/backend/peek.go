package backend

import (
	"errors"
	"io"
	"net"
	"slices"

	"golang.org/x/sys/unix"

	"holdfast/internal/pgwire"
)

// peekSize is how much of what an idle server said is looked at, in bytes. A message that is longer ends the session.
const peekSize = 16 << 10

// Dead reports whether the session cannot be used any more, without waiting: it looks at what has come on the idle
// connection. ParameterStatus, notices and notifications are taken off it (a new value shows in Params); a FATAL error, the end
// of the connection, or anything that an idle server does not say, ends the session: Err tells which. A plain connection
// keeps a message that came in part for who reads next; inside TLS, where that cannot be, it ends the session.
func (c *Conn) Dead() bool {
	if c.err != nil {
		return true
	}
	var err error
	if c.hush != nil {
		err = c.peekTLS()
	} else {
		err = c.peekPlain()
	}
	if err != nil {
		c.Fail(broken("idle session", lost(err)))
	}
	return c.err != nil
}

// peek holds what a look costs memory for, so that a look at a silent connection allocates nothing.
type peek struct {
	poll [1]unix.PollFd
	n    int
	err  error
	ask  func(fd uintptr)
	one  [1]byte
}

// silent reports whether the socket has nothing to read, not even its end.
func (c *Conn) silent() (bool, error) {
	p := &c.peeked
	if p.ask == nil {
		p.ask = func(fd uintptr) {
			p.poll[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
			p.n, p.err = unix.Poll(p.poll[:], 0)
		}
	}
	for {
		err := c.raw.Control(p.ask)
		if err == nil {
			err = p.err
		}
		if !errors.Is(err, unix.EINTR) {
			return p.n == 0, err
		}
	}
}

// peekPlain takes whole messages off the socket, and leaves one that came in part.
func (c *Conn) peekPlain() error {
	if silent, err := c.silent(); silent || err != nil {
		return err
	}
	buf := make([]byte, peekSize)
	for {
		n, err := c.look(buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil:
			return err
		case n == 0:
			return io.EOF
		}
		used, err := c.takeIdle(buf[:n])
		if used == 0 || err != nil {
			return err
		}
		if _, err := receive(c.raw, buf[:used]); err != nil {
			return err
		}
	}
}

// look reads what the socket has and leaves it there.
func (c *Conn) look(buf []byte) (n int, err error) {
	failed := c.raw.Control(func(fd uintptr) {
		for {
			n, _, err = unix.Recvfrom(int(fd), buf, unix.MSG_PEEK|unix.MSG_DONTWAIT)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	return n, errors.Join(failed, err)
}

// peekTLS reads what has come, which may be nothing but TLS's own messages.
func (c *Conn) peekTLS() error {
	c.hush.hushed = true
	defer func() { c.hush.hushed = false }()
	n, err := c.nc.Read(c.peeked.one[:])
	if n == 0 && isTimeout(err) {
		return nil
	}
	held := append(make([]byte, 0, 512), c.peeked.one[:n]...)
	for err == nil && len(held) <= peekSize {
		held = slices.Grow(held, 512)
		n, err = c.nc.Read(held[len(held):cap(held)])
		held = held[:len(held)+n]
	}
	used, bad := c.takeIdle(held)
	switch {
	case bad != nil:
		return bad
	case used < len(held):
		return strange("half a message on an idle session")
	case isTimeout(err):
		return nil
	}
	return err
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// takeIdle acts on the messages in b that came while the session was idle, and returns how many bytes of it were whole
// messages.
func (c *Conn) takeIdle(b []byte) (used int, err error) {
	for len(b)-used >= pgwire.HeaderSize {
		letter, size, err := pgwire.Header(b[used:])
		typ := pgwire.BackendType(letter)
		switch {
		case err != nil:
			return used, err
		case size > peekSize:
			return used, strange("%s of %d bytes on an idle session", typ, size)
		case !idleType(typ):
			return used, strange("unexpected %s on an idle session", typ)
		case size > len(b)-used:
			return used, nil
		}
		if err := c.takeIdleMessage(typ, b[used+pgwire.HeaderSize:used+size]); err != nil {
			return used, err
		}
		used += size
	}
	return used, nil
}

// idleType reports whether a server may send this on its own account.
func idleType(typ pgwire.BackendType) bool {
	switch typ {
	case pgwire.ParameterStatus, pgwire.NoticeResponse, pgwire.NotificationResponse, pgwire.ErrorResponse:
		return true
	}
	return false
}

func (c *Conn) takeIdleMessage(typ pgwire.BackendType, body []byte) error {
	if typ != pgwire.ErrorResponse {
		_, err := c.noteAsync(typ, body)
		return err
	}
	n, err := pgwire.ParseNotice(body)
	if err != nil {
		return err
	}
	return refused("idle session", n)
}
