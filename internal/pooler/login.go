package pooler

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"holdfast/internal/epoll"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
)

// unixClient stands for the address of a client that came by a Unix socket.
const unixClient = "unix"

// maxLoginMessage is the largest message in bytes that somebody who has not logged in may send.
const maxLoginMessage = 64 << 10

// login is one client that has not logged in yet, on a goroutine of its own.
type login struct {
	front *endpoint
	raw   net.Conn
	conn  net.Conn // raw, or TLS on it
	sw    *epoll.Switch
	tls   *tls.Conn
	end   []byte // data for channel binding
	in    *pgwire.Reader
	peer  netip.AddrPort // not valid: a Unix socket
	began time.Time

	user, database string // as the client names them
	method         string // how it proves who it is, once that is known

	place   place    // where it counts
	visitor *visitor // who came to the console
}

// serve logs a client in and hands it on.
func (e *endpoint) serve(life context.Context, c net.Conn) {
	l := &login{front: e, raw: c, conn: c, began: time.Now()}
	limit := e.pooler.tuned.Load().login.D()
	ctx, stop := context.WithTimeout(life, limit)
	defer stop()
	_ = c.SetDeadline(l.began.Add(limit)) // a connection without deadlines ends with ctx, see below
	cut := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	s, err := l.run(ctx)
	cut()
	e.knocking.Add(-1)
	if err != nil {
		l.refuse(err)
		_ = l.conn.Close()
	}
	switch {
	case s != nil:
		l.hand(s)
	case l.visitor != nil:
		l.visitor.serve(life, l.in)
	}
}

// hand puts a session that has logged in on its worker.
func (l *login) hand(s *session) {
	rest := append([]byte(nil), l.in.Rest()...)
	if err := l.raw.SetDeadline(time.Time{}); err != nil {
		l.abandon(s, err)
		return
	}
	stream, err := l.stream()
	if err != nil {
		l.abandon(s, err)
		return
	}
	s.stream = stream
	if !s.worker.loop.Post(func() { s.begin(rest) }) {
		_ = stream.Close() // the pooler stops
		l.abandon(s, errStopping)
	}
}

func (l *login) stream() (epoll.Stream, error) {
	if l.tls != nil {
		return l.sw.Secure(l.tls)
	}
	return epoll.Take(l.raw)
}

