package pgauth_test

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgauth"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// searching returns settings that find users by a search over ldaps.
func (s *slapd) searching() pgauth.Config {
	c := settings(pgauth.Rule{Method: "ldap", ServerUser: "app_role", Class: "everybody"})
	l := &c.Auth.LDAP
	l.URLs, l.CAFile = []string{"ldaps://localhost:" + port(s.inside)}, s.caFile
	l.SearchBase, l.SearchDN, l.SearchPassword = people, readerDN, secret.New(readerWord)
	c.Auth.ServerUsers = map[string]pgauth.ServerUser{"app_role": {Password: secret.New("server-secret")}}
	c.Auth.MaxFailures = 0
	return c
}

// startTLS changes settings to StartTLS.
func (s *slapd) startTLS(c pgauth.Config) pgauth.Config {
	c.Auth.LDAP.URLs, c.Auth.LDAP.StartTLS = []string{"ldap://localhost:" + port(s.plain)}, true
	return c
}

func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}

// S2-52a, S2-53a, S2-53b: a password is checked by search and bind over LDAPS and over StartTLS, and whatever a user
// writes stays a value.
func TestPasswordsAreCheckedBySearchAndBindInsideTLS(t *testing.T) {
	t.Parallel()
	s := newSlapd(t)
	for _, c := range []pgauth.Config{s.searching(), s.startTLS(s.searching())} {
		b := start(t, c)
		d := b.login(t, remote("alice"), aliceSecret)
		if d.Person != "alice" || !d.Proven || d.Class != "everybody" || d.ServerUser != "app_role" || d.ServerPassword.Reveal() != "server-secret" {
			t.Errorf("decision %+v; want alice, proven, with the role of the rule", d)
		}
		b.login(t, remote(`o"dd, (name)*`), "odd-secret")
		wrong := b.refused(t, remote("alice"), "wrong", "auth_wrong_password")
		for user, code := range map[string]string{
			"nobody":                 "auth_unknown_user",
			"*":                      "auth_unknown_user",
			"ali*":                   "auth_unknown_user",
			"alice)(uid=*":           "auth_unknown_user",
			"alice)(|(uid=*":         "auth_unknown_user",
			"uid=alice," + people:    "auth_unknown_user",
			" alice":                 "auth_unknown_user",
			"ali\u00adce":            "auth_unknown_user",
			strings.Repeat("a", 200): "auth_unknown_user",
		} {
			if got := b.refused(t, remote(user), aliceSecret, code); got != wrong {
				t.Errorf("user %q sees %q; a wrong password %q", user, got, wrong)
			}
		}
		if got := b.refused(t, remote("alice"), "", "auth_empty_password"); got != wrong {
			t.Errorf("an empty password sees %q; a wrong one %q", got, wrong)
		}
	}
}

// A directory does not tell apart what people write differently; limits and records must.
func TestAPersonHasTheNameThatTheDirectoryGives(t *testing.T) {
	t.Parallel()
	s := newSlapd(t)
	byMail := s.searching()
	byMail.Auth.LDAP.SearchFilter = "(|(uid=$username)(mail=$username))"
	byMail.Rules[0].ServerUser = "$user"
	byPattern := s.patterned()
	byPattern.Rules[0].ServerUser = "$user"
	f := func(c pgauth.Config, user string) {
		t.Helper()
		if d := start(t, c).login(t, remote(user), aliceSecret); d.Person != "alice" || d.ServerUser != "alice" {
			t.Errorf("%q is %q with the role %q; want alice", user, d.Person, d.ServerUser)
		}
	}
	f(byMail, "ALICE")
	f(byMail, "alice@example.org")
	f(byPattern, "Alice")
	f(byPattern, "ａlice") // a full-width letter
}

// patterned returns settings that bind by a pattern.
func (s *slapd) patterned() pgauth.Config {
	c := s.searching()
	l := &c.Auth.LDAP
	l.SearchBase, l.SearchDN, l.SearchPassword = "", "", secret.String{}
	l.BindPattern = "uid=$username," + people
	return c
}

