package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"time"
)

const (
	// askTLS is the code of the message SSLRequest; it follows four bytes of length (PostgreSQL manual, "Message Formats").
	askTLS = 80877103
	// maxGreeting is more than any first message of a server has, in bytes.
	maxGreeting = 64 << 10
	// talkTime is how long we listen to what a server that is no PostgreSQL goes on saying.
	talkTime = 100 * time.Millisecond
	keepIdle = 30 * time.Second // until the kernel probes a silent connection
)

// notPostgres is the error for a peer whose first bytes are not those of a PostgreSQL server.
type notPostgres struct{ said string }

func (e notPostgres) Error() string {
	return fmt.Sprintf("what listens there is not PostgreSQL: it says %q", e.said)
}

// dialer returns a dial function whose connections recognise strangers. Without it the driver would take "HTTP/1.1" for the
// head of a message of 1.4 GB and wait for the rest.
func dialer(timeout time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		Timeout:         timeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepIdle, Interval: keepIdle / 3, Count: 3},
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &greeting{Conn: conn}, nil
	}
}

// greeting checks the first byte of a server's first answer, and of the one after a refused TLS request. The driver
// uses it from one goroutine until the login is over; afterwards it only passes through.
type greeting struct {
	net.Conn
	asked byte // what the next answer answers: 't' SSLRequest, 's' StartupMessage, 0 nothing that we check
}

func (g *greeting) Write(p []byte) (int, error) {
	if len(p) >= 8 {
		switch code := binary.BigEndian.Uint32(p[4:8]); {
		case code == askTLS && len(p) == 8:
			g.asked = 't'
		case code>>16 == 3 && binary.BigEndian.Uint32(p) == uint32(len(p)): // protocol 3.x
			g.asked = 's'
		}
	}
	return g.Conn.Write(p)
}

func (g *greeting) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if g.asked == 0 || n == 0 {
		return n, err
	}
	asked := g.asked
	g.asked = 0
	if !expected(asked, p[:n]) {
		return 0, notPostgres{g.listen(p[:n])}
	}
	if asked == 't' && p[0] == 'E' { // a server too old for TLS, or one that says "ERROR" to everything
		if said := g.listen(p[:n]); strings.HasPrefix(said, "ERR") {
			return 0, notPostgres{said}
		}
	}
	return n, err
}

// expected reports whether a server of PostgreSQL may begin its answer like this.
func expected(asked byte, said []byte) bool {
	if asked == 't' {
		return bytes.IndexByte([]byte("SNE"), said[0]) >= 0
	}
	if bytes.IndexByte([]byte("RENv"), said[0]) < 0 { // Authentication, ErrorResponse, Notice, NegotiateProtocolVersion
		return false
	}
	return len(said) < 5 || binary.BigEndian.Uint32(said[1:5]) <= maxGreeting
}

// listen returns the beginning of what the stranger says, for the error.
func (g *greeting) listen(first []byte) string {
	said := append(make([]byte, 0, 64), first[:min(len(first), 40)]...)
	_ = g.SetReadDeadline(time.Now().Add(talkTime)) // the connection is given up whatever happens
	for len(said) < 40 && !bytes.Contains(said, []byte("\r\n")) {
		n, err := g.Conn.Read(said[len(said):40])
		said = said[:len(said)+n]
		if err != nil || n == 0 {
			break
		}
	}
	line, _, _ := strings.Cut(string(said), "\r\n")
	return line
}
