package pooler

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
	"holdfast/internal/pool"
	"holdfast/internal/relay"
	"holdfast/internal/scram"
)

// enter authenticates a client, finds its pool, and greets it.
func (l *login) enter(ctx context.Context, start pgwire.Startup) (*session, error) {
	if err := l.negotiateVersion(&start); err != nil {
		return nil, err
	}
	params, err := startParams(start)
	if err != nil {
		return nil, err
	}
	who := identity{user: params.user, database: cmp.Or(params.database, params.user), app: params.application, request: params.request, version: start.Version}
	who.address, who.peer = l.peer.Addr().String(), l.peer
	if !l.peer.IsValid() {
		who.address = unixClient
	}
	l.user, l.database = who.user, who.database
	if who.user == "" {
		return nil, fatal("28000", "no PostgreSQL user name specified in startup packet", "")
	}
	credential, err := l.authenticate(ctx, &who, params)
	if err != nil {
		return nil, err
	}
	s, err := l.session(ctx, who, params, credential)
	if err != nil || s == nil && l.visitor == nil {
		who.decision.Close()
	}
	return s, err
}

// negotiateVersion tells a client that asks for more than we know what we know.
func (l *login) negotiateVersion(start *pgwire.Startup) error {
	if start.Version.Minor() <= 2 && start.Version.Minor() != 1 && len(start.Unknown) == 0 {
		return nil
	}
	minor := min(start.Version.Minor(), 2)
	if minor == 1 {
		minor = 0 // 3.1 was never used
	}
	start.Version = pgwire.Version(3<<16 | uint32(minor))
	_, err := l.conn.Write(pgwire.AppendNegotiate(nil, uint32(start.Version), start.Unknown))
	return err
}

// parameters are what a start-up message asks for.
type parameters struct {
	user, database, application string
	replication                 string
	claimed                     string // holdfast.person
	request                     string // holdfast.request_id
	reported                    []pgwire.Param
}

// startParams reads a start-up message. Settings in options count before those of their own, as in PostgreSQL.
func startParams(start pgwire.Startup) (parameters, error) {
	var p parameters
	options, _ := start.Param("options")
	given, err := pgwire.ParseOptions(options)
	if err != nil {
		return p, err
	}
	for _, o := range append(given, start.Params...) {
		switch strings.ToLower(o.Name) {
		case "user":
			p.user = o.Value
		case "database":
			p.database = o.Value
		case "options":
		case "replication":
			p.replication = replicationMode(o.Value)
		case "holdfast.person":
			p.claimed = o.Value
		default:
			p.set(o)
		}
	}
	return p, nil
}

// set notes a setting: one that servers report is carried by its value, another by the statement that makes it.
func (p *parameters) set(o pgwire.Param) {
	switch strings.ToLower(o.Name) {
	case "application_name":
		p.application = o.Value
	case requestSetting:
		p.request = o.Value
	}
	p.reported = append(p.reported, o)
}

// authenticate runs the exchange that the rules ask for, and returns what the server session is logged in with.
func (l *login) authenticate(ctx context.Context, who *identity, p parameters) (scram.Credential, error) {
	attempt := pgauth.Attempt{
		Database: who.database, User: who.user, Address: l.peer.Addr(), TLS: l.tls != nil,
		Certificate: l.certificate(), Account: l.account(), Claimed: p.claimed,
		Physical: p.replication != "" && !strings.EqualFold(p.replication, "database"),
	}
	d, err := l.front.pooler.opts.Authenticator.Decide(ctx, attempt)
	if err != nil {
		return scram.Credential{}, err
	}
	l.method = string(d.Method)
	credential, err := l.exchange(ctx, d)
	if err != nil {
		d.Close()
		return scram.Credential{}, err
	}
	who.decision, who.person, who.class = d, cmp.Or(d.Person, who.user), d.Class
	if !d.KnownPassword.IsZero() {
		credential = scram.Credential{Password: d.KnownPassword}
	}
	if d.ServerUser != "" {
		credential = scram.Credential{Password: d.ServerPassword}
	}
	return credential, nil
}

func (l *login) exchange(ctx context.Context, d *pgauth.Decision) (scram.Credential, error) {
	switch d.Method.Exchange() {
	case pgauth.SASL:
		return l.scram(d)
	case pgauth.Password:
		text, err := l.ask(pgwire.AppendAuthCleartext(nil))
		if err != nil {
			return scram.Credential{}, err
		}
		password, err := pgwire.ParsePassword(text)
		if err != nil {
			return scram.Credential{}, err
		}
		return scram.Credential{}, d.Password(ctx, string(password))
	}
	return scram.Credential{}, d.Finish(nil)
}

