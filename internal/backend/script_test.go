package backend_test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"holdfast/internal/backend"
	"holdfast/internal/pgwire"
)

// script is a server that does what a test says to each connection, one after the other.
type script struct {
	listener net.Listener
	wait     sync.WaitGroup
}

// serve starts a scripted server on a free port of the loopback.
func serve(t *testing.T, act func(p *peer)) backend.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{listener: l}
	s.wait.Go(func() { s.run(t, act) })
	t.Cleanup(func() {
		_ = l.Close()
		s.wait.Wait()
	})
	return backend.Target{Network: "tcp", Address: l.Addr().String(), ConnectTimeout: patience}
}

func (s *script) run(t *testing.T, act func(p *peer)) {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.wait.Go(func() {
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			act(&peer{t: t, Conn: conn})
		})
	}
}

// peer is one connection of a scripted server. Its methods give up silently when the client is gone: the client's test
// says what should have happened.
type peer struct {
	t *testing.T
	net.Conn
}

// packet reads a packet without a type byte.
func (p *peer) packet() pgwire.Startup {
	head := make([]byte, 4)
	if _, err := io.ReadFull(p, head); err != nil {
		return pgwire.Startup{}
	}
	body := make([]byte, binary.BigEndian.Uint32(head)-4)
	_, _ = io.ReadFull(p, body)
	s, err := pgwire.ParseStartup(body)
	if err != nil {
		p.t.Errorf("first packet: %v", err)
	}
	return s
}

// message reads a message.
func (p *peer) message() (pgwire.FrontendType, []byte) {
	head := make([]byte, pgwire.HeaderSize)
	if _, err := io.ReadFull(p, head); err != nil {
		return 0, nil
	}
	typ, size, err := pgwire.Header(head)
	if err != nil {
		p.t.Errorf("message: %v", err)
		return 0, nil
	}
	body := make([]byte, size-pgwire.HeaderSize)
	_, _ = io.ReadFull(p, body)
	return pgwire.FrontendType(typ), body
}

func (p *peer) send(parts ...[]byte) {
	for _, b := range parts {
		_, _ = p.Write(b)
	}
}

// rest reads until the client is gone.
func (p *peer) rest() { _, _ = io.Copy(io.Discard, p) }

// greet answers a start-up packet by letting everybody in.
func (p *peer) greet() pgwire.Startup {
	s := p.packet()
	p.send(welcome())
	return s
}

// secure answers an SSLRequest and puts the connection inside TLS.
func (p *peer) secure(config *tls.Config) {
	if p.packet().Kind != pgwire.SSLRequest {
		p.t.Error("the client does not ask for TLS")
	}
	p.send([]byte("S"))
	p.Conn = tls.Server(p.Conn, config)
}

// welcome is what a server says to somebody whom it lets in.
func welcome() []byte {
	b := pgwire.AppendAuthOK(nil)
	b = pgwire.AppendParameterStatus(b, "server_version", "18.1")
	b = pgwire.AppendParameterStatus(b, "TimeZone", "UTC")
	b = pgwire.AppendBackendKeyData(b, 4711, []byte("abcd"))
	return pgwire.AppendReadyForQuery(b, pgwire.Idle)
}

func fatal(code, text string) []byte {
	return pgwire.AppendError(nil, pgwire.Notice{Severity: "FATAL", Code: code, Message: text})
}
