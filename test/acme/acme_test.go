package acme_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/certs"
	"holdfast/internal/logging"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/secret"
)

const day = 24 * 60 * 60

// S1-69, ACME: two hosts get certificates, by a handshake or over plain HTTP, and nobody else's name does.
func TestASiteGetsCertificatesForItsHostsAndForNobodyElse(t *testing.T) {
	t.Parallel()
	for name, onlyHTTP := range map[string]bool{"by either challenge": false, "over plain HTTP": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, d := newAuthority(t, day), database(t)
			n := start(t, settings(a, "one.example.org", "two.example.org"), d)
			tlsAt := n.tlsAddr()
			if onlyHTTP {
				tlsAt = a.listener.Addr().String() // where nobody knows of the site
			}
			a.open(n.httpAddr(), tlsAt)
			for _, host := range []string{"one.example.org", "two.example.org"} {
				if c := served(t, n, host, a); len(c.DNSNames) != 1 || c.DNSNames[0] != host {
					t.Errorf("%s gets a certificate for %v", host, c.DNSNames)
				}
			}
			before := a.count(newOrder)
			if _, err := shake(t.Context(), n.tlsAddr(), "evil.example.net", a.roots()); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
				t.Errorf("a handshake for a strange host: %v", err)
			}
			if status, _ := get(t, n.httpAddr(), "evil.example.net", "/.well-known/acme-challenge/"+strings.Repeat("a", 43)); status != http.StatusMisdirectedRequest {
				t.Errorf("a challenge for a strange host: %d", status)
			}
			if status, _ := get(t, n.httpAddr(), "one.example.org", "/.well-known/acme-challenge/"+strings.Repeat("a", 43)); status != http.StatusMovedPermanently {
				t.Errorf("a token that is not ours: %d, want what any page gets", status)
			}
			if after := a.count(newOrder); after != before || number(t, d, "SELECT count(*) FROM holdfast.certs_issued") != 2 {
				t.Errorf("%d orders, then %d", before, after)
			}
			for _, s := range n.Certificates() {
				if s.Source != "acme" || s.Error != "" || s.Issuer == "" || time.Until(s.NotAfter) < 23*time.Hour {
					t.Errorf("status: %+v", s)
				}
			}
		})
	}
}

// Two processes share account, orders and challenges: one order, whoever the authority asks, and both serve what came of it.
func TestTwoProcessesPlaceOneOrderAndBothServeTheCertificate(t *testing.T) {
	t.Parallel()
	a, d := newAuthority(t, day), database(t)
	c := settings(a, "one.example.org")
	one := start(t, c, d)
	// The second one listens on the same ports of another address: the authority is always sent there.
	c.Listen, c.Listeners[0].Listen = beside(t, one.tlsAddr(), "127.0.0.2"), beside(t, one.httpAddr(), "127.0.0.2")
	two := start(t, c, d)
	a.names.lead(net.IPv4(127, 0, 0, 2))
	a.open(one.httpAddr(), one.tlsAddr())
	first, second := served(t, one, "one.example.org", a), served(t, two, "one.example.org", a)
	if !first.Equal(second) {
		t.Error("they serve different certificates")
	}
	if orders, accounts := a.count(newOrder), a.count(newAccount); orders != 1 || accounts != 1 {
		t.Errorf("%d orders, %d accounts; want one each", orders, accounts)
	}
}

// A certificate whose time has come is renewed again and again, in two processes and under load, and no handshake fails.
func TestRenewalsFailNoHandshake(t *testing.T) {
	t.Parallel()
	a, d := newAuthority(t, day), database(t)
	c := settings(a, "one.example.org")
	one := start(t, c, d)
	c.Listen, c.Listeners[0].Listen = beside(t, one.tlsAddr(), "127.0.0.2"), beside(t, one.httpAddr(), "127.0.0.2")
	two := start(t, c, d)
	a.open(one.httpAddr(), one.tlsAddr())
	served(t, one, "one.example.org", a)
	cert := served(t, two, "one.example.org", a)
	due := cert.NotAfter.Add(-cert.NotAfter.Sub(cert.NotBefore) / 3) // two thirds of its life, and a little before
	if at := two.Certificates()[0].RenewAt; at.After(due) || at.Before(due.Add(-time.Hour)) {
		t.Errorf("it is renewed at %s, want %s", at, due)
	}
	stop := shakeAll(t, a, one, two)
	for range 3 {
		d.Exec(t, "UPDATE holdfast.certs_issued SET renew_at = now()") // what two thirds of a day bring
		for _, n := range []*node{one, two} {
			eventually(t, "the next certificate", func() error {
				next, err := shake(t.Context(), n.tlsAddr(), "one.example.org", a.roots())
				if err == nil && next.Equal(cert) {
					err = errors.New("the same")
				}
				return err
			})
		}
		next := served(t, one, "one.example.org", a)
		if other := served(t, two, "one.example.org", a); !next.Equal(other) {
			t.Error("the processes serve different certificates")
		}
		cert = next
	}
	if n := stop(); n < 20 || a.count(newOrder) != 4 {
		t.Errorf("%d handshakes, %d orders for four certificates", n, a.count(newOrder))
	}
}

