package pooler

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"holdfast/internal/cluster"
	"holdfast/internal/pgwire"
	"holdfast/internal/pool"
	"holdfast/internal/relay"
	"holdfast/internal/scram"
)

// reader is what a session on a replica endpoint has besides.
type reader struct {
	used   string   // the replica whose load it counts among, "" for none
	avoid  []string // replicas that the request under way found out of reach
	search *search  // for a replica that has replayed far enough; nil: there is none
	moved  bool     // what it reads is not a replica any more
}

// search is one wait for a replica.
type search struct{ stop context.CancelFunc }

// minLSNSetting is the setting by which a client names the position that a replica must have replayed to be read.
const minLSNSetting = "holdfast.min_lsn"

// lsnForm finds a position in the statement that makes the setting.
var lsnForm = regexp.MustCompile(`'\s*([0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8})\s*'`)

// minLSN is what a client demands by its setting of the replica that its message b is for, 0 for nothing. A message that undoes the setting
// may go to any: else a position that never comes, or is none, could not be taken back.
func (s *session) minLSN(b []byte) (cluster.LSN, error) {
	text := s.relay.Setting(minLSNSetting)
	if text == "" || strings.Contains(text, "''") || s.relay.Replaces(b, minLSNSetting) {
		return 0, nil
	}
	if m := lsnForm.FindStringSubmatch(text); m != nil {
		if lsn, err := cluster.ParseLSN(m[1]); err == nil {
			return lsn, nil
		}
	}
	return 0, &refusal{pgwire.Notice{
		Severity: "ERROR", Code: "22023", Message: "invalid value for parameter \"" + minLSNSetting + "\"",
		Detail: "it was made by " + text, Hint: "give the position that pg_current_wal_insert_lsn() tells on the primary, as '16/B374D848'",
	}}
}

// leadsToReplicas reports whether the endpoint's clients read replicas of a route.
func (e *endpoint) leadsToReplicas(r *route) bool {
	return e.config.Target == TargetReplica && r.locator != nil
}

// errSeeking means that the session waits for a replica.
var errSeeking = errors.New("no replica has replayed that far yet")

// pick chooses the pool for the session's next transaction, which begins with b: on a replica endpoint that of the replica that suits it now. After
// errSeeking the session is called when there is one; other errors are the client's.
func (s *session) pick(b []byte) error {
	if !s.front.leadsToReplicas(s.group.route) || s.group.key.replication != "" {
		return nil
	}
	if s.reader == nil {
		s.reader = &reader{}
	}
	want, sure, err := s.wants(b)
	if err != nil {
		return err
	}
	if !sure {
		return s.goTo("") // no replica is known to show what the person wrote
	}
	host, err := s.group.route.locator.cluster.Pick(want)
	switch {
	case err == nil || s.front.config.NoReplica != "error":
		return s.goTo(host.Address)
	case want.AtLeast > 0 && len(want.Except) == 0:
		return s.seek(want)
	}
	return err
}

// wants says what the session's next transaction, which begins with b, demands of a replica. It is not sure when no position is known yet at which
// the person's own writes are seen.
func (s *session) wants(b []byte) (want cluster.Want, sure bool, err error) {
	e := s.front.config
	want = cluster.Want{MaxLag: e.MaxLag.D(), Except: s.reader.avoid}
	if want.AtLeast, err = s.minLSN(b); err != nil || !e.ReadYourWrites {
		return want, true, err
	}
	floor, sure := s.group.route.locator.floor(s.who.person)
	want.AtLeast = max(want.AtLeast, floor)
	return want, sure, nil
}

// goTo makes the session draw from the pool of a replica, of the primary when host is empty.
func (s *session) goTo(host string) error {
	s.use(host)
	key := s.group.key
	if key.host == host {
		return nil
	}
	key.host = host
	g, err := s.pooler.sibling(s.group, key)
	if err != nil {
		return err
	}
	if g.route != s.group.route && s.group.next.Load() != nil {
		return errRerouted
	}
	s.account()
	s.group.clients.Add(-1)
	g.clients.Add(1)
	s.group = g
	return nil
}

// use counts the session among the load of a replica, "" for none, and not any more among that of the last one.
func (s *session) use(host string) {
	if s.reader == nil || s.reader.used == host {
		return
	}
	c := s.group.route.locator.cluster
	if s.reader.used != "" {
		c.Done(s.reader.used)
	}
	if host != "" {
		c.Acquire(host)
	}
	s.reader.used = host
}

