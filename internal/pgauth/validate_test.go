package pgauth_test

import (
	"strings"
	"testing"

	"holdfast/internal/fault"
	"holdfast/internal/pgauth"
)

// problems fails the test unless the changed settings have problems with exactly these keys.
func problems(t *testing.T, want string, change func(*pgauth.Config)) {
	t.Helper()
	c := pgauth.DefaultConfig()
	change(&c)
	var keys []string
	for _, p := range c.Validate() {
		keys = append(keys, p.Key)
		if p.Message == "" || p.Hint == "" {
			t.Errorf("%s: no message or no hint: %+v", want, p)
		}
	}
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("problems with %q; want %q", got, want)
	}
	if _, err := pgauth.New(c, pgauth.Options{}); want != "" && fault.KindOf(err) != fault.Config {
		t.Errorf("%s: New: %v; want an error", want, err)
	}
}

func TestEveryMistakeInTheSettingsIsReported(t *testing.T) {
	t.Parallel()
	f := func(want string, change func(*pgauth.Config)) { t.Helper(); problems(t, want, change) }
	rule := func(r pgauth.Rule) func(*pgauth.Config) {
		return func(c *pgauth.Config) { c.Rules = []pgauth.Rule{r} }
	}
	f("", func(*pgauth.Config) {})
	f("rules[0].method", rule(pgauth.Rule{Method: "md5", ServerUser: "x"})) // S2-54
	f("rules[0].method", rule(pgauth.Rule{Method: "password"}))
	f("", rule(pgauth.Rule{NoTLS: true, Method: "reject"}))
	f("rules[0].no_tls", rule(pgauth.Rule{NoTLS: true, TLS: true}))
	f("rules[0].no_tls", rule(pgauth.Rule{NoTLS: true, Method: "scram-plus"}))
	f("rules[0].method", rule(pgauth.Rule{Method: "krb5"}))
	f("rules[0].method", rule(pgauth.Rule{Method: "trust", ServerUser: "x"}))
	f("rules[0].method", rule(pgauth.Rule{Method: "trust", ServerUser: "x", Addresses: []string{"local", "10.0.0.1"}}))
	f("rules[0].method", rule(pgauth.Rule{Method: "trust", ServerUser: "x", Addresses: []string{"126.0.0.0/7"}}))
	f("", rule(pgauth.Rule{Method: "trust", ServerUser: "x", Addresses: []string{"local", "loopback", "127.0.0.0/8", "::1"}}))
	f("rules[0].method", rule(pgauth.Rule{Method: "peer", ServerUser: "x", Addresses: []string{"loopback"}}))
	f("rules[0].server_user", rule(pgauth.Rule{Method: "cert"}))
	f("rules[0].identities", rule(pgauth.Rule{Identities: []string{"x"}}))
	f("rules[0].person", rule(pgauth.Rule{Person: "anybody"}))
	f("rules[0].addresses", rule(pgauth.Rule{Addresses: []string{"192.0.2.1/24"}}))
	f("rules[0].addresses", rule(pgauth.Rule{Addresses: []string{"example.org"}}))
	f("rules[0].addresses", rule(pgauth.Rule{Addresses: []string{"::ffff:192.0.2.0/120"}}))
	f("rules[0].databases rules[0].users", rule(pgauth.Rule{Databases: []string{""}, Users: []string{"a*b"}}))
	f("rules[1]", func(c *pgauth.Config) { c.Rules = []pgauth.Rule{{}, {Users: []string{"x"}}} })
	f("", func(c *pgauth.Config) { c.Rules = []pgauth.Rule{{}, {Databases: []string{"replication"}}} })
	f("auth.query", func(c *pgauth.Config) { c.Auth.Query = "SELECT 1" })
	f("auth.query_ttl", func(c *pgauth.Config) { c.Auth.QueryTTL = 0 })
	f("auth.max_failures auth.failure_wait", func(c *pgauth.Config) { c.Auth.MaxFailures, c.Auth.FailureWait = -1, -1 })
	f("auth.ldap.urls", rule(pgauth.Rule{Method: "ldap", ServerUser: "x"}))
}

func TestEveryMistakeInTheDirectorysSettingsIsReported(t *testing.T) {
	t.Parallel()
	f := func(want string, change func(*pgauth.Config)) { t.Helper(); problems(t, want, change) }
	ldap := func(change func(*pgauth.LDAP)) func(*pgauth.Config) {
		return func(c *pgauth.Config) {
			c.Auth.LDAP.URLs, c.Auth.LDAP.SearchBase = []string{"ldaps://dc1.example.org"}, people
			change(&c.Auth.LDAP)
		}
	}
	f("", ldap(func(*pgauth.LDAP) {}))
	f("auth.ldap.urls", ldap(func(l *pgauth.LDAP) { l.URLs[0] = "ldap://dc1.example.org" }))
	f("", ldap(func(l *pgauth.LDAP) { l.URLs[0], l.StartTLS = "ldap://dc1.example.org", true }))
	f("", ldap(func(l *pgauth.LDAP) { l.URLs[0] = "ldap://127.0.0.1" }))
	f("auth.ldap.urls", ldap(func(l *pgauth.LDAP) { l.URLs[0] = "https://dc1.example.org" }))
	f("auth.ldap.search_base", ldap(func(l *pgauth.LDAP) { l.SearchBase = "" }))
	f("auth.ldap.bind_pattern", ldap(func(l *pgauth.LDAP) { l.BindPattern = "uid=$username" }))
	f("auth.ldap.bind_pattern", ldap(func(l *pgauth.LDAP) { l.SearchBase, l.BindPattern = "", "uid=%s" }))
	f("auth.ldap.search_filter", ldap(func(l *pgauth.LDAP) { l.SearchFilter = "uid=$username)" }))
	f("auth.ldap.search_filter", ldap(func(l *pgauth.LDAP) { l.SearchFilter = "(uid=x)" }))
	f("auth.ldap.search_password", ldap(func(l *pgauth.LDAP) { l.SearchDN = "cn=reader" }))
	f("auth.ldap.require_group", ldap(func(l *pgauth.LDAP) { l.RequireGroup = true }))
	f("auth.ldap.group_base", ldap(func(l *pgauth.LDAP) { l.GroupBase = "groups" }))
	f("auth.ldap.groups", ldap(func(l *pgauth.LDAP) {
		l.SearchBase, l.BindPattern, l.Groups = "", "$username@x.org", []pgauth.Group{{Group: "g"}}
	}))
	f("auth.ldap.timeout auth.ldap.max_connections", ldap(func(l *pgauth.LDAP) { l.Timeout, l.MaxConnections = 0, 0 }))
}