// shakeAll shakes hands with nodes all the time until stop, which returns how often. None may fail.
func shakeAll(t *testing.T, a *authority, nodes ...*node) (stop func() int64) {
	t.Helper()
	over := make(chan struct{})
	var all sync.WaitGroup
	var n atomic.Int64
	for _, to := range nodes {
		all.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(5 * time.Millisecond):
				}
				if _, err := shake(t.Context(), to.tlsAddr(), "one.example.org", a.roots()); err != nil {
					t.Error(err)
					return
				}
				n.Add(1)
			}
		})
	}
	return func() int64 {
		close(over)
		all.Wait()
		return n.Load()
	}
}

// An authority that says no is not asked again at once, by whichever process, nor after a restart; its patience counts.
func TestARefusalIsNotedForAllProcessesAndKeepsThemFromAsking(t *testing.T) {
	t.Parallel()
	a, d := newAuthority(t, day), database(t)
	a.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/order-plz" {
			return false
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "259200")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many certificates", "status": 429}`))
		return true
	})
	c := settings(a, "one.example.org")
	one := start(t, c, d)
	a.open(one.httpAddr(), one.tlsAddr())
	told := func(n *node) {
		t.Helper()
		eventually(t, "the refusal is told", func() error {
			s := n.Certificates()[0]
			if !strings.Contains(s.Error, "too many certificates") || time.Until(s.RetryAt) < 71*time.Hour {
				return fmt.Errorf("%+v", s)
			}
			return nil
		})
	}
	told(one)
	two := start(t, c, d)
	told(two)
	<-time.After(500 * time.Millisecond) // ten looks of each
	if n := a.count(newOrder); n != 1 {
		t.Errorf("%d orders", n)
	}
	if _, err := shake(t.Context(), one.tlsAddr(), "one.example.org", nil); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("a handshake without a certificate: %v", err)
	}
}

// A process starts while the authority is away, and gets its certificate when that is back.
func TestAnAuthorityThatIsAwayKeepsNobodyFromStarting(t *testing.T) {
	t.Parallel()
	a, d := newAuthority(t, day), database(t)
	away := settings(a, "one.example.org")
	away.ACME.Directory = "https://127.0.0.1:1/dir"
	n := start(t, away, d)
	eventually(t, "it is told", func() error {
		if s := n.Certificates()[0]; !strings.Contains(s.Error, "connection refused") || time.Until(s.RetryAt) > 15*time.Second {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if status, _ := get(t, n.httpAddr(), "one.example.org", "/"); status != http.StatusMovedPermanently {
		t.Errorf("plain HTTP meanwhile: %d", status)
	}
}

// Hosts come and go with a reload: a new one gets its certificate, and one that left is not served any more.
func TestAReloadBringsCertificatesForNewHosts(t *testing.T) {
	t.Parallel()
	a, d := newAuthority(t, day), database(t)
	c := settings(a, "one.example.org")
	n := start(t, c, d)
	a.open(n.httpAddr(), n.tlsAddr())
	served(t, n, "one.example.org", a)
	c.Hosts = []string{"two.example.org"}
	if err := n.Reload(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	served(t, n, "two.example.org", a)
	if _, err := shake(t.Context(), n.tlsAddr(), "one.example.org", a.roots()); err == nil {
		t.Error("a host that left is still served")
	}
}

// What lies in the database is of no use without the master key.
func TestKeysAreEncryptedInTheDatabase(t *testing.T) {
	t.Parallel()
	a, d := newAuthority(t, day), database(t)
	c := settings(a, "one.example.org")
	n := start(t, c, d)
	a.open(n.httpAddr(), n.tlsAddr())
	served(t, n, "one.example.org", a)
	cert := n.manager.Certificate("one.example.org")
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, column := range []string{"certs_issued", "certs_accounts"} {
		var sealed []byte
		if err := d.Conn(t).QueryRow(t.Context(), "SELECT sealed_key FROM holdfast."+column).Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		if _, err := x509.ParsePKCS8PrivateKey(sealed); err == nil || bytes.Contains(sealed, key[len(key)/2:]) {
			t.Errorf("%s holds a key as it is", column)
		}
	}
	before := a.count(newOrder)
	other, err := certs.New(certs.Options{
		Config: c.ACME, Hosts: c.Hosts, DB: postgrestest.Connect(t, d.URL()), Key: secret.New("another master key of another site"),
		Every: 20 * time.Millisecond, Log: logging.New(logging.Config{Level: "error"}, t.Output()),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the wrong key is told", func() error {
		if s := other.Status()[0]; !strings.Contains(s.Error, "another files.master_key") {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	<-time.After(200 * time.Millisecond) // ten looks
	if err := other.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if other.Certificate("one.example.org") != nil || a.count(newOrder) != before {
		t.Error("it has a certificate, or ordered another one")
	}
}

// Nobody but an authority speaks acme-tls/1, and it is told nothing about names that are not ours.
func TestTheProtocolOfAuthoritiesLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	a, d := newAuthority(t, day), database(t)
	n := start(t, settings(a, "one.example.org"), d)
	a.open(n.httpAddr(), n.tlsAddr())
	served(t, n, "one.example.org", a)
	for _, host := range []string{"one.example.org", "evil.example.net", ""} {
		d := tls.Dialer{Config: &tls.Config{ServerName: host, InsecureSkipVerify: true, NextProtos: []string{"acme-tls/1"}}}
		if conn, err := d.DialContext(t.Context(), "tcp", n.tlsAddr()); err == nil {
			conn.Close()
			t.Errorf("%q: a handshake without a challenge", host)
		}
	}
}