func (l *login) abandon(s *session, err error) {
	l.front.pooler.log.Warn("client lost after log-in", "error", err)
	s.relay.Close()
	s.who.decision.Close()
	l.front.pooler.drop(s.group)
	l.front.pooler.clients.leave()
	_ = l.conn.Close()
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// errDone ends a connection that asked for something else than a session.
var errDone = errors.New("done")

// run leads a client from its first byte to ReadyForQuery. Without error and session the connection is dealt with.
func (l *login) run(ctx context.Context) (*session, error) {
	if err := l.address(); err != nil {
		return nil, err
	}
	if err := l.direct(ctx); err != nil {
		return nil, err
	}
	start, err := l.negotiate(ctx)
	if err != nil {
		return nil, err
	}
	p := l.front.pooler
	if start.Kind == pgwire.CancelRequest {
		p.cancelRequest(ctx, start)
		return nil, errDone
	}
	if l.front.config.TLS == "require" && l.tls == nil && l.peer.IsValid() {
		return nil, fatal("28000", "TLS is required", "connect with sslmode=require, or better verify-full")
	}
	if l.place = p.placeFor(start); !l.place.enter() {
		return nil, p.tooMany()
	}
	s, err := l.enter(ctx, start)
	if err != nil || s == nil && l.visitor == nil {
		l.place.leave()
	}
	return s, err
}

func (p *Pooler) tooMany() error {
	return fatal("53300", "sorry, too many clients already", fmt.Sprintf("max_clients is %d", p.tuned.Load().clients))
}

// address finds out whom the connection comes from.
func (l *login) address() error {
	if a, ok := l.raw.RemoteAddr().(*net.TCPAddr); ok {
		l.peer = unmap(a.AddrPort()) // the balancer's, until it says whom it speaks for
	}
	if err := l.proxied(); err != nil {
		return err
	}
	if l.in == nil {
		l.in = pgwire.NewReader(l.conn, maxLoginMessage)
	}
	return nil
}

// from says where the client is: its address and port, or "unix".
func (l *login) from() string {
	if !l.peer.IsValid() {
		return unixClient
	}
	return l.peer.String()
}

// direct begins with TLS at once when that is what the client does (PostgreSQL manual, "SSL Session Encryption").
func (l *login) direct(ctx context.Context) error {
	first, err := l.in.Peek(1)
	if err != nil {
		return err
	}
	if first[0] != 0x16 || l.front.tls == nil {
		return nil
	}
	rest := append([]byte(nil), l.in.Rest()...)
	if err := l.encrypt(ctx, &prefixed{Conn: l.raw, head: rest}); err != nil {
		return err
	}
	if l.tls.ConnectionState().NegotiatedProtocol != alpn {
		return errors.New("direct TLS without the protocol name " + alpn)
	}
	return nil
}

// prefixed is a connection of which some bytes were read already.
type prefixed struct {
	net.Conn
	head []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.head) > 0 {
		n := copy(b, p.head)
		p.head = p.head[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// encrypt puts the connection inside TLS.
func (l *login) encrypt(ctx context.Context, c net.Conn) error {
	config, end, err := l.front.tls.current()
	if err != nil {
		return err
	}
	l.sw = epoll.NewSwitch(c)
	l.tls, l.end = tls.Server(l.sw, config), end
	if err := l.tls.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	l.conn = l.tls
	l.in = pgwire.NewReader(l.tls, maxLoginMessage)
	return nil
}

// negotiate answers the requests that may stand before the start-up message. Each may come once.
func (l *login) negotiate(ctx context.Context) (pgwire.Startup, error) {
	var askedTLS, askedGSS bool
	for {
		body, err := l.in.ReadStartup()
		if err != nil {
			return pgwire.Startup{}, err
		}
		start, err := pgwire.ParseStartup(body)
		if err != nil {
			return pgwire.Startup{}, err
		}
		switch {
		case start.Kind == pgwire.SSLRequest && !askedTLS && l.tls == nil:
			askedTLS = true
			if err := l.answerTLS(ctx); err != nil {
				return pgwire.Startup{}, err
			}
		case start.Kind == pgwire.GSSENCRequest && !askedGSS && l.tls == nil:
			askedGSS = true
			if _, err := l.conn.Write([]byte{'N'}); err != nil {
				return pgwire.Startup{}, err
			}
		case start.Kind == pgwire.StartupMessage || start.Kind == pgwire.CancelRequest:
			return start, nil
		default:
			return pgwire.Startup{}, fatal("08P01", "an encryption request came twice", "")
		}
	}
}

// answerTLS answers an SSLRequest. Bytes that came behind it in clear were put there by somebody in between.
func (l *login) answerTLS(ctx context.Context) error {
	if l.in.Buffered() > 0 {
		return fatal("08P01", "received unencrypted data after the request for TLS", "somebody in the network may have put it there")
	}
	if l.front.tls == nil {
		_, err := l.conn.Write([]byte{'N'})
		return err
	}
	if _, err := l.conn.Write([]byte{'S'}); err != nil {
		return err
	}
	return l.encrypt(ctx, l.raw)
}

// refuse tells the client why it is not let in.
func (l *login) refuse(err error) {
	p := l.front.pooler
	var denied *pgauth.Denied
	switch {
	case errors.Is(err, errDone), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return
	case errors.As(err, &denied):
		p.log.Warn("log-in refused", "error", denied, "client", l.from(), "endpoint", l.front.name)
		err = fatal(denied.SQLSTATE, denied.Message, denied.Hint)
	default:
		p.log.Info("log-in failed", "error", err, "client", l.from(), "endpoint", l.front.name)
	}
	p.meters.loginFailed(l.method)
	p.denied(l, err)
	_ = l.raw.SetDeadline(time.Now().Add(time.Second))
	_, _ = l.conn.Write(pgwire.AppendError(nil, noticeOf(err, "FATAL"))) // the connection is closed next
}
