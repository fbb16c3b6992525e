package pooler

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"holdfast/internal/backend"
	"holdfast/internal/cluster"
	"holdfast/internal/postgres"
)

// locator finds the servers of a route that has several hosts.
type locator struct {
	cluster *cluster.Cluster
	cancel  func()
	changed func(cluster.Change)
	writers bool // it has to know who wrote: some endpoint shows everybody their own writes

	mu     sync.Mutex // protects the following
	writes map[string]written
	others written       // counts for everybody who is not in writes; the zero value: they wrote nothing
	led    cluster.State // when there last was a primary
}

// written is when a person last wrote, and the position that a replica must have reached to show it, once that is known.
type written struct {
	at  time.Time
	lsn cluster.LSN
}

// maxWriters bounds how many persons' writes are remembered. When there are more, all count as having written just now.
const maxWriters = 10_000

func newLocator(r *route, db postgres.Config, health cluster.Findings, log *slog.Logger, changed func(*locator, cluster.Change)) *locator {
	c := cluster.Config{
		Name: cmp.Or(r.pattern, "*"), Health: health,
		Monitor: cluster.Monitor{
			User: cmp.Or(r.config.Username, db.Username), Database: r.monitored(db.Name), Password: r.config.passwordOr(db),
			SSLMode: r.secured.Mode, SSLRootCert: r.secured.RootCert, SSLCert: r.secured.Cert, SSLKey: r.secured.Key,
			SSLNegotiation: r.secured.Negotiation, ChannelBinding: r.secured.ChannelBinding,
		},
		Hosts: r.hosts,
	}
	l := &locator{cluster: cluster.New(c, log), writes: map[string]written{}}
	l.changed = func(c cluster.Change) { changed(l, c) }
	return l
}

func (l *locator) start(ctx context.Context) error {
	l.cancel = l.cluster.Subscribe(l.changed)
	return l.cluster.Start(ctx)
}

func (l *locator) stop(ctx context.Context) error {
	if l.cancel != nil {
		l.cancel()
	}
	return l.cluster.Stop(ctx)
}

// noteWrites remembers, before the client is told, that a transaction which may have written has ended.
func (s *session) noteWrites() {
	l := s.group.route.locator
	if l == nil || !l.writers {
		return
	}
	if now, was := &s.relay.Counters, &s.counted; now.Writes != was.Writes && now.Transactions != was.Transactions {
		l.wrote(s.who.person)
	}
}

// wrote notes that what a person wrote is visible on the primary from now on.
func (l *locator) wrote(person string) {
	now := written{at: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.writes[person]; !known && len(l.writes) >= maxWriters {
		clear(l.writes)
		l.others = now
	}
	l.writes[person] = now
}

// floor returns the position that a replica must have replayed to show a person's own writes. Not known means that no replica
// is sure to show them yet: the primary was not asked for its position since.
func (l *locator) floor(person string) (lsn cluster.LSN, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.writes[person]
	if !ok {
		known = l.others.locate(l.cluster)
		return l.others.lsn, known
	}
	known = w.locate(l.cluster)
	l.writes[person] = w
	return w.lsn, known
}

// asyncCommit is how long PostgreSQL may take to flush what it has committed with synchronous_commit = off: three times
// wal_writer_delay, of which the default is 200 ms. Positions are of what is flushed.
const asyncCommit = time.Second

// locate finds out which position is not before the write, and reports whether that is known.
func (w *written) locate(c *cluster.Cluster) bool {
	if w.at.IsZero() || w.lsn != 0 {
		return true
	}
	for _, h := range c.Status() {
		if h.Role == cluster.RolePrimary && h.Asked.Sub(w.at) > asyncCommit {
			w.lsn = h.LSN
			return true
		}
	}
	return false
}

var errNobodyLeads = errors.New("nobody leads now")

// target returns the server that a new connection of a group goes to.
func (r *route) target(ctx context.Context, g *group) (backend.Target, error) {
	t := backend.Target{
		Network: "tcp", Address: r.hosts[0].Address, TLS: r.tls, ConnectTimeout: r.timeout,
		KeepAlive: g.front.pooler.config.KeepAlive.D(), UserTimeout: g.front.pooler.config.UserTimeout.D(),
	}
	switch {
	case g.key.host != "":
		t.Address = g.key.host
	case r.locator != nil:
		now, end := context.WithCancelCause(ctx)
		end(errNobodyLeads) // who waits for a primary waits in the pool, which knows for how long
		host, err := r.locator.cluster.Primary(now)
		if err != nil {
			return t, err
		}
		t.Address = host.Address
	}
	if strings.HasPrefix(t.Address, "/") {
		t.Network, t.TLS = "unix", nil
	}
	if t.TLS != nil && t.TLS.Files != nil {
		if _, err := t.TLS.Files.Reload(); err != nil { // what was read before serves on
			g.front.pooler.log.Warn("certificates for servers", "route", r.pattern, "error", err)
		}
	}
	return t, nil
}

// timeline returns the highest that is known, 0 for a route of one host.
func (r *route) timeline() uint32 {
	if r.locator == nil {
		return 0
	}
	return r.locator.cluster.State().Timeline
}

// failed tells the locator about a host that could not be reached, or broke a connection.
func (r *route) failed(address string) {
	if r.locator != nil {
		r.locator.cluster.Suspect(address)
	}
}
