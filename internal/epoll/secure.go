package epoll

import (
	"crypto/tls"
	"errors"
	"fmt"
)

// Secure is a TLS session on a loop. crypto/tls does all of TLS; what is below it has been switched.
type Secure struct {
	session *tls.Conn
	sw      *Switch
	idle    bool // nothing is inside, so who reads has been told by an event
	shut    bool // CloseWrite was called: the socket is to be shut down when all is sent
}

// Secure takes a session whose handshake is complete, over the connection that this Switch wraps, to the loop. No
// goroutine may use session or the connection any more. After an error they are as they were.
func (s *Switch) Secure(session *tls.Conn) (*Secure, error) {
	switch {
	case s.raw != nil:
		return nil, errors.New("take TLS session: taken already")
	case session.NetConn() != s:
		return nil, errors.New("take TLS session: it runs over another connection")
	case !session.ConnectionState().HandshakeComplete:
		return nil, errors.New("take TLS session: the handshake is not complete")
	}
	raw, err := Take(s.blocking)
	if err != nil {
		return nil, fmt.Errorf("take TLS session: %w", err)
	}
	s.raw, s.blocking = raw, nil
	return &Secure{session: session, sw: s}, nil
}

// writeLimit is how much one call of Write encrypts at most before it tries to send, in bytes.
const writeLimit = 64 << 10

// Read is that of [Stream]. A peer that breaks off inside a record gives io.ErrUnexpectedEOF.
func (s *Secure) Read(p []byte) (int, error) {
	n, err := s.session.Read(p)
	if s.sw.out != nil && !s.sw.full {
		_ = s.sw.flush() // an alert, or an answer to a key update; the next Write or Flush gives the error again
	}
	if s.sw.flooded {
		return 0, fmt.Errorf("read TLS: %w", errFlooded)
	}
	if n > 0 {
		err = nil // TLS 1.2 looks ahead for close_notify; the next Read finds it again
	}
	// crypto/tls asks for more only when it has no whole record left. So when what it got last was one record, and all
	// of that has come out, it has nothing.
	s.idle = err != nil || n < len(p) && s.sw.framing.single
	return n, err
}

// Write is that of [Stream]. What it took is encrypted, and may wait inside: see Pending. It takes nothing while
// something waits.
func (s *Secure) Write(p []byte) (int, error) {
	var done int
	for len(p) > 0 {
		if err := s.Flush(); err != nil {
			return done, err
		}
		n, err := s.session.Write(p[:min(len(p), writeLimit)])
		done += n
		if err != nil {
			return done, err
		}
		p = p[n:]
	}
	if err := s.Flush(); err != nil && err != ErrWouldBlock { //nolint:errorlint // our own, as it is
		return done, err
	}
	return done, nil
}

// Flush is that of [Stream].
func (s *Secure) Flush() error {
	if err := s.sw.flush(); err != nil {
		return err
	}
	if s.shut {
		s.shut = false
		return s.sw.raw.CloseWrite()
	}
	return nil
}

// Buffered is that of [Stream].
func (s *Secure) Buffered() bool { return !s.idle }

// Pending is that of [Stream].
func (s *Secure) Pending() int { return s.sw.pending() }

// CloseWrite tells the peer that nothing follows, by TLS (close_notify) and, when everything is sent, by TCP. While
// something is Pending, go on calling Flush.
func (s *Secure) CloseWrite() error {
	if err := s.session.CloseWrite(); err != nil {
		return err
	}
	s.shut = true
	if err := s.Flush(); err != nil && err != ErrWouldBlock { //nolint:errorlint // our own, as it is
		return err
	}
	return nil
}

// Close ends the session and closes the socket. The peer is told (close_notify) if nothing is Pending and the socket
// takes it; what is Pending is lost.
func (s *Secure) Close() error {
	if s.sw.raw.fd < 0 {
		return nil
	}
	if s.sw.pending() == 0 && s.session.CloseWrite() == nil {
		_ = s.sw.flush()
	}
	return s.session.Close()
}

// Session returns the TLS session, to be asked for its state only.
func (s *Secure) Session() *tls.Conn { return s.session }

// Peek looks at what the socket has, without taking it. That is ciphertext: good only to see whether there is something,
// or an end.
func (s *Secure) Peek(p []byte) (int, error) { return s.sw.raw.Peek(p) }

// FD is that of [Stream].
func (s *Secure) FD() int { return s.sw.raw.fd }

// LocalAddr returns our address as the net package writes it.
func (s *Secure) LocalAddr() string { return s.sw.raw.local }

// RemoteAddr returns the peer's address as the net package writes it.
func (s *Secure) RemoteAddr() string { return s.sw.raw.remote }
