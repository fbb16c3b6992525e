package pooler

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/cluster"
	"holdfast/internal/fault"
	"holdfast/internal/handover"
	"holdfast/internal/pgwire"
	"holdfast/internal/postgres"
	"holdfast/internal/relay"
)

// endpoint is one listener.
type endpoint struct {
	name   string // in the names of pools: the address as it was configured
	pooler *Pooler
	config Endpoint
	mode   relay.Mode
	tls    *certificates // nil without TLS

	listener net.Listener
	table    *handover.Listeners // nil: the listener is never handed over
	logins   sync.WaitGroup      // those who log in
	knocking atomic.Int32        // how many they are, at most maxKnocking
	refusing atomic.Bool
	over     chan struct{} // closed when nobody is accepted any more and all log-ins have ended
}

// endpointsOrDefault returns the endpoints of an installation that names none.
func (c Config) endpointsOrDefault(postgres.Config) []Endpoint {
	if len(c.Endpoints) > 0 {
		return c.Endpoints
	}
	all := []Endpoint{{Listen: "127.0.0.1:6432"}}
	if len(c.Replicas) > 0 {
		all = append(all, Endpoint{Listen: "127.0.0.1:6433", Target: TargetReplica})
	}
	return all
}

// doorNames returns the names of endpoints: their addresses, told apart where two have port 0.
func doorNames(doors []Endpoint) []string {
	names := make([]string, 0, len(doors))
	for i, e := range doors {
		name := e.Listen
		if slices.Contains(names, name) {
			name += "#" + strconv.Itoa(i)
		}
		names = append(names, name)
	}
	return names
}

func newEndpoint(p *Pooler, c Endpoint) (*endpoint, error) {
	e := &endpoint{name: c.Listen, pooler: p, config: c, mode: relay.Session}
	if c.Mode == ModeTransaction {
		e.mode = relay.Transaction
	}
	e.config.Target = cmp.Or(c.Target, TargetPrimary)
	e.config.MaxLag = cmp.Or(c.MaxLag, defaultMaxLag)
	if c.TLSCert != "" && c.TLS != "disable" {
		certs, err := loadCertificates(c, p.log, p.opts.Health)
		if err != nil {
			return nil, err
		}
		e.tls = certs
	}
	return e, nil
}

// open listens and begins to let clients in.
func (e *endpoint) open(ctx context.Context) error {
	l, err := handover.Listen(ctx, "pooler "+e.config.Listen, e.listen)
	if err != nil {
		return fault.New(fault.Config, "listen", "listen for PostgreSQL clients on %s: %w", e.config.Listen, err).
			WithHint("another program may use the address: choose another in [[database.endpoints]]")
	}
	e.listener, e.table = l, handover.From(ctx)
	e.refusing.Store(false)
	over := make(chan struct{})
	e.over = over
	e.pooler.base.Go(func(ctx context.Context) { defer close(over); e.accept(ctx) })
	return nil
}

func (e *endpoint) listen(ctx context.Context) (net.Listener, error) {
	if !strings.HasPrefix(e.config.Listen, "/") {
		return (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp", e.config.Listen) // see tune
	}
	if err := removeStale(e.config.Listen); err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", e.config.Listen)
	if err != nil {
		return nil, err
	}
	mode, err := strconv.ParseUint(cmp.Or(e.config.SocketMode, "0777"), 8, 12)
	if err == nil {
		err = os.Chmod(e.config.Listen, os.FileMode(mode))
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// removeStale removes a socket that nobody listens on any more.
func removeStale(path string) error {
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = c.Close()
		return fmt.Errorf("somebody listens on %s", path)
	}
	if errors.Is(err, unix.ECONNREFUSED) {
		return os.Remove(path)
	}
	return nil
}

func (e *endpoint) addr() string {
	if e.listener == nil {
		return ""
	}
	return e.listener.Addr().String()
}

// accept lets clients in until the listener is closed. When descriptors run out it waits a little, for some to come free.
func (e *endpoint) accept(ctx context.Context) {
	select {
	case <-e.table.Opened():
	case <-ctx.Done():
		return
	}
	for {
		c, err := e.listener.Accept()
		switch {
		case err == nil:
			if !e.knock() {
				turnAway(c)
				continue
			}
			e.tune(c)
			e.logins.Go(func() { e.serve(ctx, c) })
		case errors.Is(err, net.ErrClosed) || ctx.Err() != nil:
			e.logins.Wait()
			return
		default:
			e.pooler.log.Warn("accept client", "endpoint", e.name, "error", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// tune makes the kernel notice a client that is gone: one that is silent, and one that does not take what it is sent. A listener that was
// inherited knows the settings of the process before, so it is done here.
func (e *endpoint) tune(c net.Conn) {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	if every := e.pooler.config.KeepAlive.D(); every > 0 {
		_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: every, Interval: every, Count: 3}) // it may be gone already
	}
	ms := int(e.pooler.config.UserTimeout.D().Milliseconds())
	if raw, err := t.SyscallConn(); err == nil && ms > 0 {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms) })
	}
}

// maxKnocking is how many connections to one endpoint may be under way to a log-in. They have proven nothing yet, and each
// costs memory until its time is over.
const maxKnocking = 2000

// knock takes a place for a connection that begins, and reports whether there was one.
func (e *endpoint) knock() bool {
	if e.knocking.Add(1) > maxKnocking {
		e.knocking.Add(-1)
		return false
	}
	return true
}

// turnAway answers a connection that is one too many as PostgreSQL's postmaster does, without listening to it.
func turnAway(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = c.Write(pgwire.AppendError(nil, fatal("53300", "sorry, too many clients are logging in", "try again in a moment").Notice))
	_ = c.Close() // nobody waits for it
}

// refuse closes the listener: those who are in may stay.
func (e *endpoint) refuse() {
	e.refusing.Store(true)
	if e.listener != nil {
		if u, ok := e.listener.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(!e.table.Shared())
		}
		e.table.Forget(e.listener)
		_ = e.listener.Close() // whoever comes now finds nobody
	}
}

func (e *endpoint) close() error {
	if e.listener == nil {
		return nil
	}
	if err := e.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// certificates are those of one endpoint, read again when the files change.
type certificates struct {
	config Endpoint
	log    *slog.Logger
	health cluster.Findings // nil: nobody is told

	mu     sync.Mutex // protects the following
	tls    *tls.Config
	end    []byte // channel binding of the certificate
	stamp  string
	failed string // why the files could not be read last; "": they could
}
