package backend

import (
	"errors"
	"io"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/pgwire"
	"holdfast/internal/scram"
)

// logIn sends the start-up packet and goes on until the server is ready for a query.
func (c *Conn) logIn(op string, l Login) error {
	version := pgwire.Version30 | pgwire.Version(l.Minor)
	if _, err := c.nc.Write(pgwire.AppendStartup(nil, version, l.startup())); err != nil {
		return err
	}
	c.minor = l.Minor
	g := greeting{conn: c, login: l, op: op}
	for !g.ready {
		typ, body, err := g.next()
		if err != nil {
			return err
		}
		if err := g.take(typ, body); err != nil {
			return err
		}
	}
	return nil
}

// greeting is the state of one log-in.
type greeting struct {
	conn  *Conn
	login Login
	op    string

	heard  bool // the first message was PostgreSQL's
	client *scram.Client
	proven bool // the server has proved that it knows the password, too
	bound  bool // the proof was tied to TLS
	in     bool // AuthenticationOk came
	ready  bool
}

// next reads a message. What does not begin as a server of PostgreSQL begins is told so.
func (g *greeting) next() (pgwire.BackendType, []byte, error) {
	head := make([]byte, pgwire.HeaderSize, 64)
	if g.heard {
		return readMessage(g.conn.nc, head, maxGreeting)
	}
	n, err := io.ReadFull(g.conn.nc, head)
	if n > 0 && !greets(head[:n]) {
		return 0, nil, notPostgres(listen(g.conn.nc, head[:n]))
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = fault.New(fault.Unavailable, "backend_hung_up", "the server closed the connection without an answer: %w", err)
		}
		return 0, nil, err
	}
	g.heard = true
	_, size, err := pgwire.Header(head)
	if err != nil {
		return 0, nil, err
	}
	body := make([]byte, size-pgwire.HeaderSize)
	_, err = io.ReadFull(g.conn.nc, body)
	return pgwire.BackendType(head[0]), body, err
}

// greets reports whether a server of PostgreSQL may begin its answer to a start-up packet like this.
func greets(head []byte) bool {
	switch pgwire.BackendType(head[0]) {
	case pgwire.Authentication, pgwire.ErrorResponse, pgwire.NoticeResponse, pgwire.NegotiateProtocolVersion:
	default:
		return false
	}
	if len(head) < pgwire.HeaderSize {
		return len(head) < 2 || head[1] == 0
	}
	_, size, err := pgwire.Header(head)
	return err == nil && size <= maxGreeting
}

// take acts on one message.
func (g *greeting) take(typ pgwire.BackendType, body []byte) error {
	c := g.conn
	switch {
	case typ == pgwire.ErrorResponse:
		n, err := pgwire.ParseNotice(body)
		if err != nil {
			return err
		}
		return refused(g.op, n)
	case typ == pgwire.NoticeResponse:
		return nil
	case typ == pgwire.NegotiateProtocolVersion && !g.in:
		return g.negotiate(body)
	case typ == pgwire.Authentication && !g.in:
		return g.authenticate(body)
	case typ == pgwire.ParameterStatus && g.in:
		return c.noteParam(body)
	case typ == pgwire.BackendKeyData && g.in:
		pid, key, err := pgwire.ParseBackendKeyData(body)
		c.pid, c.key = pid, key
		return err
	case typ == pgwire.ReadyForQuery && g.in:
		g.ready = true
		return c.noteReady(body)
	}
	return strange("unexpected %s while logging in", typ)
}

func (g *greeting) negotiate(body []byte) error {
	minor, unknown, err := pgwire.ParseNegotiate(body)
	switch {
	case err != nil:
		return err
	case minor >= uint32(g.login.Minor) || len(unknown) > 0: // said only to lower what we asked for; we asked for no option
		return strange("the server answers protocol 3.%d with 3.%d", g.login.Minor, minor)
	}
	g.conn.minor = uint16(minor)
	return nil
}

