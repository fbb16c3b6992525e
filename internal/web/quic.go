package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
)

const (
	// quicSilence is how long a peer may send no packet at all.
	quicSilence = 30 * time.Second
	// quicBuffer is how much the system should keep of what has come, in bytes as Linux counts them; quic-go asks for seven times it.
	quicBuffer = 2 << 20
	// freshPerSecond is how many strangers may begin a handshake in a second before they have to show that their address is
	// theirs (RFC 9000 section 8.1.2): that costs an honest one a round trip, and one who forges addresses everything.
	freshPerSecond = 200
)

// QUICOptions are what a QUICServer is made of.
type QUICOptions struct {
	Name    string        // the listener's name in errors and in the log
	Listen  func() string // "host:port", asked at start: the port of a TCP listener may be known only then
	TLS     *tls.Config
	Handler http.Handler
	Log     *slog.Logger

	times quicTimes // shorter in tests
}

// quicTimes bound what a connection does without asking for anything.
type quicTimes struct {
	first  time.Duration // until the first request has come whole
	idle   time.Duration // between requests
	linger time.Duration // after the last answer, when the server stops: for what is not acknowledged yet
}

func usualQUICTimes() quicTimes {
	return quicTimes{first: 10 * time.Second, idle: 2 * time.Minute, linger: time.Second}
}

// QUICServer serves HTTP/3 (RFC 9114) on a UDP port as a lifecycle.Service. Requests in early data (0-RTT), which a stranger could
// send twice, are not taken.
type QUICServer struct {
	opts   QUICOptions
	base   lifecycle.Base
	server *http3.Server // of the latest start, as those below
	peers  *quicPeers
	parts  []interface{ Close() error } // what stands below the server, the topmost first
}

// NewQUICServer returns a server that does not listen yet.
func NewQUICServer(o QUICOptions) *QUICServer {
	if o.times == (quicTimes{}) {
		o.times = usualQUICTimes()
	}
	return &QUICServer{opts: o}
}

// Start binds the port and begins to serve.
func (s *QUICServer) Start(ctx context.Context) error { return s.base.Start(ctx, s.open) }

// Stop takes no new connections, lets requests end until ctx does, and then cuts them.
func (s *QUICServer) Stop(ctx context.Context) error { return s.base.Stop(ctx, s.drain) }

func (s *QUICServer) open(ctx context.Context) error {
	address := s.opts.Listen()
	udp, err := new(net.ListenConfig).ListenPacket(ctx, "udp", address)
	if err != nil {
		return fault.New(fault.Unavailable, "listen", "%s: listen on UDP %s: %w", s.opts.Name, address, err).
			WithHint("another program may use the port: see what with \"ss -lnup\", or switch http3 off")
	}
	fresh := rate.NewLimiter(freshPerSecond, freshPerSecond)
	transport := &quic.Transport{Conn: udp, VerifySourceAddress: func(net.Addr) bool { return !fresh.Allow() }}
	listener, err := transport.ListenEarly(http3.ConfigureTLSConfig(s.opts.TLS.Clone()), &quic.Config{MaxIdleTimeout: quicSilence})
	if err != nil {
		return errors.Join(fmt.Errorf("%s: QUIC on %s: %w", s.opts.Name, address, err), transport.Close(), udp.Close())
	}
	s.tellBuffers(udp)
	s.parts = []interface{ Close() error }{listener, transport, udp}
	s.peers = newQUICPeers(s.opts.times)
	s.server = &http3.Server{
		Handler: s.held(s.opts.Handler), MaxHeaderBytes: maxHeader, ConnContext: s.peers.welcome,
		Logger: slog.New(slog.DiscardHandler), // peers' mistakes, one by one
	}
	server := s.server
	s.base.Go(func(context.Context) {
		if err := server.ServeListener(listener); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, quic.ErrServerClosed) {
			s.opts.Log.Error("listener ended", "listener", s.opts.Name, "error", err)
		}
	})
	return nil
}

// tellBuffers tells when the system gives so little memory to packets that have come that large transfers lose some.
func (s *QUICServer) tellBuffers(c net.PacketConn) {
	udp, ok := c.(*net.UDPConn)
	if !ok {
		return
	}
	raw, err := udp.SyscallConn()
	if err != nil {
		return
	}
	var size int
	failed := raw.Control(func(fd uintptr) { size, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF) })
	if failed != nil || err != nil || size >= quicBuffer {
		return
	}
	s.opts.Log.Info("the system allows small UDP buffers only, which makes large transfers over HTTP/3 slower",
		"listener", s.opts.Name, "bytes", size, "hint", "sysctl -w net.core.rmem_max=7500000 net.core.wmem_max=7500000")
}

// held makes each request count as a goroutine of the service, and tells its connection that it is not idle.
func (s *QUICServer) held(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, release, ok := s.base.Hold()
		if !ok {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		defer release()
		defer quicPeerOf(r.Context()).busy()()
		r.Header.Del("Priority") // for the connection (RFC 9218); to applications it means nothing
		next.ServeHTTP(w, r)
	})
}

// drain says GOAWAY, closes connections that are or become idle, and cuts the rest when ctx ends. Clients that know GOAWAY go
// by themselves, and make new connections to whoever serves next.
func (s *QUICServer) drain(ctx context.Context) error {
	s.peers.leave()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("drain requests: %w", err)
	}
	for _, part := range s.parts {
		if e := part.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// AltSvc is what the field Alt-Svc (RFC 7838) says in answers over TCP to lead visitors to HTTP/3 at an address. A browser that
// cannot get through there comes back by itself.
func AltSvc(address string) string {
	return `h3=":` + address[strings.LastIndexByte(address, ':')+1:] + `"; ma=86400`
}
