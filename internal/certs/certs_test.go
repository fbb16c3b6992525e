package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"holdfast/internal/certtest"
	"holdfast/internal/fault"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/logging"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/secret"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// database returns a database with our tables, and a connection to it.
func database(t *testing.T) (*pgtest.DB, *postgres.DB) {
	t.Helper()
	d := postgrestest.Migrated(t, "certs", Migrations)
	return d, postgrestest.Connect(t, d.URL())
}

// process returns a manager that was not started.
func process(t *testing.T, db Database, hosts ...string) *Manager {
	t.Helper()
	c := DefaultConfig()
	c.Enabled, c.AcceptTerms, c.Directory = true, true, "https://127.0.0.1:1/dir"
	m, err := New(Options{
		Config: c, Hosts: hosts, DB: db, Key: secret.New("a master key of the tests"),
		Log: logging.New(logging.Config{Level: "error"}, t.Output()), Every: 10 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestALeaseHasOneHolderAndGoesToTheNextWhenItsHolderDied(t *testing.T) {
	t.Parallel()
	d, db := database(t)
	one, two := &leases{db, "one"}, &leases{db, "two"}
	_, first, err := one.take(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := two.take(t.Context(), "x"); !errors.Is(err, errTaken) {
		t.Fatalf("a second holder: %v", err)
	}
	first.give()
	under, second, err := two.take(t.Context(), "x")
	if err != nil || second.fence <= first.fence {
		t.Fatalf("after it was given back: %v, fence %d after %d", err, second.fence, first.fence)
	}
	d.Exec(t, "UPDATE holdfast.certs_leases SET until = clock_timestamp() - interval '1s'") // as if two were dead for half a minute
	_, third, err := one.take(t.Context(), "x")
	if err != nil || third.fence <= second.fence {
		t.Fatalf("after it ran out: %v", err)
	}
	defer third.give()
	if mine, err := two.renew(t.Context(), second); mine || err != nil {
		t.Errorf("the dead one comes back and prolongs what it lost: %v, %v", mine, err)
	}
	if under.Err() != nil {
		t.Error("lost before it was noticed")
	}
	second.give() // must not give back what is another's
	if mine, err := one.renew(t.Context(), third); !mine || err != nil {
		t.Errorf("the lease of the third: %v, %v", mine, err)
	}
}

func TestWhoWaitsForALeaseGetsItWhenItIsFree(t *testing.T) {
	t.Parallel()
	_, db := database(t)
	l := &leases{db, "one"}
	_, first, err := l.take(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		_, second, err := l.await(t.Context(), "x")
		if err == nil {
			second.give()
		}
		got <- err
	}()
	first.give()
	if err := <-got; err != nil {
		t.Error(err)
	}
	_, held, err := l.take(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer held.give()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := l.await(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a wait that ends: %v", err)
	}
}

// row makes a certificate and stores it under a lease.
func row(t *testing.T, m *Manager, l *lease, host string) (*certtest.Pair, error) {
	t.Helper()
	pair, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{host}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	return pair, m.store.save(t.Context(), l, issued{
		host: host, chain: string(pair.CertPEM()), renewAt: now.Add(time.Hour), askAt: now.Add(time.Hour),
	}, pair.Key, pair.Cert.NotAfter)
}

// A process that lost its lease without knowing stores nothing: what the next holder stored stays.
func TestWhoLostItsLeaseStoresNothing(t *testing.T) {
	t.Parallel()
	d, db := database(t)
	m := process(t, db, "one.example.org")
	_, slow, err := m.leases.take(t.Context(), "host")
	if err != nil {
		t.Fatal(err)
	}
	defer slow.give()
	d.Exec(t, "UPDATE holdfast.certs_leases SET until = clock_timestamp() - interval '1s'")
	_, next, err := m.leases.take(t.Context(), "host")
	if err != nil {
		t.Fatal(err)
	}
	defer next.give()
	pair, err := row(t, m, next, "one.example.org")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := row(t, m, slow, "one.example.org"); !errors.Is(err, errLeaseLost) {
		t.Errorf("the slow one stores: %v", err)
	}
	if err := m.store.failed(t.Context(), slow, "one.example.org", failure{count: 1, retryAt: time.Now().Add(time.Hour)}); !errors.Is(err, errLeaseLost) {
		t.Errorf("the slow one notes a failure: %v", err)
	}
	if err := m.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := m.Certificate("ONE.example.org."); c == nil || !c.Leaf.Equal(pair.Cert) {
		t.Error("what the next holder stored is not served")
	}
}

// What was stored by one process is served by another, replaced when it is replaced, and read once.
func TestACertificateIsTakenOverFromTheDatabase(t *testing.T) {
	t.Parallel()
	_, db := database(t)
	writer, m := process(t, db, "one.example.org"), process(t, db, "one.example.org", "two.example.org")
	m.opts.Config.Directory = writer.opts.Config.Directory
	for range 2 {
		_, l, err := writer.leases.take(t.Context(), "host")
		if err != nil {
			t.Fatal(err)
		}
		pair, err := row(t, writer, l, "one.example.org")
		l.give()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := m.load(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if c := m.Certificate("one.example.org"); c == nil || !c.Leaf.Equal(pair.Cert) {
			t.Error("another one is served")
		}
		if m.due("one.example.org", time.Now()) || !m.due("two.example.org", time.Now()) || !m.due("one.example.org", time.Now().Add(2*time.Hour)) {
			t.Error("an order is due when it is not, or the other way round")
		}
	}
	m.SetHosts([]string{"two.example.org"})
	if m.Certificate("one.example.org") != nil {
		t.Error("a host that left is served")
	}
}

// Only tokens of ours, for hosts of ours, are answered; everything else is left to the site.
func TestOnlyOurOwnTokensAreAnswered(t *testing.T) {
	t.Parallel()
	_, db := database(t)
	m := process(t, db, "one.example.org")
	token := strings.Repeat("t", 43)
	challenge := acme.Challenge{
		Type: acme.ChallengeTypeHTTP01, Token: token, KeyAuthorization: token + ".thumb", Identifier: acme.Identifier{Type: "dns", Value: "one.example.org"},
	}
	if err := (solver{m.store}).Present(t.Context(), challenge); err != nil {
		t.Fatal(err)
	}
	f := func(method, host, path string, want bool) {
		t.Helper()
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		r.Host = host
		if got := m.AnswerHTTP(w, r); got != want || want && w.Body.String() != token+".thumb" {
			t.Errorf("%s %s%s: %v %q", method, host, path, got, w.Body)
		}
	}
	const base = "/.well-known/acme-challenge/"
	f("GET", "one.example.org", base+token, true)
	f("GET", "One.Example.org.:8080", base+token, true)
	f("GET", "two.example.org", base+token, false)
	f("POST", "one.example.org", base+token, false)
	f("GET", "one.example.org", base+strings.Repeat("u", 43), false)
	f("GET", "one.example.org", base+"short", false)
	f("GET", "one.example.org", base+token+"/..", false)
	f("GET", "one.example.org", "/other", false)
	if err := (solver{m.store}).CleanUp(t.Context(), challenge); err != nil {
		t.Fatal(err)
	}
	f("GET", "one.example.org", base+token, false)
}

func TestPausesGrowAndAreShorterWhenTheAuthorityIsOnlyAway(t *testing.T) {
	t.Parallel()
	no := fmt.Errorf("order: %w", acme.Problem{Type: acme.ProblemTypeNamespace + "unauthorized"})
	away := errors.New("connection refused")
	f := func(err error, n int, least time.Duration) {
		t.Helper()
		if got := pauseAfter(err, n); got < least || got > least+least/10 {
			t.Errorf("%v, number %d: %s", err, n, got)
		}
	}
	f(no, 1, 5*time.Minute)
	f(no, 2, 15*time.Minute)
	f(no, 5, 6*time.Hour)
	f(no, 1000, 6*time.Hour)
	f(acme.Problem{Type: acme.ProblemTypeRateLimited}, 1, time.Hour)
	f(acme.Problem{Type: acme.ProblemTypeAccountDoesNotExist}, 9, 5*time.Minute)
	f(away, 1, 10*time.Second)
	f(away, 100, 5*time.Minute)
}

func TestTheAuthoritysPatienceIsReadInBothForms(t *testing.T) {
	t.Parallel()
	f := func(text string, want time.Duration) {
		t.Helper()
		var p patience
		p.note(text)
		if got := time.Until(p.over()); want == 0 && !p.over().IsZero() || want > 0 && (got > want || got < want-5*time.Second) {
			t.Errorf("%q: %s", text, got)
		}
	}
	f("", 0)
	f("soon", 0)
	f("3600", time.Hour)
	f(time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), time.Hour)
	f("999999999", 7*24*time.Hour)
}

func TestWhatTheAuthoritySendsIsLookedAtBeforeItIsServed(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{"one.example.org"}})
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, chain []byte, host string, key *ecdsa.PrivateKey, want string) {
		t.Helper()
		_, err := checkChain([]acme.Certificate{{ChainPEM: chain}}, host, key)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	own, _ := other.Key.(*ecdsa.PrivateKey)
	f("as it should be", other.CertPEM(), "one.example.org", own, "")
	f("another key", other.CertPEM(), "one.example.org", key, "private key does not match")
	f("another host", other.CertPEM(), "two.example.org", own, "one.example.org")
	f("nothing", nil, "one.example.org", own, "failed to find any PEM data")
	f("nonsense", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), "one.example.org", own, "what the authority sent")
	old, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{"one.example.org"}, Until: time.Now().Add(-time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	own, _ = old.Key.(*ecdsa.PrivateKey)
	f("over", old.CertPEM(), "one.example.org", own, "check the clock")
	if _, err := checkChain(nil, "one.example.org", key); err == nil {
		t.Error("no chain at all passes")
	}
}

func TestSettingsAreHeldToWhatAnAuthorityAccepts(t *testing.T) {
	t.Parallel()
	f := func(change func(*Config), want string) {
		t.Helper()
		c := DefaultConfig()
		c.Enabled, c.AcceptTerms = true, true
		change(&c)
		var keys []string
		for _, p := range c.Validate([]string{"one.example.org"}) {
			keys = append(keys, p.Key)
		}
		if got := strings.Join(keys, " "); got != want {
			t.Errorf("mistakes in %q, want %q", got, want)
		}
	}
	f(func(*Config) {}, "")
	f(func(c *Config) { c.AcceptTerms = false }, "accept_terms")
	f(func(c *Config) { c.Email = "me" }, "email")
	f(func(c *Config) { c.Directory = "http://ca.example.org" }, "directory")
	f(func(c *Config) { c.CAFile = "/nowhere.pem" }, "ca_file")
	f(func(c *Config) { c.Hosts = []string{"two.example.org"} }, "hosts")
	f(func(c *Config) { *c = Config{} }, "")
	if p := (Config{Enabled: true, AcceptTerms: true, Directory: LetsEncrypt}).Validate([]string{"localhost"}); len(p) != 1 {
		t.Errorf("a name without a dot at a public authority: %v", p)
	}
	if _, err := New(Options{Log: logging.New(logging.Config{}, t.Output())}); fault.CodeOf(err) != "master_key_missing" {
		t.Errorf("without a master key: %v", err)
	}
}

func TestAManagerKeepsTheContractOfServices(t *testing.T) {
	t.Parallel()
	_, db := database(t)
	m := process(t, db, "one.example.org")
	for range 3 {
		if err := errors.Join(m.Start(t.Context()), m.Stop(t.Context()), m.Stop(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}

// A process with the wrong master key cannot use the account, says so, and keeps nobody else from ordering.
func TestAProcessWithTheWrongKeyKeepsItsFailureToItself(t *testing.T) {
	t.Parallel()
	d, db := database(t)
	m := process(t, db, "one.example.org")
	d.Exec(t, "INSERT INTO holdfast.certs_accounts (directory, email, location, sealed_key) VALUES ('"+
		m.opts.Config.Directory+"', '', 'https://127.0.0.1:1/a', '\\x01"+strings.Repeat("00", 60)+"')")
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		if s := m.Status()[0]; !strings.Contains(s.Error, "another files.master_key") || s.RetryAt.IsZero() {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	var n int
	if err := db.QueryRow(t.Context(), "SELECT count(*) FROM holdfast.certs_failures").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d failures are noted for all, %v", n, err)
	}
}
