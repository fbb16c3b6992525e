package pgauth_test

import (
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"holdfast/internal/pgauth"
	"holdfast/internal/unit"
)

// S2-52a: who is logged in by the directory is looked up again: another group, or no entry any more, ends the sessions, and nothing that has not
// to do with the person does.
func TestPeopleOfTheDirectoryAreLookedUpAgain(t *testing.T) {
	t.Parallel()
	s := newSlapd(t)
	c := s.searching()
	c.Auth.LDAP.Recheck = unit.Duration(time.Second)
	c.Auth.LDAP.GroupBase = groups
	c.Auth.LDAP.Groups = []pgauth.Group{{Group: "curators", Class: "curator"}, {Group: "readers", Class: "reader"}}
	b := start(t, c)
	changes := make(chan pgauth.Change, 10)
	t.Cleanup(b.Subscribe(func(c pgauth.Change) { changes <- c }))
	alice, bob := b.login(t, remote("alice"), aliceSecret), b.login(t, remote("bob"), "bob-secret")
	next := func(want, reason string, d *pgauth.Decision) {
		t.Helper()
		select {
		case got := <-changes:
			if got.User != want || got.Reason != reason || got.Generation <= d.Generation || d.Generation == 0 {
				t.Errorf("%+v; want %s of %s, after %d", got, reason, want, d.Generation)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("nothing is told of %s", want)
		}
		d.Close()
	}
	s.stop() // when nobody can tell, everybody stays
	s.restart(t)
	s.Change(t, func(c *ldap.Conn) error {
		m := ldap.NewModifyRequest("cn=curators,"+groups, nil)
		m.Replace("member", []string{"uid=nobody," + people})
		return c.Modify(m)
	})
	next("alice", pgauth.GroupsChanged, alice)
	again := b.login(t, remote("alice"), aliceSecret)
	s.Change(t, func(c *ldap.Conn) error {
		err := c.Del(ldap.NewDelRequest("uid=bob,"+people, nil))
		if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
			err = nil
		}
		return err
	})
	next("bob", pgauth.UserRemoved, bob)
	if again.Class == "curator" || len(changes) > 0 {
		t.Errorf("alice has class %q, and %d more changes are told", again.Class, len(changes))
	}
	again.Close()
}