// seek waits beside the loop for a replica that will do, as long as a request waits for a server.
func (s *session) seek(want cluster.Want) error {
	c := s.group.route.locator.cluster
	tuned := s.pooler.tuned.Load()
	limit := firstOf(s.group.limits().Timeout, tuned.at(s.front.name, s.front.config).Timeout, tuned.pool.Timeout).D()
	ctx, stop := context.WithTimeout(context.Background(), limit)
	mine := &search{stop}
	begun := s.pooler.base.Go(func(life context.Context) {
		defer stop()
		defer context.AfterFunc(life, stop)()
		host, err := c.WaitReplayed(ctx, want)
		s.worker.loop.Post(func() { s.found(mine, host, err) })
	})
	if !begun {
		stop()
		return errStopping
	}
	s.reader.search = mine
	return errSeeking
}

// found goes on with the request for which a replica was sought.
func (s *session) found(from *search, host cluster.Host, err error) {
	if s.closed || s.reader.search != from {
		return
	}
	s.reader.search = nil
	kept := s.in
	s.in, s.state = nil, resting
	if err == nil {
		err = s.goTo(host.Address)
	}
	if s.group.next.Load() != nil {
		if s.acquire(kept) {
			s.advance(kept)
			s.reread()
		}
		return
	}
	if err != nil {
		s.refuse(kept, err)
		return
	}
	if s.demand(kept) {
		s.advance(kept)
		s.reread()
	}
}

// stopSeeking takes back the search for a replica, and reports whether there was one.
func (s *session) stopSeeking() bool {
	if s.reader == nil || s.reader.search == nil {
		return false
	}
	s.reader.search.stop()
	s.reader.search = nil
	return true
}

// elsewhere reports whether another server may answer the request that failed: the replica cannot be reached, or another pool took the
// place of the session's.
func (s *session) elsewhere(err error) bool {
	if s.group.isReplaced(err) {
		return true
	}
	host := s.group.key.host
	if host == "" || !isDown(err) {
		return false
	}
	s.reader.avoid = append(s.reader.avoid, host)
	return true
}

// forgive notes that the request has its server, or will not get one: the next may try all replicas again.
func (s *session) forgive() {
	if s.reader != nil {
		s.reader.avoid = nil
	}
}

// isDown reports whether a pool lent nothing because its server cannot be reached.
func isDown(err error) bool {
	var e *pool.Error
	return errors.As(err, &e) && e.Code == pool.CodeDown
}

// host returns the replica for somebody who logs in on a replica endpoint, "" for the primary. Those in except will not do.
func (e *endpoint) host(r *route, except []string) (string, error) {
	if !e.leadsToReplicas(r) {
		return "", nil
	}
	host, err := r.locator.cluster.Pick(cluster.Want{MaxLag: e.config.MaxLag.D(), Except: except})
	if err != nil && e.config.NoReplica == "error" {
		return "", err
	}
	return host.Address, nil
}

// receive finds the pool for somebody who logs in, and learns what a server makes of the settings. A replica that cannot be
// reached is passed by.
func (l *login) receive(
	ctx context.Context, key groupKey, limit Limit, r pool.Request, p parameters, c scram.Credential,
) (g *group, values []pgwire.Param, settings []relay.Assignment, err error) {
	front := l.front.pooler
	var except []string
	for {
		at := front.routeFor(key.database)
		if at != nil {
			host, err := l.front.host(at, except)
			if err != nil {
				return nil, nil, nil, err
			}
			key.host = host
		}
		if g, err = front.group(ctx, key, l.front, c, limit); err != nil {
			return nil, nil, nil, err
		}
		if at != nil && g.route != at && key.host != "" {
			continue // the route changed meanwhile: the host may be none of it
		}
		if key.replication != "" {
			values, err = g.dedicate(ctx, r, p.reported)
		} else {
			if values, settings, err = g.welcome(ctx, r, p); err != nil {
				front.forget(ctx, g, err)
			}
		}
		switch {
		case g.isReplaced(err):
			continue
		case key.host == "" || !isDown(err):
			return g, values, settings, err
		}
		except = append(except, key.host)
	}
}

// replicaAdvice explains what a server refuses because it can only be read.
func replicaAdvice(n *pgwire.Notice) string {
	refused := n.Code == "25006" || n.Code == "0A000" && (strings.Contains(n.Message, "standby") || strings.Contains(n.Message, "recovery"))
	if !refused {
		return ""
	}
	return "this endpoint leads to replicas, which can only be read: use one with target = \"primary\" for the rest"
}
