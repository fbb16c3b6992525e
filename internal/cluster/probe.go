package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/fault"
)

// prober asks one host. It is used by one goroutine at a time.
type prober interface {
	// check asks, on the connection that is open if there is one. The context bounds it.
	check(ctx context.Context) (sample, error)
	// renew makes the next check open a connection, and so resolve the name.
	renew()
	// close closes the connection.
	close()
}

// session is a prober of a real server.
type session struct {
	host    Host
	monitor func() Monitor
	link    *link // nil: none is open
}

// link is a connection for checks.
type link struct {
	conn   *pgconn.PgConn
	socket net.Conn
	done   atomic.Bool // no more dialling: closing the socket ends a check's statement as well as a cancel request would
	until  time.Time   // then another one takes its place
}

var errNoCancel = errors.New("checks are not cancelled, their connection is closed")

func (s *session) check(ctx context.Context) (sample, error) {
	if s.link != nil && time.Now().After(s.link.until) {
		if err := s.replace(ctx); err != nil {
			return sample{}, err
		}
	}
	if s.link != nil {
		a, err := s.ask(ctx)
		if err == nil || ctx.Err() != nil {
			return a, err
		}
	}
	if err := s.connect(ctx); err != nil { // anew: what failed may have been the connection alone
		return sample{}, err
	}
	return s.ask(ctx)
}

func (s *session) renew() {
	if s.link != nil {
		s.link.until = time.Time{}
	}
}

func (s *session) close() {
	if s.link != nil {
		s.link.close()
		s.link = nil
	}
}

// replace opens a connection in place of the old one, which stays if the server has none left, or does not take the password any more: it
// was changed, and the new one will be told.
func (s *session) replace(ctx context.Context) error {
	fresh, err := s.dial(ctx)
	if err != nil && (classify(err) == full || isDenied(err)) {
		s.link.until = time.Now().Add(connectionLife)
		return nil
	}
	s.close()
	s.link = fresh
	return err
}

func (s *session) connect(ctx context.Context) error {
	s.close()
	fresh, err := s.dial(ctx)
	s.link = fresh
	return err
}

// ask sends the question. After an error there is no connection.
func (s *session) ask(ctx context.Context) (sample, error) {
	sent := time.Now()
	row, err := first(s.link.conn.Exec(ctx, question))
	received := time.Now()
	if err == nil {
		var a sample
		if a, err = parseSample(row); err == nil {
			a.sent, a.received = sent, received
			return a, nil
		}
	}
	s.close()
	return sample{}, fmt.Errorf("ask: %w", err)
}

// first returns the only row of the only result.
func first(r *pgconn.MultiResultReader) ([][]byte, error) {
	results, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return nil, errors.New("the server answered with no row, or several")
	}
	return results[0].Rows[0], nil
}

// dial opens a connection; nil when there is an error.
func (s *session) dial(ctx context.Context) (*link, error) {
	c, err := s.monitor().settings(s.host)
	if err != nil {
		return nil, err
	}
	l := &link{}
	c.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		if l.done.Load() {
			return nil, errNoCancel
		}
		d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: connectionLife, Interval: connectionLife, Count: 3}}
		conn, err := d.DialContext(ctx, s.host.Network, s.host.Address)
		l.socket = conn
		return conn, err
	}
	// The dialler resolves the name: what it leads to may change between two connections.
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	l.conn, err = pgconn.ConnectConfig(ctx, c)
	l.done.Store(true)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	l.until = time.Now().Add(connectionLife)
	return l, nil
}

// close says good-bye on a connection that is in order. On one that is not, the driver would wait for a server that may be
// silent: closing the socket below it ends that.
func (l *link) close() {
	if l.conn.IsClosed() {
		_ = l.socket.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = l.conn.Close(ctx)
	<-l.conn.CleanupDone()
}

// settings makes the driver's configuration for a host.
func (m Monitor) settings(h Host) (*pgconn.Config, error) {
	host, port, err := h.split()
	if err != nil {
		return nil, fault.New(fault.Config, "cluster_config", "host %q: %w", h.Name, err)
	}
	var b strings.Builder
	add := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s='%s' ", key, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value))
		}
	}
	add("host", host)
	add("port", port)
	add("user", m.User)
	add("dbname", m.Database)
	add("password", m.Password.Reveal())
	add("sslmode", orElse(m.SSLMode, "prefer"))
	add("sslnegotiation", m.SSLNegotiation)
	add("sslrootcert", m.SSLRootCert)
	add("sslcert", m.SSLCert)
	add("sslkey", m.SSLKey)
	add("channel_binding", m.ChannelBinding)
	add("target_session_attrs", "any")
	c, err := pgconn.ParseConfig(b.String())
	if err != nil { // its text holds what it was given; we do not rely on its redaction
		return nil, fault.New(fault.Config, "cluster_config", "host %q: the settings for checks are not understood", h.Name).
			WithHint("check sslmode and the files of certificates")
	}
	c.RuntimeParams["application_name"] = "holdfast cluster"
	c.RuntimeParams["search_path"] = "" // nothing but what is built in
	if h.ServerName != "" && c.TLSConfig != nil && c.TLSConfig.ServerName != "" {
		c.TLSConfig.ServerName = h.ServerName
	}
	return c, nil
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// split returns the driver's host and port; a Unix socket's host is its directory.
func (h Host) split() (host, port string, err error) {
	if h.Network != "unix" {
		return net.SplitHostPort(h.Address)
	}
	const mark = "/.s.PGSQL."
	i := strings.LastIndex(h.Address, mark)
	if i < 0 {
		return "", "", fmt.Errorf("%q is not the path of a PostgreSQL socket", h.Address)
	}
	return h.Address[:i], h.Address[i+len(mark):], nil
}