func TestPasswordsAreCheckedByAPattern(t *testing.T) {
	t.Parallel()
	s := newSlapd(t)
	b := start(t, s.patterned())
	b.login(t, remote("alice"), aliceSecret)
	b.login(t, remote(`o"dd, (name)*`), "odd-secret")
	b.refused(t, remote("alice"), "wrong", "auth_wrong_password")
	b.refused(t, remote("nobody"), "wrong", "auth_wrong_password")
	b.refused(t, remote("alice,"+people), aliceSecret, "auth_wrong_password")
	c := s.patterned()
	c.Auth.LDAP.BindPattern = "$username@example.org"
	b = start(t, c)
	b.refused(t, remote("alice@evil"), aliceSecret, "auth_unknown_user")
	b.refused(t, remote("alice"), aliceSecret, "auth_wrong_password") // OpenLDAP knows no such names
}

func TestGroupsGiveTheClassAndTheServersRole(t *testing.T) {
	t.Parallel()
	s := newSlapd(t)
	groupsOf := func(c pgauth.Config, base string) pgauth.Config {
		c.Auth.LDAP.Groups = []pgauth.Group{
			{Group: "CN=Curators, " + groups, Class: "curator", ServerUser: "writer"},
			{Group: "readers", Class: "reader"},
		}
		c.Auth.LDAP.RequireGroup, c.Auth.LDAP.GroupBase = true, base
		return c
	}
	for _, c := range []pgauth.Config{
		groupsOf(s.searching(), ""),
		groupsOf(s.searching(), groups),
		groupsOf(s.patterned(), ""),
	} {
		b := start(t, c)
		for range 2 { // the second time over the same connection
			if d := b.login(t, remote("alice"), aliceSecret); d.Class != "curator" || d.ServerUser != "writer" {
				t.Errorf("alice has class %q and role %q; want curator and writer", d.Class, d.ServerUser)
			}
			if d := b.login(t, remote("bob"), "bob-secret"); d.Class != "reader" || d.ServerUser != "app_role" {
				t.Errorf("bob has class %q and role %q; want reader and the rule's", d.Class, d.ServerUser)
			}
		}
		if got := b.refused(t, remote(`o"dd, (name)*`), "odd-secret", "auth_no_group"); !strings.HasPrefix(got, "28000") {
			t.Errorf("who is in no group sees %q; want 28000", got)
		}
		b.refused(t, remote(`o"dd, (name)*`), "wrong", "auth_wrong_password")
	}
}

// S2-53a: three broken setups, and more, give different messages.
func TestABrokenSetupSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	s, other, bare := newSlapd(t), newSlapd(t, "elsewhere.example"), newSlapd(t, "")
	f := func(code, says string, change func(*pgauth.Config)) {
		t.Helper()
		c := s.searching()
		c.Auth.LDAP.Timeout = unit.Duration(2 * time.Second)
		change(&c)
		b := start(t, c)
		got := b.refused(t, remote("alice"), aliceSecret, code)
		if !strings.HasPrefix(got, "57P03") {
			t.Errorf("%s: the client sees %q; want 57P03", code, got)
		}
		_, err := b.attempt(t, remote("alice"), aliceSecret)
		if !strings.Contains(err.Error(), says) || fault.HintOf(err) == "" || strings.Contains(err.Error(), aliceSecret) {
			t.Errorf("%s: %v (hint %q); want it to say %q, with a hint", code, err, fault.HintOf(err), says)
		}
		if b.shown() != "auth_ldap" {
			t.Errorf("%s: findings %q; want auth_ldap", code, b.shown())
		}
	}
	f("ldap_certificate", "unknown authority", func(c *pgauth.Config) { c.Auth.LDAP.CAFile = other.caFile })
	f("ldap_certificate", "no such file", func(c *pgauth.Config) { c.Auth.LDAP.CAFile = filepath.Join(t.TempDir(), "none") })
	f("ldap_certificate", "elsewhere.example", func(c *pgauth.Config) {
		c.Auth.LDAP.CAFile, c.Auth.LDAP.URLs = other.caFile, []string{"ldaps://localhost:" + port(other.inside)}
	})
	f("ldap_certificate", "unknown authority", func(c *pgauth.Config) { *c = s.startTLS(*c); c.Auth.LDAP.CAFile = other.caFile })
	f("ldap_tls", "", func(c *pgauth.Config) { c.Auth.LDAP.URLs = []string{"ldaps://localhost:" + port(s.plain)} })
	f("ldap_tls", "", func(c *pgauth.Config) { *c = bare.startTLS(*c) })
	f("ldap_connect", "refused", func(c *pgauth.Config) { c.Auth.LDAP.URLs = []string{"ldaps://" + freeAddress(t)} })
	f("ldap_bind", readerDN, func(c *pgauth.Config) { c.Auth.LDAP.SearchPassword = secret.New("wrong") })
	f("ldap_search", "ou=nowhere", func(c *pgauth.Config) { c.Auth.LDAP.SearchBase = "ou=nowhere," + suffix })
	f("ldap_search", "more than one", func(c *pgauth.Config) { c.Auth.LDAP.SearchFilter = "(&(description=twin)(!(uid=$username)))" })
	f("ldap_group", "ou=nowhere", func(c *pgauth.Config) {
		c.Auth.LDAP.GroupBase, c.Auth.LDAP.Groups = "ou=nowhere,"+suffix, []pgauth.Group{{Group: "x"}}
	})
}