// scram runs a SCRAM exchange. Its success leaves us the client's keys, with which its server session logs in.
func (l *login) scram(d *pgauth.Decision) (scram.Credential, error) {
	server := scram.NewServer(d.Keys, scram.Binding{Endpoint: l.end, Required: d.Binding})
	fail := func(err error) (scram.Credential, error) { return scram.Credential{}, errors.Join(d.Finish(err), err) }
	mechanisms := server.Mechanisms()
	if len(mechanisms) == 0 {
		return fail(errors.New("channel binding is required, and the connection has none"))
	}
	body, err := l.ask(pgwire.AppendAuthSASL(nil, mechanisms...))
	if err != nil {
		return scram.Credential{}, err
	}
	mechanism, data, err := pgwire.ParseSASLInitial(body)
	if err != nil {
		return scram.Credential{}, err
	}
	first, err := server.First(mechanism, data)
	if err != nil {
		return fail(err)
	}
	body, err = l.ask(pgwire.AppendAuthSASLContinue(nil, first))
	if err != nil {
		return scram.Credential{}, err
	}
	last, err := server.Final(body)
	if denied := d.Finish(err); denied != nil || err != nil {
		return scram.Credential{}, errors.Join(denied, err)
	}
	if _, err := l.conn.Write(pgwire.AppendAuthSASLFinal(nil, last)); err != nil {
		return scram.Credential{}, err
	}
	return scram.Credential{ClientKey: server.ClientKey(), ServerKey: d.Keys.ServerKey}, nil
}

// ask sends a question and returns the body of the answer.
func (l *login) ask(question []byte) ([]byte, error) {
	if _, err := l.conn.Write(question); err != nil {
		return nil, err
	}
	typ, body, err := l.in.ReadMessage()
	if err != nil {
		return nil, err
	}
	if typ != byte(pgwire.Password) {
		return nil, fatal("08P01", fmt.Sprintf("expected an answer to the authentication request, got message type %q", typ), "")
	}
	return body, nil
}

// certificate returns the client's, which the handshake has verified.
func (l *login) certificate() *x509.Certificate {
	if l.tls == nil {
		return nil
	}
	if certs := l.tls.ConnectionState().PeerCertificates; len(certs) > 0 {
		return certs[0]
	}
	return nil
}

// session finds the client's pool, learns what a server makes of its settings, and greets it.
func (l *login) session(ctx context.Context, who identity, p parameters, c scram.Credential) (*session, error) {
	front := l.front.pooler
	if isConsole(who.database) {
		return nil, l.admit(who)
	}
	if front.isDisabled(who.database) {
		return nil, fatal("57P03", fmt.Sprintf("database %q is disabled", who.database), "an administrator of the console has closed it to new clients: ENABLE opens it again")
	}
	key := groupKey{
		endpoint: l.front.name, database: who.database, class: who.class,
		user: cmp.Or(who.decision.ServerUser, who.user),
	}
	if p.replication != "" {
		key.replication, key.serial = p.replication, front.ids.Add(1)
	}
	limit := front.tuned.Load().limits[who.class]
	if who.admin = limit.Reserved > 0; !who.admin && front.clients.crowded() {
		return nil, front.tooMany()
	}
	g, values, settings, err := l.receive(ctx, key, limit, pool.Request{Owner: who.person, Admin: who.admin, Since: l.began}, p, c)
	if err != nil {
		return nil, err
	}
	if who.person != key.user && p.replication == "" { // for convenience: a client can change it, the audit stream it cannot (C-21)
		settings = append(settings, relay.FromParam("holdfast.person", who.person))
	}
	size := 4
	if who.version.Minor() >= 2 {
		size = 32
	}
	who.pid, who.key = front.clients.keyFor(size)
	s := front.newSession(l.front, g, who, values, settings)
	s.began = l.began
	if err := l.greet(s); err != nil {
		s.relay.Close()
		front.drop(g)
		return nil, err
	}
	front.greeted(s)
	return s, nil
}

