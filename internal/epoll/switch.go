package epoll

import (
	"errors"
	"net"
	"sync"
	"time"
)

// Switch is the net.Conn below a tls.Conn: at first a connection of the net package, on which goroutines may block, for
// the handshake and the log-in; from [Switch.Secure] on a Conn, which never blocks.
type Switch struct {
	blocking net.Conn // until it is switched
	raw      *Conn    // afterwards
	out      *[]byte  // what waits for the socket; nil when nothing does
	sent     int      // how much of out is gone
	framing  framing  // of what was read
	full     bool     // the socket took no more when it was last asked
	flooded  bool     // the peer's key updates had us answer more than outLimit
}

// NewSwitch wraps a connection, to be handed to tls.Server or tls.Client.
func NewSwitch(c net.Conn) *Switch { return &Switch{blocking: c} }

// outLimit bounds what waits for the socket, in bytes. Write never comes near it, because it takes nothing while
// something waits; a peer that asks for new keys again and again without reading our answers does.
const outLimit = 256 << 10

var errFlooded = errors.New("the peer asks for new keys and does not read")

// outs lends buffers of outgoing records to connections that have some.
var outs = sync.Pool{New: func() any { return new([]byte) }}

// Read is that of net.Conn; once switched it returns ErrWouldBlock in place of waiting.
func (s *Switch) Read(p []byte) (int, error) {
	p = p[:min(len(p), s.framing.appetite())]
	n, err := s.read(p)
	s.framing.pass(p[:n]) // from the handshake on
	return n, err
}

func (s *Switch) read(p []byte) (int, error) {
	if s.raw == nil {
		return s.blocking.Read(p)
	}
	return s.raw.Read(p)
}

// Write is that of net.Conn; once switched it takes everything, for flush to send.
func (s *Switch) Write(p []byte) (int, error) {
	if s.raw == nil {
		return s.blocking.Write(p)
	}
	if s.pending()+len(p) > outLimit {
		s.flooded = true
		return 0, errFlooded
	}
	if s.out == nil {
		s.out = outs.Get().(*[]byte)
	}
	*s.out = append(*s.out, p...)
	return len(p), nil
}

func (s *Switch) pending() int {
	if s.out == nil {
		return 0
	}
	return len(*s.out) - s.sent
}

// flush sends what waits, and gives the buffer back when that was all.
func (s *Switch) flush() error {
	if s.out == nil {
		return nil
	}
	n, err := s.raw.Write((*s.out)[s.sent:])
	s.sent += n
	s.full = err != nil
	if err == nil {
		s.release()
	}
	return err
}

func (s *Switch) release() {
	if s.out == nil {
		return
	}
	*s.out = (*s.out)[:0]
	outs.Put(s.out)
	s.out, s.sent = nil, 0
}

// Close closes the connection. What waits is lost.
func (s *Switch) Close() error {
	if s.raw == nil {
		return s.blocking.Close()
	}
	s.release()
	return s.raw.Close()
}

// LocalAddr is that of net.Conn.
func (s *Switch) LocalAddr() net.Addr {
	if s.raw == nil {
		return s.blocking.LocalAddr()
	}
	return address(s.raw.local)
}

// RemoteAddr is that of net.Conn.
func (s *Switch) RemoteAddr() net.Addr {
	if s.raw == nil {
		return s.blocking.RemoteAddr()
	}
	return address(s.raw.remote)
}

// SetDeadline is that of net.Conn; once switched it does nothing, because nothing waits.
func (s *Switch) SetDeadline(t time.Time) error {
	if s.raw == nil {
		return s.blocking.SetDeadline(t)
	}
	return nil
}

// SetReadDeadline is like SetDeadline.
func (s *Switch) SetReadDeadline(t time.Time) error {
	if s.raw == nil {
		return s.blocking.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline is like SetDeadline.
func (s *Switch) SetWriteDeadline(t time.Time) error {
	if s.raw == nil {
		return s.blocking.SetWriteDeadline(t)
	}
	return nil
}

// address is the text of an address whose net.Addr is gone.
type address string

func (a address) Network() string { return "stream" }
func (a address) String() string  { return string(a) }
