package pooler_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"holdfast/internal/health"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgauth/ldaptest"
	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// gate is a site with the real rules in front of it, on a server that asks everybody for a password.
type gate struct {
	*site
	*authority
	auth *pgauth.Authenticator
}

// gated starts a site with rules, TLS, and the rest of the settings as change has them.
func gated(t *testing.T, c pgauth.Config, change func(*pooler.Config), plug ...func(*pooler.Options)) *gate {
	t.Helper()
	server := pgtest.Cluster(t, pgtest.HBA("local all all scram-sha-256"))
	g := &gate{authority: newAuthority(t)}
	g.sign(t, "server", "server")
	door := &later{}
	g.site = setup{server: server, auth: door, change: func(pc *pooler.Config, _ *postgres.Config) {
		for i := range pc.Endpoints {
			e := &pc.Endpoints[i]
			e.TLSCert, e.TLSKey, e.TLSClientCA, e.TLS = g.file("server.crt"), g.file("server.key"), g.file("ca.crt"), "allow"
		}
		if change != nil {
			change(pc)
		}
	}, plug: func(o *pooler.Options) {
		for _, p := range plug {
			p(o)
		}
	}}.prepare(t)
	for i := range c.Rules {
		if c.Rules[i].ServerUser == "the role" {
			c.Rules[i].ServerUser = g.role()
		}
	}
	c.Auth.ServerUsers = map[string]pgauth.ServerUser{g.role(): {Password: secret.New(password)}}
	g.auth = g.guard(t, c)
	door.Authenticator = g.auth
	if err := g.pooler.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.auth.Subscribe(g.pooler.Evict))
	return g
}

// later is an authenticator that is there when the site is.
type later struct{ pooler.Authenticator }

