package content

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
	"holdfast/internal/web"
)

// socketMode lets the group in, whose members may read the cache as well.
const socketMode = 0o660

// peer is who is at the other end of a connection to the content socket, as the kernel says.
type peer struct {
	PID int32  `json:"pid,omitempty"`
	UID uint32 `json:"uid"`
}

// connection is one connection to the content socket. Leases hang on it.
type connection struct {
	peer   peer
	leases *leases
	held   leaseSet // guarded by leases.mu
	// watch, if not nil, returns a context that ends when the peer goes away, for work that takes its time.
	watch func(context.Context) (watched context.Context, done func())
}

type connectionKey struct{}

// connectionOf returns the connection that a request came by, or nil on another listener.
func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// socket is the door for applications on this machine: a lifecycle.Service, ready when it listens.
type socket struct {
	*lifecycle.HTTPServer
	path   string
	group  int
	routes map[string]http.Handler
	calls  map[string]frontCall // those of the routes that the front answers
	leases *leases
	log    *slog.Logger
}

func newSocket(path string, group int, routes map[string]http.Handler, calls map[string]frontCall, l *leases, log *slog.Logger) *socket {
	s := &socket{path: path, group: group, routes: routes, calls: calls, leases: l, log: log.With("listener", "content")}
	s.HTTPServer = lifecycle.NewHTTPServer(s.listen, s.server, func(err error) {
		s.log.Error("listener ended", "error", err)
	})
	return s
}

func (s *socket) listen(ctx context.Context) (net.Listener, error) {
	access := web.SocketAccess{Mode: socketMode, Group: s.group}
	if s.group < 0 {
		access.Mode = 0o600 // nobody was named: only this account and root
	}
	l, err := web.ListenUnix(ctx, s.path, access)
	if err != nil {
		return nil, err
	}
	return newFront(l, s.calls, s.leases, web.Journal{Log: s.log}), nil
}

func (s *socket) server() *http.Server {
	mux := http.NewServeMux()
	for pattern, h := range s.routes {
		mux.Handle(pattern, h)
	}
	return &http.Server{
		Handler:        web.Wrap(mux, s.log, nil),
		MaxHeaderBytes: 16 << 10,
		// A connection may be silent as long as its holder uses the files: leases hang on it.
		IdleTimeout: -1,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnContext: s.enter,
		ConnState:   s.leave,
	}
}

// enter gives net/http what the front knows of a connection that it handed over.
func (s *socket) enter(ctx context.Context, c net.Conn) context.Context {
	conn := c.(*frontConn).connection //nolint:forcetypeassert // the front hands nothing else over
	conn.watch = nil                  // net/http cancels the context of a request itself
	return context.WithValue(ctx, connectionKey{}, conn)
}

// leave releases what hung on a connection that is over. A process that is killed closes all it had.
func (s *socket) leave(c net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		s.leases.leave(c)
	}
}

// peerOf asks the kernel who connected (SO_PEERCRED, unix(7)); the zero value when it does not tell.
func peerOf(c net.Conn) peer {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return peer{}
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return peer{}
	}
	var p peer
	_ = raw.Control(func(fd uintptr) { // an error leaves the peer unknown
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p = peer{cred.Pid, cred.Uid}
		}
	})
	return p
}

// groupID returns the number of a group that the configuration names, -1 for none.
func groupID(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return -1, fault.New(fault.Config, "content_group", "content.group: %w", err).
			WithHint("make it with: groupadd %s, and add the application's user; or name another group", name)
	}
	return strconv.Atoi(g.Gid)
}

// Group returns the number of the group that may read the cache and open the socket, -1 for none but our own.
func (c *Content) Group() int { return c.reader().group }
