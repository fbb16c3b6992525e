package pgauth

import (
	"context"
	"errors"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/scram"
	"holdfast/internal/secret"
)

// Decision says how an attempt goes on, and after Finish who it is. It serves one session and one goroutine. One that was
// not made by Decide, as in tests, lets in whoever proves to know Keys.
type Decision struct {
	Method  Method
	Rule    int    // place of the rule that decided, from 0
	User    string // as the client named it
	Person  string // for the audit stream and for fair sharing
	Proven  bool   // the method proves Person; false when it is merely claimed
	Class   string // "" if none
	Keys    scram.Keys
	Binding bool // only SCRAM-SHA-256-PLUS is to be offered
	// ServerUser is the role of the server session, "" for the client's own with the keys of its SCRAM exchange.
	ServerUser     string
	ServerPassword secret.String // of ServerUser; may be empty
	// KnownPassword is the user's own, where the configuration or the file has it in clear. Keys were made of it here, with a
	// salt that is not the server's, so the client's proof opens no session there; this does.
	KnownPassword secret.String
	// Generation tells this session's credential from earlier and later ones of the same user; see Change.
	Generation uint64

	auth  *Authenticator // nil: not made by Decide
	state *state
	at    Attempt
	rule  *rule
	found found
	doom  func(Attempt, *fault.Error) *Denied // how a right password ends all the same; nil: well
	why   *fault.Error                        // why no password is right, or the right one of no use
	ended bool
	live  bool

	present *presence // as the directory had the user; nil: somebody else
}

