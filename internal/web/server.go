package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/handover"
	"holdfast/internal/lifecycle"
)

// maxHeader bounds the header of a request in bytes.
const maxHeader = 64 << 10

// Options are what a Server is made of.
type Options struct {
	Name    string // the listener's name in errors and in the log
	Listen  string // "host:port", port 0 for a free one, or "unix:" and a path
	TLSCert string // PEM file with the certificate and its chain; "" for plain HTTP
	TLSKey  string // PEM file with the key
	// Certificates are further ones; a client that names a host (SNI) gets the first that is for it, others the first of all.
	Certificates []Pair
	TLS          *tls.Config // in place of files; nil: those say whether it is TLS
	Handler      http.Handler
	// Front, if not nil, takes over a plain TCP listener and returns what net/http accepts from. If that has a method Stop,
	// it is stopped with the server. Its connections may have methods Context, which is http.Server.ConnContext, and Idle, which is called when a
	// request was answered and the next one is waited for.
	Front func(context.Context, net.Listener) (net.Listener, error)
	Log   *slog.Logger
}

// Pair names two PEM files.
type Pair struct{ Cert, Key string }

// pairs returns the certificates; none for plain HTTP.
func (o Options) pairs() []Pair {
	if o.TLSCert == "" {
		return o.Certificates
	}
	return append([]Pair{{o.TLSCert, o.TLSKey}}, o.Certificates...)
}

// secure reports whether TLS is spoken.
func (o Options) secure() bool { return o.TLS != nil || len(o.pairs()) > 0 }

// Server is a listener as a lifecycle.Service; see the package comment.
type Server struct {
	*lifecycle.HTTPServer
	opts Options
}

// NewServer returns a server that does not listen yet.
func NewServer(o Options) *Server {
	s := &Server{opts: o}
	s.HTTPServer = lifecycle.NewHTTPServer(s.listen, s.httpServer, func(err error) {
		o.Log.Error("listener ended", "listener", o.Name, "error", err)
	})
	return s
}

// URL returns the root of the server as a URL, once it is started. It is meant for people on this machine. A Unix socket has none:
// it is named as in the configuration.
func (s *Server) URL() string {
	if strings.HasPrefix(s.opts.Listen, "unix:") {
		return s.opts.Listen
	}
	if s.opts.secure() {
		return "https://" + s.Addr()
	}
	return "http://" + s.Addr()
}

func (s *Server) httpServer() *http.Server {
	h := &http.Server{
		Handler:        s.opts.Handler,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug), // peers' mistakes, mostly
	}
	if s.opts.Front != nil {
		h.ConnContext, h.ConnState = contextOf, tellIdle
	}
	if s.opts.TLS != nil {
		h.TLSConfig = s.opts.TLS.Clone() // net/http writes into it
	} else if all := s.opts.pairs(); len(all) > 0 {
		h.TLSConfig = TLSConfig(all, s.opts.Log)
	}
	return h
}

// contextOf asks a connection for the context of its requests.
func contextOf(ctx context.Context, c net.Conn) context.Context {
	if knows, ok := c.(interface {
		Context(context.Context) context.Context
	}); ok {
		return knows.Context(ctx)
	}
	return ctx
}

// tellIdle tells a connection that the next request is waited for.
func tellIdle(c net.Conn, state http.ConnState) {
	if state != http.StateIdle {
		return
	}
	if waits, ok := c.(interface{ Idle() }); ok {
		waits.Idle()
	}
}

func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	// A certificate that cannot be used is told at start, not at the first handshake.
	if err := NewCertificates(s.opts.pairs(), s.opts.Log).Check(); err != nil {
		return nil, fault.New(fault.Config, "certificate", "%s: certificate: %w", s.opts.Name, err)
	}
	if path, ok := strings.CutPrefix(s.opts.Listen, "unix:"); ok {
		l, err := ListenUnix(ctx, path, SocketOwner())
		if err != nil {
			return nil, err
		}
		return newQuiet(ctx, l), nil
	}
	l, err := handover.Listen(ctx, s.opts.Name+" "+s.opts.Listen, lifecycle.ListenTCP(s.opts.Listen))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "listen", "%s: %w", s.opts.Name, err).
			WithHint("another program may use the address: see what with \"ss -ltnp\", or set %s.listen", s.opts.Name)
	}
	if s.opts.Front == nil || s.opts.secure() {
		return newQuiet(ctx, l), nil
	}
	front, err := s.opts.Front(ctx, l)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.opts.Name, err), l.Close())
	}
	return front, nil
}

// SocketAccess says who may open a Unix socket besides its owner: nobody, or a group.
type SocketAccess struct {
	Mode  os.FileMode
	Group int // -1: that of the process
}

// SocketOwner lets nobody in but the owner.
func SocketOwner() SocketAccess { return SocketAccess{Mode: 0o600, Group: -1} }

// ListenUnix listens on a socket that only those whom access names may open. A socket left by a dead process is
// replaced; one that answers belongs to somebody.
func ListenUnix(ctx context.Context, path string, access SocketAccess) (net.Listener, error) {
	l, err := handover.Listen(ctx, "unix "+path, func(ctx context.Context) (net.Listener, error) {
		return bindUnix(ctx, path, access)
	})
	if err != nil {
		return nil, err
	}
	u := l.(*net.UnixListener) //nolint:forcetypeassert // of what is bound, and inherited, there
	u.SetUnlinkOnClose(false)  // it may know another name
	return &socket{u, path, handover.From(ctx)}, nil
}

func bindUnix(ctx context.Context, path string, access SocketAccess) (net.Listener, error) {
	var d net.Dialer
	if c, err := d.DialContext(ctx, "unix", path); err == nil {
		c.Close()
		return nil, fault.New(fault.Conflict, "already_running", "%s: another Holdfast answers there", path).
			WithHint("stop it with: holdfast stop")
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove stale socket: %w", err)
	}
	// Bound where nobody else can reach it, and moved into place when its mode is right: nobody comes in between.
	private, err := os.MkdirTemp(filepath.Dir(path), ".socket-")
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	defer os.RemoveAll(private)
	hidden := filepath.Join(private, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false) // it knows only its first name, also when it is not to be used
	if err := errors.Join(access.apply(hidden), os.Rename(hidden, path)); err != nil {
		return nil, errors.Join(fmt.Errorf("protect socket: %w", err), l.Close())
	}
	return l, nil
}

// apply gives the socket its group before its mode: the mode lets the group in.
func (a SocketAccess) apply(path string) error {
	if a.Group >= 0 {
		if err := os.Chown(path, -1, a.Group); err != nil {
			return err
		}
	}
	return os.Chmod(path, a.Mode)
}

// socket removes its file when it is closed.
type socket struct {
	*net.UnixListener
	path  string
	table *handover.Listeners
}

// Addr is where the socket is found, and not where it was bound.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

func (s *socket) Close() error {
	s.table.Forget(s.UnixListener)
	err := s.UnixListener.Close()
	if errors.Is(err, net.ErrClosed) || s.table.Shared() {
		return err // the file may belong to the next process by now
	}
	return errors.Join(err, os.Remove(s.path))
}
