package pgauth_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/pgauth"
	"holdfast/internal/scram"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// verifier makes a verifier of a password.
func verifier(t testing.TB, password string) string {
	t.Helper()
	k, err := scram.NewVerifier(password, scram.DefaultIterations)
	if err != nil {
		t.Fatal(err)
	}
	return k.String()
}

// database answers as the query would. It counts how often it was asked.
type database struct {
	mu    sync.Mutex // protects the following
	rows  map[string]pgauth.Row
	err   error
	asked int
	slow  time.Duration
}

func (d *database) Verifier(ctx context.Context, user string) (pgauth.Row, error) {
	d.mu.Lock()
	d.asked++
	row, err, slow := d.rows[user], d.err, d.slow
	d.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return pgauth.Row{}, ctx.Err()
		}
	}
	return row, err
}

func (d *database) set(user string, row pgauth.Row) {
	d.mu.Lock()
	defer d.mu.Unlock()
	row.Found = true
	d.rows[user] = row
}

func (d *database) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func (d *database) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

func newDatabase() *database { return &database{rows: map[string]pgauth.Row{}} }

// asking returns settings with the query, and the option that answers it.
func (d *database) asking() (pgauth.Config, func(*pgauth.Options)) {
	c := settings(pgauth.Rule{})
	c.Auth.Query = "holdfast"
	return c, func(o *pgauth.Options) { o.Querier = d }
}

// changes collects what subscribers are told.
type changes struct {
	mu  sync.Mutex // protects the following
	all []pgauth.Change
}

func (c *changes) add(x pgauth.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, x)
}

func (c *changes) take() []pgauth.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.all
	c.all = nil
	return all
}

// S2-54: what is stored is a verifier, and nobody learns from the answer who exists.
func TestUnknownUsersAndWrongPasswordsLookAlike(t *testing.T) {
	t.Parallel()
	db := newDatabase()
	db.set("alice", pgauth.Row{Verifier: verifier(t, "alice-secret")})
	db.set("nopassword", pgauth.Row{})
	db.set("old", pgauth.Row{Verifier: "md5" + strings.Repeat("0", 32)})
	db.set("group", pgauth.Row{Verifier: verifier(t, "x"), NoLogin: true})
	db.set("expired", pgauth.Row{Verifier: verifier(t, "x"), ValidUntil: time.Now().Add(-time.Second)})
	c, with := db.asking()
	b := start(t, c, with)
	b.login(t, remote("alice"), "alice-secret")
	wrong := b.refused(t, remote("alice"), "wrong", "auth_wrong_password")
	if wrong != `28P01 password authentication failed for user "USER"` {
		t.Errorf("a wrong password sees %q", wrong)
	}
	for user, code := range map[string]string{
		"unknown": "auth_unknown_user", "nopassword": "auth_no_password", "old": "auth_no_password",
		"group": "auth_login_revoked", "expired": "auth_password_expired",
	} {
		if got := b.refused(t, remote(user), "wrong", code); got != wrong {
			t.Errorf("%s sees %q; a wrong password %q", user, got, wrong)
		}
	}
}

func TestWhoKnowsThePasswordIsToldWhyItIsOfNoUse(t *testing.T) {
	t.Parallel()
	db := newDatabase()
	db.set("group", pgauth.Row{Verifier: verifier(t, "x"), NoLogin: true})
	db.set("late", pgauth.Row{Verifier: verifier(t, "x"), ValidUntil: time.Now().Add(-time.Second)})
	c, with := db.asking()
	b := start(t, c, with)
	if got := b.refused(t, remote("group"), "x", "auth_login_revoked"); got != `28000 role "USER" is not permitted to log in` {
		t.Errorf("a role without LOGIN sees %q", got)
	}
	if got := b.refused(t, remote("late"), "x", "auth_password_expired"); got != `28P01 the password of user "USER" has expired` {
		t.Errorf("a role with an expired password sees %q", got)
	}
}

// Keys that were made here have a salt of their own: the client's proof of them opens no session at the server, where the
// verifier has another one. So the password itself is handed on, and only where it is known anyway.
func TestThePasswordIsHandedOnWhereItIsKnownInClear(t *testing.T) {
	t.Parallel()
	db := newDatabase()
	db.set("alice", pgauth.Row{Verifier: verifier(t, "alice-secret")})
	c, with := db.asking()
	b := start(t, c, with)
	if d := b.login(t, remote("app"), "app-secret"); d.KnownPassword.Reveal() != "app-secret" {
		t.Error("the configuration's user has no password for the server")
	}
	if d := b.login(t, remote("alice"), "alice-secret"); !d.KnownPassword.IsZero() {
		t.Error("a password came from nowhere")
	}
}

