package pgauth_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/netip"
	"testing"

	"holdfast/internal/fault"
	"holdfast/internal/pgauth"
)

func from(address, user, database string) pgauth.Attempt {
	at := pgauth.Attempt{User: user, Database: database}
	if address != "" {
		at.Address = netip.MustParseAddr(address)
	}
	return at
}

// S2-25, S2-31: which identity may reach which database from where, default deny.
func TestTheFirstRuleThatMatchesDecides(t *testing.T) {
	t.Parallel()
	c := pgauth.DefaultConfig()
	c.Rules = []pgauth.Rule{
		{Users: []string{"mallory"}, Method: "reject"},
		{Databases: []string{"app"}, Users: []string{"end_*"}, Addresses: []string{"192.0.2.0/25"}, TLS: true, Class: "a"},
		{Databases: []string{"app_*", "other"}, Addresses: []string{"2001:db8::/32", "192.0.2.200"}, Class: "b"},
		{Addresses: []string{"local"}, Class: "c"},
		{Addresses: []string{"loopback"}, Class: "d"},
		{Databases: []string{"replication"}, Users: []string{"standby"}, Class: "e"},
	}
	b := start(t, c)
	f := func(at pgauth.Attempt, want string) {
		t.Helper()
		d, err := b.Decide(t.Context(), at)
		got := ""
		if err != nil {
			got = fault.CodeOf(denied(t, err))
		} else {
			got = d.Class
		}
		if got != want {
			t.Errorf("%+v: %q; want %q", at, got, want)
		}
	}
	inside := func(at pgauth.Attempt) pgauth.Attempt { at.TLS = true; return at }
	physical := func(at pgauth.Attempt) pgauth.Attempt { at.Physical = true; return at }
	f(inside(from("192.0.2.1", "end_user", "app")), "a")
	f(inside(from("::ffff:192.0.2.1", "end_user", "app")), "a")
	f(from("192.0.2.1", "end_user", "app"), "auth_no_rule")
	f(inside(from("192.0.2.128", "end_user", "app")), "auth_no_rule")
	f(inside(from("192.0.2.1", "other", "app")), "auth_no_rule")
	f(inside(from("192.0.2.1", "end_user", "App")), "auth_no_rule")
	f(inside(from("192.0.2.1", "mallory", "app")), "auth_rejected")
	f(from("192.0.2.200", "x", "other"), "b")
	f(from("2001:db8::1", "x", "app_1"), "b")
	f(from("2001:db9::1", "x", "app_1"), "auth_no_rule")
	f(from("", "x", "any"), "c")
	f(from("127.0.0.1", "x", "any"), "d")
	f(from("::1", "x", "any"), "d")
	f(physical(from("127.0.0.1", "x", "any")), "auth_no_rule")
	f(physical(from("198.51.100.1", "standby", "any")), "e")
	f(from("198.51.100.1", "standby", "postgres"), "auth_no_rule")
}

// S2-25: hostnossl of pg_hba.conf. A rule that refuses clients outside TLS says nothing about those inside.
func TestARuleCanBeForClientsOutsideTLS(t *testing.T) {
	t.Parallel()
	c := pgauth.DefaultConfig()
	c.Rules = []pgauth.Rule{{NoTLS: true, Method: "reject"}, {}}
	b := start(t, c)
	at := remote("app")
	at.TLS = false
	b.refused(t, at, "app-secret", "auth_rejected")
	at.TLS = true
	b.login(t, at, "app-secret")
}

func TestWithoutRulesOnlyThisMachineGetsIn(t *testing.T) {
	t.Parallel()
	b := start(t, pgauth.DefaultConfig())
	b.login(t, from("", "app", "app"), "app-secret")
	b.login(t, from("127.0.0.1", "app", "app"), "app-secret")
	got := b.refused(t, from("192.0.2.7", "app", "app"), "app-secret", "auth_no_rule")
	if want := `28000 no pg_hba.conf entry for host "192.0.2.7", user "USER", database "USER", no encryption`; got != want {
		t.Errorf("the client sees %q; want %q", got, want)
	}
}

