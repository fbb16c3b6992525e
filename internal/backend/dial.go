package backend

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/pgwire"
)

// Dial opens a session and returns when the server is ready for its first query. The error is an *Error.
func Dial(ctx context.Context, t Target, l Login) (*Conn, error) {
	op := fmt.Sprintf("log in to %s as %s", t.Address, l.User)
	if err := t.TLS.Validate(); err != nil {
		return nil, broken(op, err)
	}
	ctx, cancel := context.WithTimeout(ctx, t.connectTimeout())
	defer cancel()
	var first error
	for _, how := range t.attempts() {
		c, err := open(ctx, op, t, l, how)
		if err == nil {
			return c, nil
		}
		if first == nil {
			first = err
		}
		if !worthOther(err) {
			break
		}
	}
	return nil, first
}

// attempt is one way to open a connection.
type attempt struct {
	tls   bool
	plain bool // go on without TLS when the server has none
}

// attempts returns the ways that the mode allows, in order.
func (t Target) attempts() []attempt {
	mode := TLSDisable
	if t.TLS != nil && t.Network != "unix" {
		mode = t.TLS.Mode
	}
	switch mode {
	case TLSDisable:
		return []attempt{{}}
	case TLSAllow:
		return []attempt{{}, {tls: true}}
	case TLSPrefer:
		return []attempt{{tls: true, plain: true}, {}}
	}
	return []attempt{{tls: true}}
}

// worthOther reports whether a failed attempt may fare better with TLS where it had none, or without: pg_hba.conf refused
// it, or TLS itself failed. A wrong password is not tried twice.
func worthOther(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch fault.CodeOf(e) {
	case "backend_tls", "backend_tls_refused":
		return true
	}
	return e.SQLSTATE == "28000" // invalid_authorization_specification
}

// open makes one attempt.
func open(ctx context.Context, op string, t Target, l Login, how attempt) (*Conn, error) {
	c, err := connect(ctx, t, how)
	if err != nil {
		return nil, broken(op, interrupted(ctx, err))
	}
	release := guard(ctx, c.nc)
	err = c.logIn(op, l)
	if late := release(); late && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = c.hangUp()
		return nil, broken(op, interrupted(ctx, err))
	}
	c.opened = time.Now()
	return c, nil
}

// connect opens the socket and puts it inside TLS where that is asked for.
func connect(ctx context.Context, t Target, how attempt) (*Conn, error) {
	nc, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := rawOf(nc)
	if err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	c := &Conn{nc: nc, raw: raw, target: t}
	if t.Network != "unix" { // a name may lead elsewhere tomorrow; cancel requests must not
		c.target.ServerName, c.target.Address = t.serverName(), nc.RemoteAddr().String()
	}
	if !how.tls {
		return c, nil
	}
	release := guard(ctx, nc)
	conn, hush, err := t.encrypt(ctx, nc)
	late := release()
	switch {
	case errors.Is(err, errNoTLS) && how.plain && !late:
		return c, nil
	case errors.Is(err, errNoTLS):
		err = fault.New(fault.Config, "backend_tls_missing", "the server has no TLS, and sslmode %s asks for it", t.TLS.Mode).
			WithHint("turn ssl on in postgresql.conf")
	case err == nil && late:
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	c.nc, c.hush = conn, hush
	return c, nil
}

// tlsState returns the state of TLS, nil without.
func (c *Conn) tlsState() *tls.ConnectionState {
	conn, ok := c.nc.(*tls.Conn)
	if !ok {
		return nil
	}
	s := conn.ConnectionState()
	return &s
}

// guard makes I/O on nc fail when ctx ends. Release takes that back and reports whether ctx ended before; then nobody knows
// what became of the I/O.
func guard(ctx context.Context, nc net.Conn) (release func() (late bool)) {
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(fired)
		_ = nc.SetDeadline(time.Unix(1, 0)) // fails only on a closed connection
	})
	return func() bool {
		if stop() {
			return false
		}
		<-fired
		_ = nc.SetDeadline(time.Time{})
		return true
	}
}

// hangUp closes the socket itself: TLS's good-bye could wait for seconds.
func (c *Conn) hangUp() error {
	if c.hush != nil {
		return c.hush.Close()
	}
	return c.nc.Close()
}

// startup returns the parameters of the start-up packet.
func (l Login) startup() []pgwire.Param {
	params := make([]pgwire.Param, 0, len(l.Params)+3)
	add := func(name, value string) {
		if value != "" {
			params = append(params, pgwire.Param{Name: name, Value: value})
		}
	}
	add("user", l.User)
	add("database", l.Database)
	add("replication", l.Replication)
	return append(params, l.Params...)
}
