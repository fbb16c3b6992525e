package backend

import (
	"errors"
	"io"
	"net"

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
	n   int
	err error
	buf []byte // what the next look reads into
	one [1]byte
	ask func(fd uintptr)
}

// look fills peek's n and err with what the socket has, which stays there.
func (c *Conn) look(buf []byte) error {
	p := &c.peeked
	if p.ask == nil {
		p.ask = func(fd uintptr) {
			p.n, _, p.err = unix.Recvfrom(int(fd), p.buf, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		}
	}
	p.buf = buf
	for {
		if err := c.raw.Control(p.ask); err != nil {
			return err
		}
		if !errors.Is(p.err, unix.EINTR) {
			return nil
		}
	}
}

func (c *Conn) peekPlain() error {
	p := &c.peeked
	if err := c.look(p.one[:]); err != nil {
		return err
	}
	switch {
	case errors.Is(p.err, unix.EAGAIN):
		return nil
	case p.err != nil:
		return p.err
	case p.n == 0:
		return io.EOF
	}
	return c.takePlain()
}

// takePlain takes whole messages off the socket.
func (c *Conn) takePlain() error {
	buf := make([]byte, peekSize)
	for {
		if err := c.look(buf); err != nil {
			return err
		}
		p := &c.peeked
		switch {
		case errors.Is(p.err, unix.EAGAIN):
			return nil
		case p.err != nil:
			return p.err
		case p.n == 0:
			return io.EOF
		}
		used, err := c.takeIdle(buf[:p.n])
		if err != nil {
			return err
		}
		if used == 0 {
			return nil // the head of a message
		}
		if _, err := receive(c.raw, buf[:used], 0); err != nil {
			return err
		}
	}
}

// peekTLS reads what has come, which may be nothing but TLS's own messages.
func (c *Conn) peekTLS() error {
	c.hush.hushed = true
	defer func() { c.hush.hushed = false }()
	var held []byte
	buf := make([]byte, 512)
	for {
		n, err := c.nc.Read(buf)
		held = append(held, buf[:n]...)
		if n > 0 && len(held) <= peekSize && err == nil {
			continue
		}
		if used, bad := c.takeIdle(held); bad != nil {
			return bad
		} else if used < len(held) {
			return strange("half a message on an idle session")
		}
		if isTimeout(err) {
			return nil
		}
		return err
	}
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