func TestARejectedClientSeesWhatOneWithoutARuleSees(t *testing.T) {
	t.Parallel()
	c := pgauth.DefaultConfig()
	c.Rules = []pgauth.Rule{{Users: []string{"rejected"}, Method: "reject"}}
	b := start(t, c)
	one := b.refused(t, remote("rejected"), "x", "auth_rejected")
	if two := b.refused(t, remote("unknown"), "x", "auth_no_rule"); one != two {
		t.Errorf("rejected sees %q, unknown %q", one, two)
	}
}

func TestACertificateProvesItsCommonName(t *testing.T) {
	t.Parallel()
	named := func(at pgauth.Attempt, name string) pgauth.Attempt {
		at.Certificate = &x509.Certificate{Subject: pkix.Name{CommonName: name}}
		return at
	}
	b := start(t, settings(pgauth.Rule{Method: "cert", ServerUser: "role"}))
	if d := b.login(t, named(remote("alice"), "alice"), ""); d.Person != "alice" || !d.Proven || d.ServerUser != "role" {
		t.Errorf("decision %+v; want alice, proven", d)
	}
	b.refused(t, remote("alice"), "", "auth_no_certificate")
	b.refused(t, named(remote("alice"), "bob"), "", "auth_certificate_name")
	b.refused(t, named(remote("alice"), ""), "", "auth_certificate_name")
	b = start(t, settings(pgauth.Rule{Method: "cert", ServerUser: "$user", Identities: []string{"web-1", "web-2"}}))
	if d := b.login(t, named(remote("app"), "web-2"), ""); d.Person != "web-2" || d.ServerUser != "app" {
		t.Errorf("decision %+v; want the person web-2 with the role app", d)
	}
	b.refused(t, named(remote("app"), "app"), "", "auth_certificate_name")
}

func TestAnAccountProvesItselfByUnixSocketOnly(t *testing.T) {
	t.Parallel()
	b := start(t, settings(pgauth.Rule{Method: "peer", Addresses: []string{"local"}, ServerUser: "$user", Identities: []string{"root", "www-data"}}))
	at := from("", "app", "app")
	b.refused(t, at, "", "auth_no_account")
	at.Account = "nobody"
	b.refused(t, at, "", "auth_account_name")
	at.Account = "www-data"
	if d := b.login(t, at, ""); d.Person != "www-data" || !d.Proven || d.ServerUser != "app" || d.Method.Exchange() != pgauth.None {
		t.Errorf("decision %+v; want the person www-data with the role app", d)
	}
}

func TestTrustIsForThisMachineAndNoted(t *testing.T) {
	t.Parallel()
	b := start(t, settings(pgauth.Rule{Method: "trust", Addresses: []string{"local", "127.0.0.0/8"}, ServerUser: "$user"}))
	if d := b.login(t, from("127.0.0.1", "app", "app"), ""); d.Person != "app" || d.Proven {
		t.Errorf("decision %+v; want app, not proven", d)
	}
	b.refused(t, remote("app"), "", "auth_no_rule")
	if b.shown() != "auth_trust" {
		t.Errorf("findings %q; want auth_trust", b.shown())
	}
	if err := b.Reload(pgauth.DefaultConfig()); err != nil || b.shown() != "" {
		t.Errorf("findings %q after the rule is gone, %v; want none", b.shown(), err)
	}
}

// S2-50a: a shared account, whose people say who they are.
func TestAClaimedPersonIsNotProven(t *testing.T) {
	t.Parallel()
	b := start(t, settings(pgauth.Rule{Person: "claimed"}))
	at := remote("app")
	if d := b.login(t, at, "app-secret"); d.Person != "app" || !d.Proven {
		t.Errorf("decision %+v; want app, proven, when nothing is claimed", d)
	}
	at.Claimed = "alice"
	if d := b.login(t, at, "app-secret"); d.Person != "alice" || d.Proven {
		t.Errorf("decision %+v; want alice, not proven", d)
	}
	b = start(t, settings(pgauth.Rule{}))
	if d := b.login(t, at, "app-secret"); d.Person != "app" || !d.Proven {
		t.Errorf("decision %+v; want app, whatever is claimed", d)
	}
}
