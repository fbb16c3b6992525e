package pooler

import (
	"cmp"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"holdfast/internal/audit"
	"holdfast/internal/console"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
)

const (
	// maxConsoles is how many may be at the console, or on their way to it. They do not count among max_clients: an
	// administrator gets in when all places are taken.
	maxConsoles = 100
	// readTime is how long a client of the console may take to read a part of an answer.
	readTime = time.Minute
	// partTime is how long it may take to read our good-bye.
	partTime = time.Second
)

// isConsole reports whether a database is the pooler's own.
func isConsole(database string) bool {
	return database == console.PgBouncer || database == console.Holdfast
}

// place is where those who come in count.
type place interface {
	enter() bool // reports whether there was room
	leave()
}

// placeFor returns where a client will count that has said no more than what it wants.
func (p *Pooler) placeFor(start pgwire.Startup) place {
	if params, err := startParams(start); err == nil && isConsole(cmp.Or(params.database, params.user)) {
		return p.consoles
	}
	return p.clients
}

// consoles are those who are at the console.
type consoles struct {
	mu      sync.Mutex // protects the following
	places  int
	byPID   map[uint32]*visitor
	closing bool
	empty   sync.Cond // nobody is there any more
}

func newConsoles() *consoles {
	c := &consoles{byPID: map[uint32]*visitor{}}
	c.empty.L = &c.mu
	return c
}

func (c *consoles) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.places >= maxConsoles {
		return false
	}
	c.places++
	return true
}

func (c *consoles) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places--
}

// open lets visitors in again after end.
func (c *consoles) open() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = false
}

// add reports whether the visitor may come in.
func (c *consoles) add(v *visitor) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return false
	}
	c.byPID[v.who.pid] = v
	return true
}

func (c *consoles) remove(v *visitor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byPID, v.who.pid)
	if len(c.byPID) == 0 {
		c.empty.Broadcast()
	}
}

// find returns the visitor that a cancel request means, nil for none.
func (c *consoles) find(pid uint32, key []byte) *visitor {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.byPID[pid]
	if v == nil || subtle.ConstantTimeCompare(v.who.key, key) != 1 {
		return nil
	}
	return v
}

func (c *consoles) all() []*visitor {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*visitor, 0, len(c.byPID))
	for _, v := range c.byPID {
		all = append(all, v)
	}
	return all
}

// end ends the visits, and waits for that: commands end at once, and no answer waits longer than partTime to be read.
func (c *consoles) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	for _, v := range c.byPID {
		v.stop(goodbye().ending())
	}
	for len(c.byPID) > 0 {
		c.empty.Wait()
	}
}

// visitor is a client of the console, on a goroutine of its own.
type visitor struct {
	pooler  *Pooler
	who     identity
	front   *endpoint
	raw     net.Conn
	conn    net.Conn // raw, or TLS on it
	tls     *tls.Conn
	began   time.Time
	session *console.Session
	stop    context.CancelCauseFunc // ends the visit; the cause may be a *console.Ending
}

// admit decides whether somebody who has logged in may use the console, and for what.
func (l *login) admit(who identity) error {
	p := l.front.pooler
	admin := p.isAdmin(who.user)
	if !admin && !slices.Contains(p.tuned.Load().stats, who.user) {
		return fatal("42501", fmt.Sprintf("user %q may not use the console", who.user), "name the user in admins or stats_users of [database]")
	}
	who.id = p.ids.Add(1)
	size := 4
	if who.version.Minor() >= 2 {
		size = 32
	}
	who.pid, who.key = p.clients.keyFor(size)
	l.visitor = &visitor{pooler: p, who: who, front: l.front, raw: l.raw, conn: l.conn, tls: l.tls, began: l.began}
	l.visitor.session = console.New(source{p}, console.Identity{User: who.user, Database: who.database, Admin: admin}, console.Options{
		Version: p.opts.Version, PID: who.pid, Log: p.log.With("person", who.person, "client", who.address),
	})
	return nil
}

// isAdmin reports whether a user may use all of the console. The configuration's own may when it names none.
func (p *Pooler) isAdmin(user string) bool {
	admins := p.tuned.Load().admins
	if len(admins) == 0 {
		return user == p.opts.Database.Username
	}
	return slices.Contains(admins, user)
}

// serve serves the visitor until it leaves, or life ends.
func (v *visitor) serve(life context.Context, in *pgwire.Reader) {
	ctx, stop := context.WithCancelCause(life)
	defer stop(nil)
	v.stop = stop
	cut := context.AfterFunc(ctx, func() {
		_ = v.raw.SetReadDeadline(time.Unix(1, 0))
		_ = v.raw.SetWriteDeadline(time.Now().Add(partTime))
	})
	p := v.pooler
	defer p.consoles.leave()
	defer v.who.decision.Close()
	if !p.consoles.add(v) {
		stop(goodbye().ending())
	}
	if v.who.decision.Outdated() { // it changed before we could be found
		stop(errEvicted(v.who.user, pgauth.PasswordChanged).ending())
	}
	p.record(&v.who, audit.Login)
	p.meters.loggedIn(string(v.who.decision.Method))
	err := v.converse(ctx, in)
	cut()
	_ = v.conn.Close() // all is said
	p.consoles.remove(v)
	p.record(&v.who, audit.Logout)
	p.log.Debug("console left", "user", v.who.user, "client", v.who.address, "error", err)
}

// converse greets the visitor and answers its commands.
func (v *visitor) converse(ctx context.Context, in *pgwire.Reader) error {
	if err := v.raw.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if ctx.Err() != nil { // it may have ended before the line above
		_ = v.raw.SetDeadline(time.Now().Add(partTime))
	}
	w := &answering{v.raw, v.conn, ctx}
	b := pgwire.AppendAuthOK(nil)
	for _, p := range v.session.Params() {
		b = pgwire.AppendParameterStatus(b, p.Name, p.Value)
	}
	b = pgwire.AppendBackendKeyData(b, v.who.pid, v.who.key)
	if _, err := w.Write(pgwire.AppendReadyForQuery(b, pgwire.Idle)); err != nil {
		return err
	}
	return v.session.Serve(ctx, in, w)
}

// answering writes to a client that has to read.
type answering struct {
	raw net.Conn
	to  io.Writer
	ctx context.Context //nolint:containedctx // that of the visit, to which it belongs
}

func (a *answering) Write(b []byte) (int, error) {
	limit := readTime
	if a.ctx.Err() != nil {
		limit = partTime
	}
	if err := a.raw.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return 0, err
	}
	return a.to.Write(b)
}

// record records what a client did that has no session.
func (p *Pooler) record(who *identity, e audit.Event) {
	if a := p.opts.Auditor; a != nil {
		r := who.record(e)
		a.Write(&r)
	}
}
