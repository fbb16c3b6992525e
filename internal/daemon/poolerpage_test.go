package daemon_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/certtest"
	"holdfast/internal/config"
	"holdfast/internal/daemon"
	"holdfast/internal/pgauth/ldaptest"
	"holdfast/internal/pgtest"
	"holdfast/internal/secret"
)

// example returns the one piece of configuration of the page about the pooler that holds a text: an indented block that begins with a table.
func example(t *testing.T, holds string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operate", "pooler.md"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, block := range regexp.MustCompile(`(?m)(?:^(?:    .*)?\n)+`).FindAllString(string(text), -1) {
		block = strings.TrimSpace(regexp.MustCompile(`(?m)^    `).ReplaceAllString(block, ""))
		if strings.HasPrefix(block, "[") && strings.Contains(block, holds) {
			found = append(found, block+"\n")
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d examples hold %q", len(found), holds)
	}
	return found[0]
}

// loaded reads a piece of configuration as the program does. Files that it names for secrets hold their own names, and those of tls
// what the returned authority signed.
func loaded(t *testing.T, toml string) (*config.Config, *certtest.Authority, error) {
	t.Helper()
	dir := t.TempDir()
	authority := certify(t, filepath.Join(dir, "tls"))
	for _, m := range regexp.MustCompile(`(?m)^\w+_file = "([^"]+)"`).FindAllStringSubmatch(toml, -1) {
		path := filepath.Join(dir, m[1])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("the-secret-of-"+filepath.Base(path)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "holdfast.toml")
	if err := os.WriteFile(path, []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, nil)
	return c, authority, err
}

// certify fills a directory with a certificate for 127.0.0.1 and the authorities that pages name.
func certify(t *testing.T, dir string) *certtest.Authority {
	t.Helper()
	authority, err := certtest.NewAuthority(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Issue(certtest.Leaf{Name: "pooler", Hosts: []string{"127.0.0.1"}})
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = errors.Join(leaf.Write(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")),
			authority.Write(filepath.Join(dir, "ca.pem"), ""), authority.Write(filepath.Join(dir, "directory-ca.pem"), ""))
	}
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

// Issue 3: the worked example of peers: each process finds itself in the same list, and both count against the server's limit.
func TestTheExampleOfPeersNamesBothProcesses(t *testing.T) {
	t.Parallel()
	one := example(t, "[[database.peers]]")
	addresses := regexp.MustCompile(`\d+\.\d+\.\d+\.\d+:\d+`).FindAllString(strings.SplitN(one, "\n", 3)[1], -1)
	if len(addresses) != 2 {
		t.Fatalf("the two addresses in %q", one)
	}
	for _, listen := range addresses {
		c, _, err := loaded(t, strings.Replace(one, `listen = "`+addresses[0], `listen = "`+listen, 1))
		if err != nil {
			t.Fatal(err)
		}
		own := 0
		for _, p := range c.Database.Pooling.Peers {
			if p.Address == c.Database.Pooling.Endpoints[0].Listen {
				own++
			}
		}
		if own != 1 || len(c.Database.Pooling.Peers) != 2 {
			t.Errorf("the process at %s is %d of %d peers", listen, own, len(c.Database.Pooling.Peers))
		}
		alone := c.Database.Pooling
		alone.Peers = nil
		if both, single := c.Database.Pooling.Demand(c.Database.Config).Total(), alone.Demand(c.Database.Config).Total(); both != 2*single {
			t.Errorf("both may open %d connections, one %d", both, single)
		}
	}
}

// Issue 3: the worked example of LDAP, against OpenLDAP, through the daemon: StartTLS, search and bind, groups to classes and roles. Only
// addresses, the files of certificates and the secrets of the test's own servers are put into it.
func TestTheExampleOfLDAPLetsPeopleInByTheirGroups(t *testing.T) {
	t.Parallel()
	directory := ldaptest.Start(t)
	db := pgtest.Cluster(t, pgtest.HBA("local all all scram-sha-256")).Database(t)
	at := strings.Replace(directory.Plain, "127.0.0.1", "localhost", 1) // as its certificate has it
	text := strings.NewReplacer(
		"dc1.example.org", at, "dc2.example.org", at, "tls/directory-ca.pem", directory.CAFile,
		"192.0.2.10:6432", "127.0.0.1:0", "192.0.2.20", "127.0.0.1",
	).Replace(example(t, "[database.auth.ldap]"))
	shown, authority, err := loaded(t, text)
	if err != nil {
		t.Fatal(err)
	}
	db.Exec(t, "CREATE ROLE journal LOGIN PASSWORD 'of-the-app-8c1d'", "ALTER DATABASE "+db.Name+" OWNER TO journal",
		"CREATE ROLE journal_readers LOGIN PASSWORD 'the-secret-of-journal_readers'", "CREATE ROLE journal_curators LOGIN PASSWORD 'the-secret-of-journal_curators'")
	c := attached(t, db)
	c.Database.Username, c.Database.Password, c.Database.Pooling = "journal", secret.New("of-the-app-8c1d"), shown.Database.Pooling
	c.Database.Pooling.Auth.LDAP.SearchPassword = secret.New(ldaptest.ReaderPassword)
	d := startWith(t, c, nil)
	f := func(user, password, want string) {
		t.Helper()
		var got string
		conn, err := inside(t, d, authority, user, password, db.Name)
		if err == nil {
			err = conn.QueryRow(t.Context(), "SELECT current_user || ' ' || current_setting('statement_timeout') || ' ' || current_setting('holdfast.person', true)").Scan(&got)
		}
		if err != nil {
			got = refusal(err).Code
		}
		if got != want {
			t.Errorf("%s: %s (%v); want %s", user, got, err, want)
		}
	}
	f("alice", ldaptest.AlicePassword, "journal_curators 4h alice")
	f("bob", "bob-secret", "journal_readers 5s bob")
	f("bob", "wrong", "28P01")
	f("twin1", "x", "28000") // in no group
	f("nobody", "x", "28P01")
	conn, err := inside(t, d, authority, "journal", "of-the-app-8c1d", db.Name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Error(err)
	}
}

// inside logs in through the pooler, inside TLS.
func inside(t *testing.T, d *daemon.Daemon, a *certtest.Authority, user, password, database string) (*pgx.Conn, error) {
	t.Helper()
	c, err := pgx.ParseConfig(fmt.Sprintf("postgresql://%s/%s?sslmode=require", d.PoolerAddr(), database))
	if err != nil {
		t.Fatal(err)
	}
	c.User, c.Password = user, password
	c.TLSConfig = &tls.Config{RootCAs: a.Pool(), ServerName: "127.0.0.1"}
	conn, err := pgx.ConnectConfig(t.Context(), c)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	}
	return conn, err
}
