package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Limits that an HTTPServer sets where the server it is given has none: nobody may keep a connection for nothing.
const (
	DefaultReadHeaderTimeout = 10 * time.Second
	DefaultIdleTimeout       = 2 * time.Minute
)

// HTTPServer is an http.Server as a service. It is ready when its listener is open. Stop closes the listener, lets
// requests end until its context ends, then cuts their connections and cancels their contexts, and waits until every
// handler has returned.
type HTTPServer struct {
	base    Base
	listen  func(ctx context.Context) (net.Listener, error)
	server  func() *http.Server
	onError func(error)
	current *http.Server // set in open, used in drain; Base keeps the two apart
	front   front        // the same; nil when the listener is none
	hush    func()       // the same; nil when the listener has no method Hush
	addr    atomic.Pointer[string]
}

// front is a listener that serves connections of its own before it hands on others. Close begins its end, as for every
// listener; Stop waits for what it serves until ctx ends, and cuts it off then.
type front interface {
	Stop(ctx context.Context) error
}

// NewHTTPServer returns a service that listens where listen says (see [ListenTCP]) and serves with what server
// returns, a fresh one for each start, with TLS if it has a TLSConfig. The server's BaseContext is set: a request's
// context ends with the service. onError is told when serving ends for another reason than Stop. A listener that has a
// method Stop, too, is stopped with the server, within the same time.
func NewHTTPServer(
	listen func(ctx context.Context) (net.Listener, error), server func() *http.Server, onError func(error),
) *HTTPServer {
	return &HTTPServer{listen: listen, server: server, onError: onError}
}

// ListenTCP returns a function that listens on a TCP address; port 0 takes a free one.
func ListenTCP(address string) func(ctx context.Context) (net.Listener, error) {
	return func(ctx context.Context) (net.Listener, error) {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}
		return l, nil
	}
}

// Addr returns the address that the listener has had since the last successful Start, "" before.
func (h *HTTPServer) Addr() string {
	if a := h.addr.Load(); a != nil {
		return *a
	}
	return ""
}

// Start opens the listener and begins to serve.
func (h *HTTPServer) Start(ctx context.Context) error { return h.base.Start(ctx, h.open) }

// Hush ends the accepting of connections while those that are open are served as before, if the listener can do that. net/http answers
// nobody whose first request it reads after Stop, so whoever hands a listener on is to Hush first and to Stop a moment later.
// It is called between Start and Stop.
func (h *HTTPServer) Hush() {
	if h.hush != nil {
		h.hush()
	}
}

// Stop ends the service as its type says.
func (h *HTTPServer) Stop(ctx context.Context) error { return h.base.Stop(ctx, h.drain) }

func (h *HTTPServer) open(ctx context.Context) error {
	l, err := h.listen(ctx)
	if err != nil {
		return err
	}
	address := l.Addr().String()
	h.addr.Store(&address)
	s := h.server()
	if s.ReadHeaderTimeout == 0 {
		s.ReadHeaderTimeout = DefaultReadHeaderTimeout
	}
	if s.IdleTimeout == 0 {
		s.IdleTimeout = DefaultIdleTimeout
	}
	s.Handler = h.held(s.Handler)
	h.current = s
	h.front, _ = l.(front)
	h.hush = nil
	if quiet, ok := l.(interface{ Hush() }); ok {
		h.hush = quiet.Hush
	}
	h.base.Go(func(life context.Context) {
		defer shut(l)
		s.BaseContext = func(net.Listener) context.Context { return life }
		if err := serve(s, l); !errors.Is(err, http.ErrServerClosed) {
			h.onError(fmt.Errorf("serve %s: %w", address, err))
		}
	})
	return nil
}

// shut closes a listener, which ServeTLS leaves open when the certificate is unusable, and the connections that it still
// has for a server that ended before it began.
func shut(l net.Listener) {
	_ = l.Close() // it may be closed already
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_ = c.Close()
	}
}

func serve(s *http.Server, l net.Listener) error {
	if s.TLSConfig != nil {
		return s.ServeTLS(l, "", "")
	}
	return s.Serve(l)
}

// held makes each request count as a goroutine of the service, which http.Server.Close would not wait for.
func (h *HTTPServer) held(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, release, ok := h.base.Hold()
		if !ok {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		defer release()
		next.ServeHTTP(w, r)
	})
}

// drain lets requests end until ctx does, then cuts them. That some had to be cut is an error.
func (h *HTTPServer) drain(ctx context.Context) error {
	stopped := make(chan error, 1)
	go func() { stopped <- h.stopFront(ctx) }() // waited for below
	err := h.current.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("drain requests: %w", err), h.current.Close())
	}
	return errors.Join(err, <-stopped)
}

func (h *HTTPServer) stopFront(ctx context.Context) error {
	if h.front == nil {
		return nil
	}
	return h.front.Stop(ctx)
}
