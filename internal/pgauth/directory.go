package pgauth

import (
	"context"
	"errors"
	"sync"
	"time"

	"holdfast/internal/fault"
)

// idleLimit is how long a connection to the directory is kept without use.
const idleLimit = time.Minute

// directory checks passwords at the LDAP servers. At most max_connections are open.
type directory struct {
	config LDAP
	slots  chan struct{} // holds a token for each log-in in progress

	mu     sync.Mutex // protects the following
	idle   []*link
	closed bool
}

// member is who the directory says a user is.
type member struct {
	name  string // as the directory spells it
	group Group  // the first of the settings that the user is in; else empty
}

func newDirectory(c LDAP) *directory {
	return &directory{config: c, slots: make(chan struct{}, c.MaxConnections)}
}

// check checks a password. An error of kind Denied says that it is not right, or of no use; any other that nobody could
// tell.
func (d *directory) check(ctx context.Context, user, password string) (member, error) {
	if password == "" { // a bind without a password succeeds: it is one as nobody (RFC 4513 section 5.1.2)
		return member{}, reason(codeEmpty, "user %q gave an empty password", user)
	}
	if !isNameForLDAP(user) {
		return member{}, reason("auth_unknown_user", "user %q has a name that no entry of a directory is meant by", user)
	}
	return d.ask(ctx, func(l *link) (member, error) { return d.checkUser(l, user, password) })
}

// look finds out who somebody is, without a password.
func (d *directory) look(ctx context.Context, user string) (member, error) {
	return d.ask(ctx, func(l *link) (member, error) {
		u, err := d.find(l, user)
		if err != nil {
			return member{}, err
		}
		return d.memberOf(l, user, u)
	})
}

// question is asked over a connection to a server.
type question func(*link) (member, error)

func (d *directory) ask(ctx context.Context, q question) (member, error) {
	waiting, cancel := context.WithTimeout(ctx, d.config.Timeout.D())
	defer cancel()
	select {
	case d.slots <- struct{}{}:
	case <-waiting.Done():
		return member{}, fault.New(fault.Unavailable, codeBusy, "wait for a connection to the directory: %w", waiting.Err()).
			WithHint("raise database.auth.ldap.max_connections, or find out why the directory is slow")
	}
	defer func() { <-d.slots }()
	return d.askAnywhere(ctx, q)
}

// askAnywhere asks over an idle connection, and the servers in turn if that is broken or there is none.
func (d *directory) askAnywhere(ctx context.Context, q question) (member, error) {
	var errs []error
	if l := d.takeIdle(); l != nil {
		m, err := d.askOver(ctx, l, q)
		if !isUnavailable(err) {
			return m, err
		}
		// The server may have closed it long ago: no reason to tell of.
	}
	for _, u := range d.config.URLs {
		m, err := d.askAt(ctx, u, q)
		if !isUnavailable(err) {
			return m, err
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return member{}, errors.Join(errs...)
}

func isUnavailable(err error) bool { return err != nil && fault.KindOf(err) != fault.Denied }

func (d *directory) askAt(ctx context.Context, url string, q question) (member, error) {
	ctx, cancel := context.WithTimeout(ctx, d.config.Timeout.D())
	defer cancel()
	l, err := d.dial(ctx, url)
	if err != nil {
		return member{}, err
	}
	return d.askOver(ctx, l, q)
}

// askOver asks over a connection, and keeps it if it still works.
func (d *directory) askOver(ctx context.Context, l *link, q question) (member, error) {
	ctx, cancel := context.WithTimeout(ctx, d.config.Timeout.D())
	defer cancel()
	release := l.bound(ctx)
	m, err := q(l)
	if !release() || isUnavailable(err) || !d.keep(l) {
		l.close()
	}
	return m, err
}

// takeIdle returns the connection that was used last, and closes those that were not used for long.
func (d *directory) takeIdle() *link {
	d.mu.Lock()
	var old []*link
	for len(d.idle) > 0 && time.Since(d.idle[0].used) > idleLimit {
		old = append(old, d.idle[0])
		d.idle = d.idle[1:]
	}
	var l *link
	if n := len(d.idle); n > 0 {
		l, d.idle = d.idle[n-1], d.idle[:n-1]
	}
	d.mu.Unlock()
	for _, o := range old {
		o.close()
	}
	return l
}

// keep puts a connection aside for the next log-in; it reports false when there is to be none.
func (d *directory) keep(l *link) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || l.IsClosing() {
		return false
	}
	l.used = time.Now()
	d.idle = append(d.idle, l)
	return true
}

// close closes the idle connections; those in use are closed by whoever uses them.
func (d *directory) close() {
	d.mu.Lock()
	idle := d.idle
	d.idle, d.closed = nil, true
	d.mu.Unlock()
	for _, l := range idle {
		l.close()
	}
}