// newSession returns a session that has logged in.
func (p *Pooler) newSession(front *endpoint, g *group, who identity, values []pgwire.Param, settings []relay.Assignment) *session {
	who.id = p.ids.Add(1)
	s := &session{who: who, front: front, pooler: p, worker: p.worker(), group: g}
	mode := front.mode
	if g.key.replication != "" {
		mode = relay.Session
	}
	c := relay.ClientConfig{Mode: mode, Registry: p.statements, Params: p.params, Values: values, Settings: settings}
	if front.config.Target == TargetReplica {
		c.Advice = replicaAdvice
	}
	if a := p.opts.Auditor; a != nil {
		c.Observer = &witness{session: s, audit: a, text: p.config.Audit.Text, request: who.request}
	}
	s.relay = relay.NewClient(c)
	return s
}

// greet tells the client that it is in.
func (l *login) greet(s *session) error {
	b := pgwire.AppendAuthOK(nil)
	for _, v := range s.relay.Params().All() {
		b = pgwire.AppendParameterStatus(b, v.Name, v.Value)
	}
	b = pgwire.AppendBackendKeyData(b, s.who.pid, s.who.key)
	b = pgwire.AppendReadyForQuery(b, pgwire.Idle)
	_, err := l.conn.Write(b)
	return err
}

// welcome returns the parameters that a client is told and the settings that follow it. What servers of the group have not
// been asked before is tried on one of them, which may refuse it. When all are in use that is left to the client's first statement:
// who logs in to a full pool is not turned away for what it asks.
func (g *group) welcome(ctx context.Context, r pool.Request, p parameters) ([]pgwire.Param, []relay.Assignment, error) {
	base, err := g.reported(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	values, settings, unsure := split(base, p.reported)
	if !unsure {
		return values, settings, nil
	}
	key := fmt.Sprintf("%q", slices.DeleteFunc(slices.Clone(p.reported), func(a pgwire.Param) bool { return isCustom(a.Name) }))
	g.mu.Lock()
	known, ok := g.known[key]
	g.mu.Unlock()
	if !ok && g.full(r) {
		return values, settings, nil
	}
	if !ok {
		table := g.front.pooler.params
		probe := relay.NewClient(relay.ClientConfig{
			Mode: relay.Session, Registry: g.front.pooler.statements, Params: table, Values: values, Settings: settings,
		})
		known, err = g.try(ctx, r, probe)
		if e := (*pool.Error)(nil); errors.As(err, &e) && e.SQLSTATE() == "53300" {
			return values, settings, nil
		}
		if err != nil {
			return nil, nil, err
		}
		g.remember(key, known)
	}
	return slices.Clone(known), settings, nil
}

// full reports whether all connections of the group are in use, so that whoever wants one has to wait.
func (g *group) full(r pool.Request) bool {
	s := g.pool.Stats()
	return !r.Admin && s.Active >= s.MaxSize
}

// isCustom reports whether a setting belongs to an application, by the dot in its name: servers take any value, and report none.
func isCustom(name string) bool { return strings.Contains(name, ".") }

func (g *group) remember(key string, known []pgwire.Param) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known == nil || len(g.known) >= maxKnown {
		g.known = map[string][]pgwire.Param{}
	}
	g.known[key] = known
}

// split sorts a client's settings into those that servers report and the others. Unsure means that a server has to say what it
// makes of them.
func split(base, asked []pgwire.Param) (values []pgwire.Param, settings []relay.Assignment, unsure bool) {
	values = base
	for _, a := range asked {
		i := slices.IndexFunc(values, func(b pgwire.Param) bool { return strings.EqualFold(a.Name, b.Name) })
		switch {
		case i < 0:
			settings = append(settings, relay.FromParam(a.Name, a.Value))
			unsure = unsure || !isCustom(a.Name)
		case values[i].Name == "application_name":
			values[i].Value = a.Value
		case values[i].Value == a.Value:
		case !relay.Follows(values[i].Name): // as session_authorization: the server says whether it can be asked for
			settings, unsure = append(settings, relay.FromParam(a.Name, a.Value)), true
		default:
			if values[i].Name == "client_encoding" && sameEncoding(values[i].Value, a.Value) {
				continue
			}
			values[i].Value = a.Value
			unsure = true
		}
	}
	return values, settings, unsure
}

// sameEncoding compares names of encodings as PostgreSQL does: letters and digits alone count.
func sameEncoding(a, b string) bool {
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, strings.ToLower(s))
	}
	return plain(a) == plain(b)
}