// guard starts the real authenticator. It asks the site's database for verifiers when its settings say so.
func (s *site) guard(t *testing.T, c pgauth.Config) *pgauth.Authenticator {
	t.Helper()
	c.Auth.MaxFailures = 0
	a, err := pgauth.New(c, pgauth.Options{
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Findings: health.New(), Querier: catalog{s.direct},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return a
}

// catalog is PostgreSQL's own list of roles.
type catalog struct{ db *pgxpool.Pool }

// Verifier implements pgauth.Querier.
func (c catalog) Verifier(ctx context.Context, user string) (pgauth.Row, error) {
	var (
		verifier *string
		login    bool
		until    pgtype.Timestamptz
	)
	err := c.db.QueryRow(ctx, "SELECT rolpassword, rolcanlogin, rolvaliduntil FROM pg_authid WHERE rolname = $1", user).Scan(&verifier, &login, &until)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && verifier == nil {
		return pgauth.Row{}, nil
	}
	row := pgauth.Row{Found: true, NoLogin: !login}
	if err == nil {
		row.Verifier = *verifier
	}
	if until.Valid && until.InfinityModifier == pgtype.Finite {
		row.ValidUntil = until.Time
	}
	return row, err
}

// byQuery returns settings that ask the database, anew each time.
func byQuery(rules ...pgauth.Rule) pgauth.Config {
	c := pgauth.DefaultConfig()
	c.Rules, c.Auth.Query, c.Auth.QueryTTL = rules, "holdfast", unit.Duration(time.Second)
	return c
}

// psql runs a statement by libpq and returns what it says.
func (g *gate) psql(t *testing.T, settings, word, sql string) (string, error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	cmd := exec.CommandContext(ctx, "psql", "-XAtq", "-d", "dbname="+g.db.Name+" "+settings, "-c", sql) //nolint:gosec // PostgreSQL's client
	cmd.Env = append(os.Environ(), "PGPASSWORD="+word, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// tcp returns libpq's settings for an endpoint.
func (g *gate) tcp(endpoint int, user, more string) string {
	host, port, _ := net.SplitHostPort(g.pooler.Addr(endpoint))
	return fmt.Sprintf("host=%s port=%s user=%s sslrootcert=%s %s", host, port, user, g.file("ca.crt"), more)
}

// S2-52a, S2-52b, S2-53a: a directory checks passwords, inside TLS alone; the role on the server is the group's.
func TestPeopleOfTheDirectoryLogIn(t *testing.T) {
	t.Parallel()
	directory := ldaptest.Start(t)
	_, port, _ := net.SplitHostPort(directory.Inside)
	c := pgauth.DefaultConfig()
	c.Rules = []pgauth.Rule{{Method: "ldap", ServerUser: "the role", Class: "people"}}
	l := &c.Auth.LDAP
	l.URLs, l.CAFile = []string{"ldaps://localhost:" + port}, directory.CAFile
	l.SearchBase, l.SearchDN, l.SearchPassword = ldaptest.People, ldaptest.ReaderDN, secret.New(ldaptest.ReaderPassword)
	g := gated(t, c, nil)
	for endpoint := range 2 {
		got, err := g.psql(t, g.tcp(endpoint, "alice", "sslmode=verify-ca"), ldaptest.AlicePassword, "SELECT current_user, current_setting('holdfast.person')")
		if want := g.role() + "|alice"; err != nil || got != want {
			t.Errorf("endpoint %d: %q, %v; want %q", endpoint, got, err, want)
		}
		for name, settings := range map[string][2]string{
			"a wrong password": {g.tcp(endpoint, "alice", "sslmode=verify-ca"), "wrong"},
			"nobody":           {g.tcp(endpoint, "mallory", "sslmode=verify-ca"), ldaptest.AlicePassword},
			"plain text":       {g.tcp(endpoint, "alice", "sslmode=disable"), ldaptest.AlicePassword},
		} {
			if got, err := g.psql(t, settings[0], settings[1], "SELECT 1"); err == nil {
				t.Errorf("endpoint %d, %s: let in: %q", endpoint, name, got)
			}
		}
	}
	directory.Stop()
	if got, err := g.psql(t, g.tcp(0, "bob", "sslmode=verify-ca"), "bob-secret", "SELECT 1"); err == nil {
		t.Errorf("without a directory: %q", got)
	}
}

// Passwords in clear are not even asked for outside of TLS (S2-52b).
func TestNoPasswordIsAskedForInClear(t *testing.T) {
	t.Parallel()
	c := pgauth.DefaultConfig()
	c.Rules = []pgauth.Rule{{Method: "ldap", ServerUser: "the role"}}
	c.Auth.LDAP.URLs, c.Auth.LDAP.BindPattern = []string{"ldaps://localhost:1"}, "uid=$username"
	g := gated(t, c, nil)
	w := g.dial(t, 0)
	w.send(pgwire.AppendStartup(nil, pgwire.Version30, []pgwire.Param{{Name: "user", Value: "alice"}}))
	if typ, body := w.one(); pgwire.BackendType(typ) != pgwire.ErrorResponse {
		t.Errorf("%q %q", typ, body)
	}
}

// S2-54, C-22: SCRAM passes through: the server sees the real user, and nobody holds a shared password.
func TestTheServerSeesTheRealUser(t *testing.T) {
	t.Parallel()
	g := gated(t, byQuery(pgauth.Rule{}), nil)
	for _, user := range []string{"ann", "bea"} {
		g.super(t, "CREATE ROLE "+user+" LOGIN PASSWORD 'secret of "+user+"'")
	}
	for _, user := range []string{"ann", "bea", "ann"} {
		for endpoint := range 2 {
			for _, more := range []string{"sslmode=disable", "sslmode=verify-ca", "sslmode=verify-ca channel_binding=require"} {
				got, err := g.psql(t, g.tcp(endpoint, user, more), "secret of "+user, "SELECT current_user, session_user")
				if want := user + "|" + user; err != nil || got != want {
					t.Errorf("%s at endpoint %d, %s: %q, %v", user, endpoint, more, got, err)
				}
			}
		}
	}
	if got, err := g.psql(t, g.tcp(0, "ann", "sslmode=disable channel_binding=require"), "secret of ann", "SELECT 1"); err == nil {
		t.Errorf("channel binding without a channel: %q", got)
	}
}

// Unknown, wrong, without log-in and out of date look the same to who tries.
func TestWhoMayNotLogInLearnsNothing(t *testing.T) {
	t.Parallel()
	g := gated(t, byQuery(pgauth.Rule{}), nil)
	for _, sql := range []string{
		"CREATE ROLE known LOGIN PASSWORD 'x'", "CREATE ROLE bared NOLOGIN PASSWORD 'x'",
		"CREATE ROLE stale LOGIN PASSWORD 'x' VALID UNTIL '2001-01-01'", "CREATE ROLE plain LOGIN",
	} {
		g.super(t, sql)
	}
	wantKinds, want := g.transcript(t, "known", "wrong")
	for user, word := range map[string]string{"novel": "x", "bared": "wrong", "stale": "wrong", "plain": "x"} { // all of one length
		kinds, got := g.transcript(t, user, word)
		if got = bytes.ReplaceAll(got, []byte(user), []byte("known")); kinds != wantKinds || !bytes.Equal(got, want) {
			t.Errorf("%s sees %s %q; a known user with a wrong password %s %q", user, kinds, got, wantKinds, want)
		}
	}
	for _, user := range []string{"bared", "stale"} { // nor do they get in with the right one
		if e := (*refusedError)(nil); !errors.As(g.attempt(t, 0, user, "x"), &e) || e.Severity != "FATAL" {
			t.Errorf("%s with the right password: %v", user, e)
		}
	}
}

// A credential that changes ends the sessions that were proven with it, in both modes, and no others.
func TestAChangedCredentialEndsItsSessions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"another password": "ALTER ROLE carl PASSWORD 'another'",
		"NOLOGIN":          "ALTER ROLE carl NOLOGIN",
		"VALID UNTIL":      "ALTER ROLE carl VALID UNTIL '2001-01-01'",
		"DROP ROLE":        "DROP ROLE carl",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := gated(t, byQuery(pgauth.Rule{}), nil)
			g.super(t, "CREATE ROLE carl LOGIN PASSWORD 'secret'")
			g.super(t, "CREATE ROLE dora LOGIN PASSWORD 'secret'")
			var carls []*wire
			for endpoint := range 2 {
				carls = append(carls, g.as(t, endpoint, "carl", "secret"))
			}
			dora := g.as(t, 1, "dora", "secret")
			g.super(t, change)
			for endpoint, w := range carls {
				if n := w.end(); n.Severity != "FATAL" || n.Code != "57P01" {
					t.Errorf("endpoint %d: %+v", endpoint, n)
				}
			}
			dora.must("SELECT 1")
			if err := g.attempt(t, 0, "carl", "secret"); err == nil {
				t.Error("let in again")
			}
			if name == "another password" {
				g.as(t, 0, "carl", "another").must("SELECT current_user")
				g.as(t, 1, "carl", "another").must("SELECT current_user")
			}
			eventually(t, "no server session of before is left", func() bool {
				return g.super(t, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'carl'") == map[bool]string{true: "2", false: "0"}[name == "another password"]
			})
		})
	}
}

// attempt logs a user in.
func (g *gate) attempt(t *testing.T, endpoint int, user, word string) error {
	t.Helper()
	_, err := g.person(t, endpoint, user, word)
	return err
}

func (g *gate) person(t *testing.T, endpoint int, user, word string) (*wire, error) {
	t.Helper()
	w := g.dial(t, endpoint)
	start := []pgwire.Param{{Name: "user", Value: user}, {Name: "database", Value: g.db.Name}}
	return w, w.enter(pgwire.AppendStartup(nil, pgwire.Version30, start), word)
}

func (g *gate) as(t *testing.T, endpoint int, user, word string) *wire {
	t.Helper()
	w, err := g.person(t, endpoint, user, word)
	if err != nil {
		t.Fatal(err)
	}
	w.must("SELECT 1")
	return w
}

// The account at the other end of a Unix socket is proof enough where a rule says so; nobody else's is.
func TestAnAccountLogsInByItsSocket(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "hfs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := pgauth.DefaultConfig()
	c.Rules = []pgauth.Rule{{Addresses: []string{"local"}, Method: "peer", ServerUser: "the role"}}
	g := gated(t, c, func(c *pooler.Config) {
		c.Endpoints = append(c.Endpoints, pooler.Endpoint{Listen: filepath.Join(dir, ".s.PGSQL.6432")})
	})
	socket := "host=" + dir + " port=6432 user="
	if got, err := g.psql(t, socket+me.Username, "", "SELECT current_user"); err != nil || got != g.role() {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := g.psql(t, socket+"somebody_else", "", "SELECT 1"); err == nil {
		t.Errorf("let in as somebody else: %q", got)
	}
	if got, err := g.psql(t, g.tcp(0, me.Username, "sslmode=disable"), "", "SELECT 1"); err == nil {
		t.Errorf("let in by TCP: %q", got)
	}
}

// A certificate of the client's is proof enough where a rule says so.
func TestACertificateLogsIn(t *testing.T) {
	t.Parallel()
	c := pgauth.DefaultConfig()
	c.Rules = []pgauth.Rule{{Method: "cert", ServerUser: "the role"}}
	g := gated(t, c, nil)
	g.sign(t, "eve", "eve")
	with := "sslmode=verify-ca sslcert=" + g.file("eve.crt") + " sslkey=" + g.file("eve.key")
	if got, err := g.psql(t, g.tcp(1, "eve", with), "", "SELECT current_user, current_setting('holdfast.person')"); err != nil || got != g.role()+"|eve" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := g.psql(t, g.tcp(1, "adam", with), "", "SELECT 1"); err == nil {
		t.Errorf("let in as somebody else: %q", got)
	}
	if got, err := g.psql(t, g.tcp(1, "eve", "sslmode=verify-ca sslcert=/nowhere"), "", "SELECT 1"); err == nil {
		t.Errorf("let in without: %q", got)
	}
}

// A balancer that is listed says whom it speaks for, also in front of TLS; one that is not listed cannot.
func TestABalancerSaysWhomItSpeaksFor(t *testing.T) {
	t.Parallel()
	c := byQuery(pgauth.Rule{Addresses: []string{"192.0.2.0/24"}})
	g := gated(t, c, func(c *pooler.Config) { c.Endpoints[0].ProxyProtocol = []string{"127.0.0.0/8"} })
	g.super(t, "CREATE ROLE fay LOGIN PASSWORD 'secret'")
	start := pgwire.AppendStartup(nil, pgwire.Version30, []pgwire.Param{{Name: "user", Value: "fay"}, {Name: "database", Value: g.db.Name}})
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\x7f\x00\x00\x01\x30\x39\x19\x20"
	for name, c := range map[string]struct {
		endpoint int
		header   string
		ok       bool
	}{
		"version 1":             {0, "PROXY TCP4 192.0.2.7 127.0.0.1 12345 6432\r\n", true},
		"version 2":             {0, v2, true},
		"from elsewhere":        {0, "PROXY TCP4 198.51.100.7 127.0.0.1 12345 6432\r\n", false},
		"without":               {0, "", false},
		"where it is not known": {1, "PROXY TCP4 192.0.2.7 127.0.0.1 12345 6432\r\n", false},
	} {
		for _, secure := range []bool{false, true} {
			w := g.dial(t, c.endpoint)
			w.send([]byte(c.header))
			if secure {
				config := g.secure()
				config.NextProtos = []string{"postgresql"}
				w = newWire(t, tls.Client(w.conn, config))
			}
			err := w.enter(start, "secret")
			if (err == nil) != c.ok {
				t.Errorf("%s, TLS %v: %v", name, secure, err)
			}
			if err == nil {
				w.must("SELECT 1")
			}
		}
	}
}
