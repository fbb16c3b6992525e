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
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/cluster"
	"holdfast/internal/fault"
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
	logins   sync.WaitGroup // those who log in
	knocking atomic.Int32   // how many they are, at most maxKnocking
	refusing atomic.Bool
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
	l, err := e.listen(ctx)
	if err != nil {
		return fault.New(fault.Config, "listen", "listen for PostgreSQL clients on %s: %w", e.config.Listen, err).
			WithHint("another program may use the address: choose another in [[database.endpoints]]")
	}
	e.listener = l
	e.refusing.Store(false)
	e.pooler.base.Go(e.accept)
	return nil
}

func (e *endpoint) listen(ctx context.Context) (net.Listener, error) {
	if !strings.HasPrefix(e.config.Listen, "/") {
		every := e.pooler.config.KeepAlive.D()
		l := net.ListenConfig{
			Control:         e.control,
			KeepAliveConfig: net.KeepAliveConfig{Enable: every > 0, Idle: every, Interval: every, Count: 3},
		}
		return l.Listen(ctx, "tcp", e.config.Listen)
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

// control sets what the listening socket hands on to those it accepts, and lets other processes listen on its address if that
// is wanted; the kernel then shares out the clients.
func (e *endpoint) control(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		if ms := e.pooler.config.UserTimeout.D().Milliseconds(); ms > 0 {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(ms))
		}
		if e.config.ReusePort {
			failed = errors.Join(failed, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
		}
	})
	return errors.Join(err, failed)
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
	for {
		c, err := e.listener.Accept()
		switch {
		case err == nil:
			if !e.knock() {
				turnAway(c)
				continue
			}
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
