package pooler

import (
	"cmp"
	"context"
	"log/slog"
	"regexp"
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

	mu     sync.Mutex // protects the following
	writes map[string]written
}

// written is when a person last wrote, and the position that a replica must have reached to show it, once that is known.
type written struct {
	at  time.Time
	lsn cluster.LSN
}

// maxWriters bounds how many persons' writes are remembered; older ones are on every replica by then.
const maxWriters = 10_000

func newLocator(r *route, db postgres.Config, health cluster.Findings, log *slog.Logger, changed func(cluster.Change)) *locator {
	c := cluster.Config{
		Name: cmp.Or(r.pattern, "*"), Health: health,
		Monitor: cluster.Monitor{
			User: cmp.Or(r.config.Username, db.Username), Database: r.databaseFor(db.Name), Password: db.Password,
			SSLMode: cmp.Or(r.config.SSLMode, db.SSLMode), SSLRootCert: cmp.Or(r.config.SSLRootCert, db.SSLRootCert),
		},
	}
	if !r.config.Password.IsZero() {
		c.Monitor.Password = r.config.Password
	}
	for _, h := range r.hosts {
		host := cluster.Host{Network: "tcp", Address: h}
		if strings.HasPrefix(h, "/") {
			host.Network = "unix"
		}
		c.Hosts = append(c.Hosts, host)
	}
	return &locator{cluster: cluster.New(c, log), changed: changed, writes: map[string]written{}}
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

// wrote notes that a person's transaction wrote.
func (l *locator) wrote(person string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.writes) >= maxWriters {
		clear(l.writes)
	}
	l.writes[person] = written{at: at}
}

// floor returns the position that a replica must have replayed to show a person's own writes. Not known means that no replica
// is sure to show them yet: the primary was not asked for its position since.
func (l *locator) floor(person string) (lsn cluster.LSN, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.writes[person]
	if !ok || w.lsn != 0 {
		return w.lsn, true
	}
	for _, h := range l.cluster.Status() {
		if h.Role == cluster.RolePrimary && h.Checked.Add(-sampleAge).After(w.at) {
			w.lsn = h.LSN
			l.writes[person] = w
			return w.lsn, true
		}
	}
	return 0, false
}

// sampleAge is more than the time between the server's answer to a check and its end here, in general far less than a
// millisecond: the check's time limit.
const sampleAge = 2 * time.Second

var lsnForm = regexp.MustCompile(`[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}`)

// minLSN is what a client demands of a replica by the setting holdfast.min_lsn.
func (s *session) minLSN() cluster.LSN {
	text := s.relay.Setting("holdfast.min_lsn")
	if text == "" {
		return 0
	}
	lsn, err := cluster.ParseLSN(lsnForm.FindString(text))
	if err != nil {
		return 0
	}
	return lsn
}

// pick chooses the pool for the session's next transaction: on a replica endpoint that of the replica that suits it now.
func (s *session) pick() error {
	e, r := s.front, s.group.route
	if e.config.Target != TargetReplica || r.locator == nil {
		return nil
	}
	key := s.group.key
	host, err := r.replicaFor(s)
	if err != nil {
		return err
	}
	if key.host == host {
		return nil
	}
	key.host = host
	g, err := s.pooler.sibling(s.group, key)
	if err != nil {
		return err
	}
	s.account()
	s.group.clients.Add(-1)
	g.clients.Add(1)
	s.group = g
	return nil
}

// replicaFor returns the address of the replica for a session, "" for the primary.
func (r *route) replicaFor(s *session) (string, error) {
	e := s.front.config
	want := cluster.Want{MaxLag: e.MaxLag.D(), AtLeast: s.minLSN()}
	sure := true
	if e.ReadYourWrites {
		var floor cluster.LSN
		if floor, sure = r.locator.floor(s.who.person); floor > want.AtLeast {
			want.AtLeast = floor
		}
	}
	if sure {
		host, err := r.locator.cluster.Pick(want)
		if err == nil {
			return host.Address, nil
		}
		if e.NoReplica == "error" {
			return "", err
		}
	}
	return "", nil
}

// target returns the server that a new connection of a group goes to.
func (r *route) target(ctx context.Context, g *group) (backend.Target, error) {
	t := backend.Target{
		Network: "tcp", Address: r.hosts[0], TLS: r.tls, ConnectTimeout: r.timeout,
		KeepAlive: g.front.pooler.config.KeepAlive.D(), UserTimeout: g.front.pooler.config.UserTimeout.D(),
	}
	switch {
	case g.key.host != "":
		t.Address = g.key.host
	case r.locator != nil:
		host, err := r.locator.cluster.Primary(ctx)
		if err != nil {
			return t, err
		}
		t.Address = host.Address
	}
	if strings.HasPrefix(t.Address, "/") {
		t.Network, t.TLS = "unix", nil
	}
	return t, nil
}

// failed tells the locator about a server that could not be opened.
func (r *route) failed(t backend.Target) {
	if r.locator != nil {
		r.locator.cluster.Suspect(t.Address)
	}
}

// clusterChanged retires the connections to servers that are not any more what they were.
func (p *Pooler) clusterChanged(r *route, c cluster.Change) {
	if c.Before.Primary.Address != c.After.Primary.Address {
		p.log.Info("primary changed", "before", c.Before.Primary.Address, "after", c.After.Primary.Address, "timeline", c.After.Timeline)
	}
	fit := map[string]bool{}
	for _, h := range c.After.Replicas {
		fit[h.Address] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, g := range p.groups {
		if g.route != r {
			continue
		}
		moved := key.host == "" && c.Before.Primary.Address != c.After.Primary.Address
		if moved || key.host != "" && !fit[key.host] {
			g.pool.Reconnect()
		}
	}
}