// S2-52b, C-22: a password in clear is asked for only inside TLS, or by Unix socket.
func TestNoPasswordIsAskedForOutsideTLS(t *testing.T) {
	t.Parallel()
	s := newSlapd(t)
	b := start(t, s.searching())
	plain := remote("alice")
	plain.TLS = false
	d, err := b.Decide(t.Context(), plain)
	var refusal *pgauth.Denied
	if d != nil || !errors.As(err, &refusal) || refusal.SQLSTATE != "28000" || fault.CodeOf(err) != "auth_tls_required" || !strings.Contains(refusal.Hint, "sslmode") {
		t.Errorf("outside TLS: %v, %#v; want a refusal before any question", d, err)
	}
	b.login(t, pgauth.Attempt{Database: "app", User: "alice"}, aliceSecret) // by Unix socket
}

// S2-53c: an expired password is told, to who knows it.
func TestAnExpiredPasswordIsToldToWhoKnowsIt(t *testing.T) {
	t.Parallel()
	s := newSlapd(t)
	b := start(t, s.searching())
	lifecycletest.Eventually(t, 10*time.Second, func() error { // one second after it was set
		if _, err := b.attempt(t, remote("dave"), "dave-secret"); fault.CodeOf(err) != "auth_password_expired" {
			return errors.New("not expired yet")
		}
		return nil
	})
	for user, password := range map[string]string{"carol": "carol-secret", "dave": "dave-secret"} {
		if got := b.refused(t, remote(user), password, "auth_password_expired"); got != `28P01 the password of user "USER" has expired` {
			t.Errorf("%s sees %q", user, got)
		}
		b.refused(t, remote(user), "wrong", "auth_wrong_password")
	}
}

func TestTheNextServerIsAskedWhenOneIsDown(t *testing.T) {
	t.Parallel()
	s := newSlapd(t)
	c := s.searching()
	c.Auth.LDAP.URLs = append([]string{"ldaps://" + freeAddress(t)}, c.Auth.LDAP.URLs...)
	start(t, c).login(t, remote("alice"), aliceSecret)
}

func TestAConnectionThatTheServerClosedIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSlapd(t)
	b := start(t, s.searching())
	b.login(t, remote("alice"), aliceSecret)
	s.restart(t)
	b.login(t, remote("alice"), aliceSecret)
	s.stop()
	b.refused(t, remote("alice"), aliceSecret, "ldap_connect")
	s.Run(t)
	b.login(t, remote("alice"), aliceSecret)
	if b.shown() != "" {
		t.Errorf("findings %q after all is well; want none", b.shown())
	}
}

func TestADirectoryThatNeverAnswersCostsTheTimeoutOnly(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, scheme := range []string{"ldap://", "ldaps://"} {
		c := settings(pgauth.Rule{Method: "ldap", ServerUser: "x"})
		c.Auth.LDAP.URLs, c.Auth.LDAP.SearchBase = []string{scheme + l.Addr().String()}, people
		c.Auth.LDAP.Timeout, c.Auth.LDAP.MaxConnections = unit.Duration(300*time.Millisecond), 1
		b := start(t, c)
		began := time.Now()
		b.refused(t, remote("alice"), "x", map[string]string{"ldap://": "ldap_connect", "ldaps://": "ldap_tls"}[scheme])
		if took := time.Since(began); took < 250*time.Millisecond || took > 3*time.Second {
			t.Errorf("%s took %v; want 300 ms", scheme, took)
		}
	}
}

func TestManyLogInsShareFewConnections(t *testing.T) {
	t.Parallel()
	s := newSlapd(t)
	c := s.searching()
	c.Auth.LDAP.MaxConnections = 2
	b := start(t, c)
	errs := make(chan error)
	for range 20 {
		go func() {
			_, err := b.attempt(t, remote("alice"), aliceSecret)
			errs <- err
		}()
	}
	for range 20 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
