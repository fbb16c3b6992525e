package pgauth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/pgauth"
)

// A change that comes between the proof and the moment from which a session can be found is not lost.
func TestADecisionKnowsThatItsCredentialChangedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		db.set("alice", pgauth.Row{Verifier: verifier(t, "x")})
		c, with := db.asking()
		b := start(t, c, with)
		alice, app := b.login(t, remote("alice"), "x"), b.login(t, remote("app"), "app-secret")
		if alice.Outdated() || app.Outdated() {
			t.Error("a decision is outdated at once")
		}
		db.set("alice", pgauth.Row{Verifier: verifier(t, "y")})
		time.Sleep(2 * c.Auth.QueryTTL.D()) // fake time
		if !alice.Outdated() || app.Outdated() {
			t.Errorf("after a change: outdated %t, of somebody else %t", alice.Outdated(), app.Outdated())
		}
	})
}

// S2-36: a user whose verifier is nonsense does not keep the revocation of others from being noticed.
func TestANonsensicalAnswerAboutOneKeepsNobodyElseFromBeingRefreshed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := newDatabase()
		users := []string{"alice", "bob", "carol", "dave"}
		for _, user := range users {
			db.set(user, pgauth.Row{Verifier: verifier(t, "x")})
		}
		c, with := db.asking()
		b := start(t, c, with)
		var told changes
		defer b.Subscribe(told.add)()
		for _, user := range users {
			b.login(t, remote(user), "x")
		}
		db.set("alice", pgauth.Row{Verifier: "SCRAM-SHA-256$nonsense"})
		for _, user := range users[1:] {
			db.set(user, pgauth.Row{Verifier: verifier(t, "x"), NoLogin: true})
		}
		time.Sleep(c.Auth.QueryTTL.D() + 2*time.Second) // fake time
		if got := told.take(); len(got) != 3 {
			t.Errorf("told %v; want bob, carol and dave", got)
		}
	})
}