func TestAnUnknownUserHasTheSameSaltEachTimeAndTheUsualIterations(t *testing.T) {
	t.Parallel()
	k, err := scram.NewVerifier("x", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	with := func(o *pgauth.Options) {
		o.MockSecret = [32]byte{1}
		o.Users = []pgauth.User{{Name: "app", Verifier: k.String()}}
	}
	keys := func(user string) scram.Keys {
		d, err := start(t, settings(pgauth.Rule{}), with).Decide(t.Context(), remote(user))
		if err != nil {
			t.Fatal(err)
		}
		return d.Keys
	}
	one, again, other := keys("nobody"), keys("nobody"), keys("somebody")
	if !one.Equal(again) || one.Equal(other) || one.Iterations != 10_000 || len(one.Salt) != len(k.Salt) {
		t.Errorf("salt %x, then %x, of another %x, %d iterations", one.Salt, again.Salt, other.Salt, one.Iterations)
	}
}

func TestAnswersAreKeptForTheirTimeKnownUserOrNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		db.set("alice", pgauth.Row{Verifier: verifier(t, "x")})
		c, with := db.asking()
		c.Auth.MaxFailures = 0
		b := start(t, c, with)
		for range 3 {
			d, err := b.attempt(t, remote("alice"), "x")
			if err != nil {
				t.Fatal(err)
			}
			d.Close() // so that it is not refreshed
			b.refused(t, remote("unknown"), "x", "auth_unknown_user")
		}
		if n := db.count(); n != 2 {
			t.Errorf("asked %d times for two users; want 2", n)
		}
		time.Sleep(c.Auth.QueryTTL.D()) // fake time
		b.login(t, remote("alice"), "x")
		if n := db.count(); n != 3 {
			t.Errorf("asked %d times after the answers' time; want 3", n)
		}
	})
}

func TestAFailedLogInMakesTheNextOneAskAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		db.set("alice", pgauth.Row{Verifier: verifier(t, "old")})
		c, with := db.asking()
		c.Auth.QueryTTL = unit.Duration(time.Hour)
		b := start(t, c, with)
		d, err := b.attempt(t, remote("alice"), "old")
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
		db.set("alice", pgauth.Row{Verifier: verifier(t, "new")})
		time.Sleep(2 * time.Second) // fake time
		b.refused(t, remote("alice"), "new", "auth_wrong_password")
		b.login(t, remote("alice"), "new")
	})
}

func TestManyWhoAskAtOnceShareOneQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		db.slow = time.Second
		db.set("alice", pgauth.Row{Verifier: verifier(t, "x")})
		c, with := db.asking()
		b := start(t, c, with)
		first, giveUp := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer giveUp()
		go func() {
			if _, err := b.Decide(first, remote("alice")); fault.KindOf(err) != fault.Unavailable {
				t.Errorf("who gave up: %v; want unavailable", err)
			}
		}()
		synctest.Wait()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := b.Decide(t.Context(), remote("alice")); err != nil {
					t.Errorf("who waited: %v", err)
				}
			})
		}
		all.Wait()
		if n := db.count(); n != 1 {
			t.Errorf("asked %d times; want once", n)
		}
	})
}

func TestADatabaseThatDoesNotAnswerIsNoWrongPassword(t *testing.T) {
	t.Parallel()
	db := newDatabase()
	c, with := db.asking()
	c.Auth.MaxFailures = 1
	b := start(t, c, with)
	db.fail(errors.New("connection refused"))
	for range 3 {
		if got := b.refused(t, remote("alice"), "x", "auth_query"); got != `57P03 the password of user "USER" cannot be checked at the moment` {
			t.Errorf("the client sees %q", got)
		}
	}
	if b.shown() != "auth_query" {
		t.Errorf("findings %q; want auth_query", b.shown())
	}
	b.login(t, remote("app"), "app-secret") // of the configuration
	db.fail(nil)
	b.refused(t, remote("alice"), "x", "auth_unknown_user")
	if b.shown() != "" {
		t.Errorf("findings %q after the database is back; want none", b.shown())
	}
}

