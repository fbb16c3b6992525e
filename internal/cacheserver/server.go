package cacheserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"holdfast/internal/handover"
	"holdfast/internal/lifecycle"
	"holdfast/internal/resp"
	"holdfast/internal/secret"
	"holdfast/internal/web"
)

// Options are what a Server is given besides its settings.
type Options struct {
	Config   Config
	Password secret.String // of clients on the address; see Password
	Version  string
	Log      *slog.Logger
}

// Server is the endpoint as a lifecycle.Service. It is ready when it listens.
type Server struct {
	base   lifecycle.Base
	config Config
	opts   Options
	log    *slog.Logger
	table  map[string]*command
	store  *store
	hub    *hub
	texts  scripts
	relay  *relay              // nil without another server
	large  *semaphore.Weighted // bytes of large commands under way
	began  time.Time
	counts counters

	stopping atomic.Bool
	nextID   atomic.Int64

	mu        sync.Mutex // protects the following
	listeners []net.Listener
	addr      string
	clients   map[int64]*client
	gone      sync.WaitGroup // the clients
}

// counters are what is counted besides the cache itself.
type counters struct{ commands, connections, refused, denied atomic.Int64 }

// New returns a Server of which nothing runs.
func New(o Options) (*Server, error) {
	s := &Server{
		config: o.Config, opts: o, log: o.Log, table: commands(), store: newStore(int64(o.Config.MaxMemory)), hub: newHub(),
		clients: map[int64]*client{}, large: semaphore.NewWeighted(largeBytes(o.Config)), began: time.Now(),
	}
	if o.Config.Redis == "" {
		return s, nil
	}
	var err error
	s.relay, err = newRelay(o.Config)
	return s, err
}

// maxValue is the largest value in bytes.
func (s *Server) maxValue() int64 { return int64(s.config.MaxValue) }

// limits are those of a command: two values and their names; before the log-in what a log-in needs.
func (s *Server) limits(known bool) resp.Limits {
	if !known {
		return resp.Limits{Args: 10, Bulk: 4 << 10, Command: 16 << 10}
	}
	return resp.Limits{Args: 1 << 16, Bulk: s.maxValue(), Command: s.maxCommand()}
}

func (s *Server) maxCommand() int64 { return 2*s.maxValue() + 1<<20 }

// largeBytes bounds the large commands that are under way at once.
func largeBytes(c Config) int64 { return max(64<<20, 4*(2*int64(c.MaxValue)+1<<20)) }

// Start opens the listeners.
func (s *Server) Start(ctx context.Context) error { return s.base.Start(ctx, s.open) }

// Stop closes the listeners; clients get the answer of what they asked, and are cut when ctx ends.
func (s *Server) Stop(ctx context.Context) error { return s.base.Stop(ctx, s.drain) }

func (s *Server) open(ctx context.Context) error {
	s.stopping.Store(false)
	var opened []net.Listener
	if s.config.Listen != "" {
		l, err := s.listenTCP(ctx)
		if err != nil {
			return err
		}
		opened = append(opened, l)
	}
	if s.config.Socket != "" {
		l, err := web.ListenUnix(ctx, s.config.Socket, web.SocketOwner())
		if err != nil {
			for _, o := range opened {
				err = errors.Join(err, o.Close())
			}
			return fmt.Errorf("cache: %w", err)
		}
		opened = append(opened, l)
	}
	s.mu.Lock()
	s.listeners = opened
	if s.config.Listen != "" {
		s.addr = opened[0].Addr().String()
	}
	s.mu.Unlock()
	may := handover.From(ctx).Opened()
	for i, l := range opened {
		private := s.config.Listen == "" || i > 0
		s.base.Go(func(life context.Context) {
			select {
			case <-may:
				s.accept(l, private)
			case <-life.Done():
			}
		})
	}
	s.base.Go(s.sweep)
	return nil
}

func (s *Server) listenTCP(ctx context.Context) (net.Listener, error) {
	if s.opts.Password.IsZero() {
		return nil, errors.New("cache: no password for the address")
	}
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}
	l, err := handover.Listen(ctx, "cache "+s.config.Listen, func(ctx context.Context) (net.Listener, error) {
		return lc.Listen(ctx, "tcp", s.config.Listen)
	})
	if err != nil {
		return nil, fmt.Errorf("cache: listen on %s: %w", s.config.Listen, err)
	}
	if s.config.TLSCert != "" {
		l = tls.NewListener(l, web.TLSConfig([]web.Pair{{Cert: s.config.TLSCert, Key: s.config.TLSKey}}, s.log))
	}
	return l, nil
}

const (
	sweepEvery  = 100 * time.Millisecond
	sweepAtOnce = 256
)

// sweep reclaims keys that have ended and that nobody asks for.
func (s *Server) sweep(ctx context.Context) {
	lifecycle.Every(ctx, sweepEvery, nil, func(context.Context) {
		for more := true; more; {
			s.store.mu.Lock()
			more = s.store.mem.Sweep(sweepAtOnce) == sweepAtOnce
			s.store.mu.Unlock()
		}
	})
}

// acceptPause is the wait after an accept that failed for want of something, such as file descriptors.
const acceptPause = 50 * time.Millisecond

func (s *Server) accept(l net.Listener, private bool) {
	for {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.log.Warn("cache: accept", "error", err)
			time.Sleep(acceptPause)
			continue
		}
		s.counts.connections.Add(1)
		c := s.admit(conn, private)
		if c == nil {
			s.counts.refused.Add(1)
			refuse(conn)
			continue
		}
		if !s.base.Go(func(context.Context) { defer s.gone.Done(); c.serve() }) {
			s.forget(c)
			s.gone.Done()
			conn.Close()
		}
	}
}

// refuse tells a client that there are too many; its socket takes that much without waiting.
func refuse(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(acceptPause))
	_, _ = conn.Write([]byte("-ERR max number of clients reached\r\n"))
	conn.Close()
}

// admit registers a client, nil if there are too many.
func (s *Server) admit(conn net.Conn, private bool) *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) >= s.config.MaxClients || s.stopping.Load() {
		return nil
	}
	c := newClient(s, conn, s.nextID.Add(1), private)
	s.clients[c.id] = c
	s.gone.Add(1)
	return c
}

func (s *Server) forget(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c.id)
}

// each calls f for all clients.
func (s *Server) each(f func(c *client)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		f(c)
	}
}

func (s *Server) drain(ctx context.Context) error {
	s.mu.Lock()
	s.stopping.Store(true)
	var err error
	for _, l := range s.listeners {
		err = errors.Join(err, l.Close())
	}
	s.listeners = nil
	s.mu.Unlock()
	s.each(func(c *client) { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) }) // whoever waits for a command stops waiting
	left := make(chan struct{})
	go func() { s.gone.Wait(); close(left) }() // waited for below: the connections are closed at last
	select {
	case <-left:
	case <-ctx.Done():
		s.each(func(c *client) { c.conn.Close() })
		<-left
	}
	return err
}

// Addr returns the address that the server listens on, once it runs; "" without one.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}