func (g *greeting) authenticate(body []byte) error {
	a, err := pgwire.ParseAuthentication(body)
	if err != nil {
		return err
	}
	switch a.Kind {
	case pgwire.AuthOK:
		return g.admitted()
	case pgwire.AuthCleartext:
		return g.cleartext()
	case pgwire.AuthSASL:
		return g.beginSASL(a.Mechanisms)
	case pgwire.AuthSASLContinue:
		return g.continueSASL(a.Data)
	case pgwire.AuthSASLFinal:
		return g.endSASL(a.Data)
	case pgwire.AuthMD5:
		return fault.New(fault.Config, "backend_md5", "the server asks for an MD5 password, which is not secure and not supported").
			WithHint("set password_encryption = 'scram-sha-256' in PostgreSQL, set the role's password again, and write scram-sha-256 in pg_hba.conf")
	}
	return fault.New(fault.Config, "backend_auth_method", "the server asks for %s, which is not supported", a.Kind).
		WithHint("let the role log in with scram-sha-256 or cert in pg_hba.conf")
}

// admitted is AuthenticationOk. A server that skipped its own proof is not the one that we know.
func (g *greeting) admitted() error {
	switch {
	case g.client != nil && !g.proven:
		return fault.New(fault.Denied, "backend_unproven", "the server did not prove that it knows the password")
	case g.login.ChannelBinding == BindingRequire && !g.bound:
		return unbound("the server let us in without it")
	}
	g.in = true
	return nil
}

func unbound(format string, args ...any) error {
	return fault.New(fault.Config, "backend_unbound", "channel binding is required, but "+format, args...).
		WithHint("it needs TLS and scram-sha-256 in pg_hba.conf; channel_binding = prefer goes without")
}

func (g *greeting) cleartext() error {
	safe := g.conn.hush != nil || g.conn.target.Network == "unix"
	switch {
	case g.login.ChannelBinding == BindingRequire:
		return unbound("the server asks for the password in clear text")
	case !g.login.Cleartext || !safe:
		return fault.New(fault.Config, "backend_cleartext", "the server asks for the password in clear text").
			WithHint("write scram-sha-256 in pg_hba.conf; a clear-text password is sent only inside TLS, and only where the settings allow it")
	case g.login.Credential.Password.IsZero():
		return noPassword(g.login.User)
	}
	_, err := g.conn.nc.Write(pgwire.AppendPassword(nil, g.login.Credential.Password.Reveal()))
	return err
}

func noPassword(user string) error {
	return fault.New(fault.Config, "backend_no_password", "the server asks for a password, and none is set for %s", user)
}

func (g *greeting) beginSASL(offered []string) error {
	if g.client != nil {
		return strange("the server begins SASL twice")
	}
	if !g.login.Credential.HasKeys() && g.login.Credential.Password.IsZero() {
		return noPassword(g.login.User)
	}
	client := scram.NewClient(g.login.Credential, g.binding())
	mechanism, err := client.Mechanism(offered)
	if err != nil {
		return g.explainMechanism(offered, err)
	}
	g.client, g.bound = client, strings.HasSuffix(mechanism, "-PLUS")
	_, err = g.conn.nc.Write(pgwire.AppendSASLInitial(nil, mechanism, client.First()))
	return err
}

func (g *greeting) explainMechanism(offered []string, err error) error {
	if g.login.ChannelBinding == BindingRequire {
		return unbound("the server offers %s and TLS is %s", strings.Join(offered, ", "), onOff(g.conn.hush != nil))
	}
	return fault.New(fault.Config, "backend_auth_method", "choose among %s: %w", strings.Join(offered, ", "), err)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// binding returns what SCRAM-SHA-256-PLUS ties the proof to: a digest of the server's certificate. A certificate whose
// signature names no digest (Ed25519) has none; then there is no binding, as in libpq.
func (g *greeting) binding() scram.Binding {
	b := scram.Binding{Required: g.login.ChannelBinding == BindingRequire}
	state := g.conn.tlsState()
	if state == nil || g.login.ChannelBinding == BindingDisable {
		return b
	}
	endpoint, err := scram.EndpointBinding(state.PeerCertificates[0])
	if err == nil {
		b.Endpoint = endpoint
	}
	return b
}

func (g *greeting) continueSASL(data []byte) error {
	if g.client == nil || g.proven {
		return strange("SASL goes on before it began")
	}
	answer, err := g.client.Final(data)
	if err != nil {
		return fault.New(fault.Invalid, "backend_scram", "SCRAM: %w", err)
	}
	_, err = g.conn.nc.Write(pgwire.AppendSASLResponse(nil, answer))
	return err
}

func (g *greeting) endSASL(data []byte) error {
	if g.client == nil || g.proven {
		return strange("SASL ends before it began")
	}
	if err := g.client.Verify(data); err != nil {
		return fault.New(fault.Denied, "backend_unproven", "the server did not prove that it knows the password: %w", err)
	}
	g.proven = true
	return nil
}