// Trap 10, issue: expiry, NOLOGIN and a changed verifier are honoured and evict sessions. S2-36: revocation.
func TestAChangedCredentialIsToldWhileASessionLasts(t *testing.T) {
	t.Parallel()
	f := func(what, want string, change func(*database)) {
		synctest.Test(t, func(t *testing.T) {
			db := newDatabase()
			good := pgauth.Row{Verifier: verifier(t, "x")}
			db.set("alice", good)
			db.set("bob", pgauth.Row{Verifier: verifier(t, "x")})
			c, with := db.asking()
			b := start(t, c, with)
			var told changes
			defer b.Subscribe(told.add)()
			alice := b.login(t, remote("alice"), "x")
			b.login(t, remote("bob"), "x")
			gone, err := b.attempt(t, remote("alice"), "x")
			if err != nil {
				t.Fatal(err)
			}
			gone.Close()
			gone.Close()
			time.Sleep(3 * c.Auth.QueryTTL.D()) // fake time
			if got := told.take(); len(got) > 0 {
				t.Errorf("%s: told %v before anything changed", what, got)
			}
			change(db)
			time.Sleep(2 * c.Auth.QueryTTL.D())
			got := told.take()
			if len(got) != 1 || got[0].User != "alice" || got[0].Reason != want || got[0].Generation <= alice.Generation {
				t.Errorf("%s: told %v; want %s of alice, later than %d", what, got, want, alice.Generation)
			}
			db.set("alice", pgauth.Row{Verifier: verifier(t, "y")})
			time.Sleep(2 * c.Auth.QueryTTL.D())
			told.take()
			if d := b.login(t, remote("alice"), "y"); d.Generation < got[0].Generation {
				t.Errorf("%s: the next session has generation %d, before the change %d", what, d.Generation, got[0].Generation)
			}
			time.Sleep(3 * c.Auth.QueryTTL.D())
			if got := told.take(); len(got) > 0 {
				t.Errorf("%s: told %v afterwards", what, got)
			}
		})
	}
	f("new password", pgauth.PasswordChanged, func(db *database) { db.set("alice", pgauth.Row{Verifier: verifier(t, "new")}) })
	f("no password", pgauth.PasswordChanged, func(db *database) { db.set("alice", pgauth.Row{}) })
	f("NOLOGIN", pgauth.LoginRevoked, func(db *database) { db.set("alice", pgauth.Row{Verifier: "", NoLogin: true}) })
	f("expired", pgauth.PasswordExpired, func(db *database) {
		db.set("alice", pgauth.Row{Verifier: verifier(t, "x"), ValidUntil: time.Now().Add(-time.Second)})
	})
	f("dropped", pgauth.UserRemoved, func(db *database) {
		db.mu.Lock()
		defer db.mu.Unlock()
		delete(db.rows, "alice")
	})
}

func TestAPasswordThatExpiresEndsItsSessionsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		db.set("alice", pgauth.Row{Verifier: verifier(t, "x"), ValidUntil: time.Now().Add(time.Minute)})
		c, with := db.asking()
		b := start(t, c, with)
		var told changes
		b.Subscribe(told.add)
		b.login(t, remote("alice"), "x")
		time.Sleep(50 * time.Second) // fake time
		if got := told.take(); len(got) > 0 {
			t.Errorf("told %v before the end", got)
		}
		time.Sleep(time.Minute)
		if got := told.take(); len(got) != 1 || got[0].Reason != pgauth.PasswordExpired {
			t.Errorf("told %v; want one end", got)
		}
		b.refused(t, remote("alice"), "x", "auth_password_expired")
	})
}

// tokens is a source of another feature: short-lived credentials of people.
type tokens struct{ login pgauth.Login }

func (s tokens) Login(_ context.Context, user string) (pgauth.Login, error) {
	if user != "shared" {
		return pgauth.Login{}, pgauth.ErrUnknownUser
	}
	return s.login, nil
}

func TestAnotherSourceMayNameThePersonTheClassAndTheRole(t *testing.T) {
	t.Parallel()
	k, err := scram.NewVerifier("token", scram.DefaultIterations)
	if err != nil {
		t.Fatal(err)
	}
	source := tokens{pgauth.Login{Keys: k, HasPassword: true, Person: "alice", Class: "curators", ServerUser: "editor"}}
	c := settings(pgauth.Rule{Class: "everybody"})
	c.Auth.ServerUsers = map[string]pgauth.ServerUser{"editor": {Password: secret.New("pw")}}
	b := start(t, c, func(o *pgauth.Options) { o.Sources = []pgauth.Source{source} })
	d := b.login(t, remote("shared"), "token")
	if d.Person != "alice" || !d.Proven || d.Class != "curators" || d.ServerUser != "editor" || d.ServerPassword.Reveal() != "pw" {
		t.Errorf("decision %+v; want alice, curators, editor", d)
	}
	b.refused(t, remote("other"), "token", "auth_unknown_user")
}
