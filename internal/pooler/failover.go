package pooler

import (
	"errors"

	"holdfast/internal/cluster"
	"holdfast/internal/pgwire"
	"holdfast/internal/pool"
)

// errDemoted ends a server connection that leads to what was the primary.
var errDemoted = errors.New("the primary is another server now")

// movedNotice ends a session whose server is not any more what its client asked for.
func movedNotice(message string) pgwire.Notice {
	return pgwire.Notice{
		Severity: "FATAL", Code: "57P01", Message: message,
		Hint: "connect again, and repeat what was not confirmed",
	}
}

// lead takes in who is primary, and reports whether connections to the last one must end: it was replaced, or nobody knows who
// is right. One that is only away loses its connections itself, or comes back.
func (l *locator) lead(now cluster.State) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.led
	if now.HasPrimary() {
		l.led = now
	}
	replaced := now.HasPrimary() && (was.Primary.Address != now.Primary.Address || was.Timeline != now.Timeline)
	return now.Split || was.HasPrimary() && replaced
}

// clusterChanged ends or retires the connections to servers that are not any more what they were.
func (p *Pooler) clusterChanged(l *locator, c cluster.Change) {
	moved := l.lead(c.After)
	if moved {
		p.log.Info("primary changed", "before", c.Before.Primary.Address, "after", c.After.Primary.Address, "timeline", c.After.Timeline)
	}
	fit := map[string]bool{}
	for _, h := range c.After.Replicas {
		fit[h.Address] = true
	}
	for key, g := range p.groupsOf(l) {
		switch {
		case key.host != "" && !fit[key.host]:
			g.pool.Reconnect()
		case key.host == "" && moved:
			g.retireDemoted(c.After)
		case key.host == "" && c.After.HasPrimary():
			g.pool.Retry() // the same as before has come back
		}
	}
	p.fit(l)
	p.onSessions(func(s *session) { s.follow(l) })
}

// groupsOf returns the pools of the routes to some hosts.
func (p *Pooler) groupsOf(l *locator) map[groupKey]*group {
	p.mu.Lock()
	defer p.mu.Unlock()
	mine := map[groupKey]*group{}
	for key, g := range p.groups {
		if g.route.locator == l {
			mine[key] = g
		}
	}
	return mine
}

// retireDemoted replaces a pool's connections to what was the primary. Those that clients use are ended by them, see follow.
func (g *group) retireDemoted(now cluster.State) {
	g.pool.Each(func(c pool.ConnInfo[*server]) {
		if c.Conn != nil && !c.Conn.serves(now) {
			c.Conn.dead.Store(true) // also if it is just being made a client's own
		}
	})
	g.pool.Reconnect()
}

// serves reports whether the server is the primary, as far as anybody knows.
func (s *server) serves(now cluster.State) bool {
	if !now.HasPrimary() {
		return !now.Split
	}
	return s.host == now.Primary.Address && s.timeline >= now.Timeline
}

// follow ends what the session has on a server that is not any more what it was: on a primary that was replaced at once, for
// nobody must write there; on a replica that became something else when its transaction is over.
func (s *session) follow(l *locator) {
	if s.closed || s.server == nil || s.group.route.locator != l {
		return
	}
	host := s.group.key.host
	switch {
	case host == "":
		if srv := s.server; !srv.serves(l.cluster.State()) {
			if srv.relay.Owes() > 0 {
				srv.cancel(cancelTime, func() {})
			}
			srv.end(errDemoted)
		}
	case s.keeps() && l.isNoReplica(host):
		s.reader.moved = true
		s.leaveSoon()
	}
}

// keeps reports whether the session stays at its server beyond its transaction.
func (s *session) keeps() bool { return !s.isShared() || s.relay.Pins() != 0 }

// isNoReplica reports whether a host lives and is something else than a replica of the primary.
func (l *locator) isNoReplica(host string) bool {
	for _, h := range l.cluster.Status() {
		if h.Host.Address == host {
			return h.Role == cluster.RolePrimary || h.Role == cluster.RoleStranger || h.Role == cluster.RoleSplit
		}
	}
	return true
}
