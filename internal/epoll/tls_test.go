package epoll_test

import (
	"bytes"
	"crypto/tls"
	"net"
	"sync"
	"testing"
	"time"

	"holdfast/internal/certtest"
	"holdfast/internal/epoll"
)

// certificate returns one for "localhost" that signs itself.
func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	pair, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	return pair.TLS()
}

// wire is below the peer's TLS. It passes a number of writes on and keeps what comes after, for the test to feed.
type wire struct {
	net.Conn
	mu     sync.Mutex // mu protects the following
	passes int
	kept   bytes.Buffer
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.passes > 0 {
		w.passes--
		return w.Conn.Write(p)
	}
	return w.kept.Write(p)
}

// take returns what was kept.
func (w *wire) take() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.kept.Reset()
	return bytes.Clone(w.kept.Bytes())
}

const every = 1 << 30 // writes

// session is a TLS session with our end on the loop's side.
type session struct {
	ours *epoll.Secure
	peer *tls.Conn // over wire
	wire *wire
	keys *secrets
}

// terms says what kind of session a test wants.
type terms struct {
	version    uint16 // 0: 1.3
	weAreDial  bool   // we are the client
	tickets    bool
	auth       tls.ClientAuthType // the server has to wait for the client's certificate before it sends tickets
	passes     int                // writes of the peer that are not kept; 0: those of the handshake
	beforeFeed func(s *session)
	dial       func(testing.TB) (near, far net.Conn) // nil: Unix sockets
}

// open makes a session by the handshake of crypto/tls and switches our end.
func open(t testing.TB, o terms) *session {
	t.Helper()
	if o.dial == nil {
		o.dial = unixPair
	}
	near, far := o.dial(t)
	s := &session{wire: &wire{Conn: far, passes: every}, keys: &secrets{}}
	if o.passes > 0 {
		s.wire.passes = o.passes
	}
	sw := epoll.NewSwitch(near)
	server := &tls.Config{
		Certificates: []tls.Certificate{certificate(t)}, MaxVersion: o.version, MinVersion: o.version,
		SessionTicketsDisabled: !o.tickets, ClientAuth: o.auth,
	}
	client := &tls.Config{
		InsecureSkipVerify: true, KeyLogWriter: s.keys, MaxVersion: o.version, MinVersion: o.version,
		ClientSessionCache: s.keys,
	}
	ours := tls.Server(sw, server)
	s.peer = tls.Client(s.wire, client)
	if o.weAreDial {
		ours, s.peer = tls.Client(sw, client), tls.Server(s.wire, server)
	}
	peerDone := make(chan error, 1)
	go func() { // received from below
		peerDone <- s.peer.Handshake()
		if o.beforeFeed != nil {
			o.beforeFeed(s)
		}
		close(peerDone)
	}()
	if err := ours.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-peerDone; err != nil {
		t.Fatal(err)
	}
	<-peerDone
	if o.passes == 0 {
		s.wire.passes = 0
	}
	var err error
	if s.ours, err = sw.Secure(ours); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = s.ours.Close(), far.Close() })
	return s
}

// say lets the peer write and returns the records.
func (s *session) say(t testing.TB, text string) []byte {
	t.Helper()
	write(t, s.peer, text)
	return s.wire.take()
}

// feed lets ciphertext arrive.
func (s *session) feed(t testing.TB, b []byte) {
	t.Helper()
	must(t, s.wire.Conn.SetWriteDeadline(time.Time{})) // CloseWrite of crypto/tls sets one
	if _, err := s.wire.Conn.Write(b); err != nil {
		t.Fatal(err)
	}
}

// hears fails the test unless the peer reads the text.
func (s *session) hears(t testing.TB, want string) {
	t.Helper()
	buf := make([]byte, len(want))
	must(t, s.wire.SetReadDeadline(time.Now().Add(patience)))
	for at := 0; at < len(buf); {
		n, err := s.peer.Read(buf[at:])
		if at += n; err != nil && at < len(buf) {
			t.Fatalf("peer read %q, %v; want %q", buf[:at], err, want)
		}
	}
	if string(buf) != want {
		t.Errorf("peer read %q; want %q", buf, want)
	}
}