// Decide finds the rule for an attempt. The error is a *Denied.
func (a *Authenticator) Decide(ctx context.Context, at Attempt) (*Decision, error) {
	s := a.state.Load()
	r := s.match(at)
	if r == nil {
		return nil, noEntry(at, reason("auth_no_rule", "no rule lets user %q from %s into database %q", at.User, at.host(), at.Database))
	}
	d := &Decision{Method: r.method, Rule: r.index, User: at.User, auth: a, state: s, at: at, rule: r}
	d.identify(at.User, true, Group{Class: r.Class, ServerUser: r.ServerUser})
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// prepare does what comes before the exchange. An error is a *Denied.
func (d *Decision) prepare(ctx context.Context) error {
	at := d.at
	if d.Method == Reject {
		return noEntry(at, reason("auth_rejected", "rule %d rejects user %q from %s", d.Rule, at.User, at.host()))
	}
	if d.Method.Exchange() != None {
		if wait := d.auth.throttle.wait(at); wait > 0 {
			return tooMany(at, wait)
		}
	}
	switch d.Method {
	case SCRAM, SCRAMPlus:
		return d.prepareSCRAM(ctx)
	case LDAPBind:
		if !at.TLS && !at.isLocal() {
			return tlsRequired(at, d.Method)
		}
	case Cert:
		return d.checkCertificate()
	case Peer:
		return d.checkAccount()
	case Trust:
		if !at.isLocal() && !at.Address.Unmap().IsLoopback() {
			return noEntry(at, reason("auth_rejected", "trust is for this machine alone, and user %q is at %s", at.User, at.host()))
		}
		d.identify(at.User, false, Group{})
	}
	return nil
}

// prepareSCRAM finds the user's keys, or makes some up.
func (d *Decision) prepareSCRAM(ctx context.Context) error {
	at := d.at
	if d.Binding = d.Method == SCRAMPlus; d.Binding && !at.TLS {
		return tlsRequired(at, d.Method)
	}
	var err error
	if d.found, err = d.auth.find(ctx, at.User, d.state.Auth); err != nil {
		return unavailable(at, err)
	}
	e := d.found.entry
	d.Keys, d.Generation, d.KnownPassword = e.Keys, e.generation, e.password
	switch {
	case !e.known:
		d.doom, d.why = badPassword, reason("auth_unknown_user", "user %q is not known%s", at.User, d.auth.knownOnly(d.state.Auth))
	case !e.HasPassword:
		d.doom, d.why = badPassword, reason("auth_no_password", "user %q has no SCRAM password", at.User)
	case e.NoLogin:
		d.doom, d.why = notPermitted, reason("auth_login_revoked", "user %q may not log in", at.User)
	case e.hasExpired(time.Now()):
		d.doom, d.why = expired, reason("auth_password_expired", "the password of user %q expired at %s", at.User, e.ValidUntil)
	}
	if !e.known || !e.HasPassword {
		d.Keys = d.auth.mock(at.User)
		return nil
	}
	if e.Person != "" {
		d.identify(e.Person, true, Group{})
	}
	d.apply(Group{Class: e.Class, ServerUser: e.ServerUser})
	return nil
}

// knownOnly says for the log who can be known at all, where nobody told Holdfast of others.
func (a *Authenticator) knownOnly(c Auth) string {
	if c.File == "" && c.Query == "" && len(a.options.Sources) == 0 {
		return ": only the role of [database] is, as neither database.auth.query nor database.auth.file is set"
	}
	return ""
}

// identify says who it is. What the client claims counts where the rule says so.
func (d *Decision) identify(person string, isProven bool, g Group) {
	d.Person, d.Proven = person, isProven
	if d.rule.Person == claimed && d.at.Claimed != "" {
		d.Person, d.Proven = d.at.Claimed, false
	}
	d.apply(g)
}

// apply takes the class and the server's role of a group, as far as it has them.
func (d *Decision) apply(g Group) {
	if g.Class != "" {
		d.Class = g.Class
	}
	if g.ServerUser == "" {
		return
	}
	d.ServerUser = g.ServerUser
	if d.ServerUser == ownName {
		d.ServerUser = d.at.User
	}
	d.ServerPassword = d.state.Auth.ServerUsers[d.ServerUser].Password
}

// Password checks a password in clear (Exchange Password), settles Class, Person and ServerUser, and finishes.
func (d *Decision) Password(ctx context.Context, text string) error {
	if d.Method != LDAPBind || d.ended || d.auth == nil {
		return fault.New(fault.Internal, "auth_exchange", "no password was to be asked for")
	}
	d.ended = true
	person, err := d.state.directory.check(ctx, d.at.User, text)
	d.auth.noteDirectory(err)
	if err != nil {
		return d.refusePassword(err)
	}
	d.identify(person.name, true, person.group)
	d.present = &presence{d.at.User, person}
	if d.rule.ServerUser == ownName && person.group.ServerUser == "" || person.group.ServerUser == ownName {
		d.apply(Group{ServerUser: person.name}) // the directory's spelling, not the client's
	}
	return d.accept()
}

// refusePassword makes the refusal for what the directory said.
func (d *Decision) refusePassword(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Denied {
		return unavailable(d.at, err)
	}
	switch f.Code {
	case codeExpired:
		return expired(d.at, f)
	case codeNoGroup, codeLocked:
		return notPermitted(d.at, f)
	}
	d.auth.throttle.failed(d.at, d.state.Auth)
	return badPassword(d.at, f)
}

// Finish is told how the exchange went, nil or the error of the SCRAM exchange, and returns nil or the *Denied error to
// end with. After nil the session counts until Close. Methods without an exchange are finished with nil.
func (d *Decision) Finish(exchange error) error {
	if d.ended || d.Method == LDAPBind {
		return fault.New(fault.Internal, "auth_exchange", "the exchange was finished before")
	}
	d.ended = true
	switch {
	case errors.Is(exchange, scram.ErrProof), errors.Is(exchange, scram.ErrBinding):
		return d.refuseProof(exchange)
	case exchange != nil:
		return broken(d.at, exchange)
	case d.doom != nil:
		return d.doom(d.at, d.why)
	}
	return d.accept()
}

// refuseProof makes the refusal for a wrong password, which is the same for an unknown user.
func (d *Decision) refuseProof(cause error) error {
	if d.auth != nil {
		d.auth.throttle.failed(d.at, d.state.Auth)
	}
	if d.found.from != nil {
		d.found.from.doubt(d.at.User)
	}
	why := d.why
	if why == nil {
		why = reason("auth_wrong_password", "user %q from %s: %w", d.at.User, d.at.host(), cause)
	}
	return badPassword(d.at, why)
}

func (d *Decision) accept() error {
	if d.auth != nil && d.Method.Exchange() != None {
		d.auth.throttle.passed(d.at)
	}
	if d.found.from != nil {
		d.found.from.join(d.at.User, d.found.entry)
	}
	if d.present != nil {
		d.Generation = d.auth.generation()
		if d.state.Auth.LDAP.BindPattern == "" { // else nobody can be looked up without a password
			d.auth.roster.join(*d.present)
		} else {
			d.present = nil
		}
	}
	d.live = true
	d.at.Certificate = nil // a session may last for days
	return nil
}

// Outdated reports whether the credential changed since Decide. Whoever has made a session known to those who hear of a Change asks once:
// one that came before would have missed it.
func (d *Decision) Outdated() bool {
	switch {
	case d.auth == nil || d.Method.Exchange() != SASL:
		return false
	case d.found.from != nil:
		return d.found.from.since(d.at.User, d.Generation)
	}
	e, known := d.auth.users.find(d.at.User)
	return !known || e.generation > d.Generation
}

// Close says that the session ended. It is safe at any time, and twice.
func (d *Decision) Close() {
	if d.live && d.found.from != nil {
		d.found.from.leave(d.at.User)
	}
	if d.live && d.present != nil {
		d.auth.roster.leave(*d.present)
	}
	d.live, d.ended = false, true
}
